//! The files of bills, written from what happened.

use crate::bill::yuan::write as yuan;
use crate::counterpart::CallContext;
use crate::counterpart::bill::time;
use crate::counterpart::records::{self, Discount, End, Entry, Order, Paid, Refunding};
use channel::{BillDay, DocumentFault, FaultMode};
use ledger::Timestamp;

const TRADE_HEADER: &str = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,\
    用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,\
    退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,\
    费率备注";
const TRADE_SUMMARY: &str = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,\
    订单总金额,申请退款总金额";
const FUNDS_HEADER: &str = "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,\
    收支金额(元),账户结余(元),资金变更提交申请人,备注,业务凭证号";
const FUNDS_SUMMARY: &str = "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额";

/// What happened to money, with what it happened to.
enum Happened {
    Paid { order: Order, paid: Paid },
    Refunded { order: Order, paid: Paid, refund: Box<Refunding>, by: By },
}

/// How the money went back.
#[derive(Clone, Copy)]
enum By {
    Refund,
    Reversal,
}

impl By {
    /// The trade's state in bills.
    const fn word(self) -> &'static str {
        match self {
            By::Refund => "REFUND",
            By::Reversal => "REVOKED",
        }
    }
}

/// The trade bill of a day, if anything happened: of one sub-merchant, or of all that the merchant
/// collects.
pub(super) fn trade(
    call: &CallContext<'_>,
    day: &BillDay,
    sub_mchid: Option<&str>,
) -> Result<Option<String>, DocumentFault> {
    let mut rows = Vec::new();
    for happened in happened(call, |at| day.contains(at))? {
        let own = happened.order().parties.sub_mchid.as_deref();
        if sub_mchid.is_none() || own == sub_mchid {
            rows.push(happened);
        }
    }
    if rows.is_empty() {
        return Ok(None);
    }
    let lie = i64::from(*call.mode == FaultMode::WrongAmount);
    let lines = rows.iter().map(|row| row.trade_line(&call.merchant.mchid, lie));
    let sum = |of: &dyn Fn(&Happened) -> i64| yuan(rows.iter().map(of).sum());
    let summary = [
        rows.len().to_string(),
        sum(&|row| row.paid_fen(lie) - row.paid_discount().unsettled),
        sum(&|row| row.refunded_fen() - row.refunded_discount().unsettled),
        sum(&|row| row.refunded_discount().settled()),
        yuan(0),
        sum(&|row| row.paid_fen(lie)),
        sum(&Happened::refunded_fen),
    ];
    Ok(Some(file(TRADE_HEADER, lines, TRADE_SUMMARY, &summary)))
}

/// The fund bill of a day, if the balance changed. Money of sub-merchants is on accounts of theirs.
pub(super) fn fund_flow(
    call: &CallContext<'_>,
    day: &BillDay,
) -> Result<Option<String>, DocumentFault> {
    let (mut balance, mut lines) = (0, Vec::new());
    let (mut came, mut went) = ((0_usize, 0), (0_usize, 0));
    for happened in happened(call, |at| at < day.ends_at())? {
        let fen = happened.balance_fen();
        balance += fen;
        if fen == 0 || !day.contains(happened.at()) {
            continue;
        }
        let side = if fen > 0 { &mut came } else { &mut went };
        *side = (side.0 + 1, side.1 + fen.abs());
        lines.push(happened.funds_line(fen, balance));
    }
    if lines.is_empty() {
        return Ok(None);
    }
    let summary = [
        lines.len().to_string(),
        came.0.to_string(),
        yuan(came.1),
        went.0.to_string(),
        yuan(went.1),
    ];
    Ok(Some(file(FUNDS_HEADER, lines.into_iter(), FUNDS_SUMMARY, &summary)))
}

fn file<const N: usize>(
    header: &str,
    rows: impl Iterator<Item = Vec<String>>,
    summary_header: &str,
    summary: &[String; N],
) -> String {
    let mut text = format!("\u{feff}{header}\r\n");
    for row in rows {
        text.push_str(&line(&row));
    }
    text.push_str(&format!("{summary_header}\r\n"));
    text.push_str(&line(summary));
    text
}

/// Every value begins with a backtick.
pub(super) fn line(values: &[String]) -> String {
    let values: Vec<String> = values.iter().map(|value| format!("`{value}")).collect();
    format!("{}\r\n", values.join(","))
}

/// What happened at the wanted times, oldest first.
fn happened(
    call: &CallContext<'_>,
    wanted: impl Fn(Timestamp) -> bool,
) -> Result<Vec<Happened>, DocumentFault> {
    let mut all = Vec::new();
    for entry in records::entries(call.documents, &call.merchant.mchid)? {
        if wanted(Timestamp::from_ms(entry.at_ms())) {
            all.extend(read(call, &entry)?);
        }
    }
    Ok(all)
}

fn read(call: &CallContext<'_>, entry: &Entry) -> Result<Option<Happened>, DocumentFault> {
    match entry {
        Entry::Paid { order_key, .. } => {
            let found = payment(call, order_key)?;
            Ok(found.map(|(order, paid)| Happened::Paid { order, paid }))
        }
        Entry::Refunded { refund_key, .. } => back(call, refund_key, By::Refund),
        Entry::Reversed { refund_key, .. } => back(call, refund_key, By::Reversal),
        // Shares have a bill of their own.
        Entry::Shared { .. } | Entry::Returned { .. } => Ok(None),
    }
}

fn back(call: &CallContext<'_>, key: &str, by: By) -> Result<Option<Happened>, DocumentFault> {
    let Some(refund) = records::read::<Refunding>(call.documents, key)? else { return Ok(None) };
    let found = payment(call, &refund.order_key)?;
    let refund = Box::new(refund);
    Ok(found.map(|(order, paid)| Happened::Refunded { order, paid, refund, by }))
}

fn payment(call: &CallContext<'_>, key: &str) -> Result<Option<(Order, Paid)>, DocumentFault> {
    let Some(order) = records::read::<Order>(call.documents, key)? else { return Ok(None) };
    let paid = order.payment().cloned();
    Ok(paid.map(|paid| (order, paid)))
}

impl Happened {
    fn order(&self) -> &Order {
        match self {
            Happened::Paid { order, .. } | Happened::Refunded { order, .. } => order,
        }
    }

    fn at(&self) -> Timestamp {
        Timestamp::from_ms(match self {
            Happened::Paid { paid, .. } => paid.at_ms,
            Happened::Refunded { refund, .. } => refund.created_ms,
        })
    }

    /// What the payer paid, in a payment's row.
    fn paid_fen(&self, lie: i64) -> i64 {
        match self {
            Happened::Paid { order, .. } => order.total.saturating_add(lie),
            Happened::Refunded { .. } => 0,
        }
    }

    /// What goes back, in a refund's row.
    fn refunded_fen(&self) -> i64 {
        match self {
            Happened::Paid { .. } => 0,
            Happened::Refunded { refund, .. } => refund.refund,
        }
    }

    /// What coupons paid, in a payment's row.
    fn paid_discount(&self) -> Discount {
        match self {
            Happened::Paid { order, .. } => order.discount(),
            Happened::Refunded { .. } => Discount::default(),
        }
    }

    /// What goes back to coupons, in a refund's row.
    fn refunded_discount(&self) -> Discount {
        match self {
            Happened::Paid { .. } => Discount::default(),
            Happened::Refunded { refund, .. } => refund.discount,
        }
    }

    /// What it does to the balance of the merchant who signs.
    fn balance_fen(&self) -> i64 {
        match self {
            _ if self.order().parties.sub_mchid.is_some() => 0,
            Happened::Paid { order, .. } => order.total - order.discount().unsettled,
            Happened::Refunded { refund, .. } => match refund.end {
                End::Done | End::Processing | End::Abnormal => {
                    refund.discount.unsettled - refund.refund
                }
                End::Closed => 0,
            },
        }
    }

    fn trade_line(&self, mchid: &str, lie: i64) -> Vec<String> {
        let (order, paid) = match self {
            Happened::Paid { order, paid } | Happened::Refunded { order, paid, .. } => {
                (order, paid)
            }
        };
        let refund = match self {
            Happened::Paid { .. } => None,
            Happened::Refunded { refund, .. } => Some(&**refund),
        };
        let state = match self {
            Happened::Paid { .. } => "SUCCESS",
            Happened::Refunded { by, .. } => by.word(),
        };
        let of_refund =
            |text: fn(&Refunding) -> &str, none: &str| refund.map_or(none, text).to_owned();
        let (total, back) = (self.paid_fen(lie), self.refunded_fen());
        let (coupons, coupons_back) = (self.paid_discount(), self.refunded_discount());
        let parties = &order.parties;
        let appid = parties.sp_appid.as_ref().or(parties.appid.as_ref());
        let payer = &paid.payer;
        let openid =
            payer.openid.as_ref().or(payer.sp_openid.as_ref()).or(payer.sub_openid.as_ref());
        vec![
            time(self.at().ms()),
            appid.cloned().unwrap_or_default(),
            mchid.to_owned(),
            parties.sub_mchid.clone().unwrap_or_else(|| "0".to_owned()),
            order.device_id.clone().unwrap_or_default(),
            paid.transaction_id.clone(),
            order.out_trade_no.clone(),
            openid.cloned().unwrap_or_default(),
            order.trade.trade_type().to_owned(),
            state.to_owned(),
            paid.bank_type.clone(),
            "CNY".to_owned(),
            yuan(total - coupons.unsettled),
            yuan(coupons.amount),
            of_refund(|refund| &refund.refund_id, "0"),
            of_refund(|refund| &refund.out_refund_no, "0"),
            yuan(back - coupons_back.unsettled),
            yuan(coupons_back.settled()),
            of_refund(|_| "ORIGINAL", ""),
            of_refund(|refund| status(refund.end), ""),
            order.description.clone(),
            order.attach.clone().unwrap_or_default(),
            "0.00000".to_owned(),
            "0.00%".to_owned(),
            yuan(total),
            yuan(back),
            String::new(),
        ]
    }

    fn funds_line(&self, fen: i64, balance: i64) -> Vec<String> {
        let (business, number, what) = match self {
            Happened::Paid { order, paid } => (&paid.transaction_id, &order.out_trade_no, "交易"),
            Happened::Refunded { refund, .. } => (&refund.refund_id, &refund.out_refund_no, "退款"),
        };
        let transaction = match self {
            Happened::Paid { paid, .. } | Happened::Refunded { paid, .. } => &paid.transaction_id,
        };
        let direction = if fen > 0 { "收入" } else { "支出" };
        [
            time(self.at().ms()),
            business.clone(),
            transaction.clone(),
            what.to_owned(),
            what.to_owned(),
            direction.to_owned(),
            yuan(fen.abs()),
            yuan(balance),
            "system".to_owned(),
            String::new(),
            number.clone(),
        ]
        .to_vec()
    }
}

/// A refund's state in bills.
const fn status(end: End) -> &'static str {
    match end {
        End::Done => "SUCCESS",
        End::Processing => "PROCESSING",
        End::Closed => "FAIL",
        End::Abnormal => "CHANGE",
    }
}
