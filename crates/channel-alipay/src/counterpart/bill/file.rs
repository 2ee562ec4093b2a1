//! The file of a bill, written from what happened: a ZIP of details and a summary, in GBK.

use super::Waiting;
use crate::bill::trade::{ACCOUNT, COLUMNS, PAID, REFUNDED};
use crate::counterpart::records::{self, BUYER_LOGON, Order, Paid, Refunding, State};
use crate::wire::{self, Yuan};
use channel::{DocumentFault, DocumentStore};
use encoding_rs::GBK;
use ledger::{Fen, Timestamp};
use std::io::{Cursor, Write as _};
use zip::ZipWriter;
use zip::result::ZipResult;
use zip::write::SimpleFileOptions;

/// Money that came or went back.
struct Happened {
    order: Order,
    at: Timestamp,
    /// In fen, below zero when it went back.
    fen: i64,
    /// The number of the refund.
    number: String,
}

/// The ZIP, if anything happened that day.
pub(super) fn zip(
    documents: &dyn DocumentStore,
    waiting: &Waiting,
    now: Timestamp,
) -> Result<Option<Vec<u8>>, DocumentFault> {
    let all = happened(documents, waiting)?;
    if all.is_empty() {
        return Ok(None);
    }
    let texts = [("detail", detail(waiting, &all, now)), ("summary", summary(waiting, &all))];
    let packed = packed(waiting, &texts);
    packed.map(Some).map_err(|why| DocumentFault(format!("bill: {why}")))
}

fn packed(waiting: &Waiting, texts: &[(&str, String)]) -> ZipResult<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in texts {
        let name = format!("{}0156_{}_{name}.csv", waiting.seller_id, waiting.date);
        zip.start_file(name, SimpleFileOptions::default())?;
        let (bytes, _, _) = GBK.encode(text);
        zip.write_all(&bytes)?;
    }
    Ok(zip.finish()?.into_inner())
}

/// What happened to the seller's money that day, oldest first.
fn happened(
    documents: &dyn DocumentStore,
    waiting: &Waiting,
) -> Result<Vec<Happened>, DocumentFault> {
    let mut all = Vec::new();
    for (_, key) in documents.list(records::LIST, usize::MAX)? {
        let Some(order) = records::read::<Order>(documents, &key)? else { continue };
        if let (State::Paid(paid), true) = (&order.state, order.seller_id == waiting.seller_id) {
            all.push(payment(&order, paid, waiting));
            all.extend(refunds(documents, &order)?);
        }
    }
    let day = waiting.from_ms..waiting.until_ms;
    all.retain(|one| day.contains(&one.at.ms()));
    all.sort_by_key(|one| one.at);
    Ok(all)
}

fn payment(order: &Order, paid: &Paid, waiting: &Waiting) -> Happened {
    Happened {
        order: order.clone(),
        at: Timestamp::from_ms(paid.at_ms),
        fen: order.total.saturating_add(i64::from(waiting.is_false)),
        number: String::new(),
    }
}

fn refunds(documents: &dyn DocumentStore, order: &Order) -> Result<Vec<Happened>, DocumentFault> {
    let prefix = records::refund_key(&order.key(), "");
    let mut all = Vec::new();
    for (key, _) in documents.list(&prefix, usize::MAX)? {
        if let Some(refund) = records::read::<Refunding>(documents, &key)? {
            all.push(Happened {
                order: order.clone(),
                at: Timestamp::from_ms(refund.at_ms),
                fen: -refund.amount,
                number: key.strip_prefix(&prefix).unwrap_or_default().to_owned(),
            });
        }
    }
    Ok(all)
}

fn detail(waiting: &Waiting, all: &[Happened], now: Timestamp) -> String {
    let rows: String = all.iter().map(Happened::line).collect();
    let total = |wanted: fn(&i64) -> bool| {
        let chosen: Vec<i64> = all.iter().map(|one| one.fen).filter(wanted).collect();
        format!("{}笔，商家实收共{}元", chosen.len(), yuan(chosen.iter().sum()))
    };
    format!(
        "#支付宝业务明细查询\r\n{}#-----业务明细列表-----\r\n{}\r\n{rows}#-----业务明细列表结束-----\r\n\
         #交易合计：{}\r\n#退款合计：{}\r\n#导出时间：[{}]\r\n",
        head(waiting),
        COLUMNS.join(","),
        total(|fen| *fen > 0),
        total(|fen| *fen < 0),
        wire::time_text(now),
    )
}

fn summary(waiting: &Waiting, all: &[Happened]) -> String {
    let (paid, refunded): (Vec<i64>, Vec<i64>) =
        all.iter().map(|one| one.fen).partition(|fen| *fen > 0);
    let total = paid.iter().chain(&refunded).sum();
    format!(
        "#支付宝业务汇总查询\r\n{}门店编号,门店名称,交易订单总笔数,退款订单总笔数,实收净额（元）\r\n\
         合计,,{},{},{}\r\n",
        head(waiting),
        paid.len(),
        refunded.len(),
        yuan(total),
    )
}

fn head(waiting: &Waiting) -> String {
    format!("#{ACCOUNT}：[{}0156]\r\n#日期：[{}]\r\n", waiting.seller_id, waiting.date)
}

impl Happened {
    /// A line with the tabs that the channel writes behind numbers.
    fn line(&self) -> String {
        let Order { out_trade_no, subject, created_ms, .. } = &self.order;
        let trade_no = self.order.trade_no().unwrap_or_default();
        let kind = if self.fen > 0 { PAID } else { REFUNDED };
        let created = wire::time_text(Timestamp::from_ms(*created_ms));
        let (at, amount) = (wire::time_text(self.at), yuan(self.fen));
        // A line break would begin another row.
        let subject = subject.replace(['\r', '\n'], " ");
        format!(
            "{trade_no}\t,{out_trade_no}\t,{kind},{subject}      ,{created},{at},,,,,{BUYER_LOGON}\t,\
             {amount},{amount},0.00,0.00,0.00,0.00,0.00,,0.00,0.00,{}\t,0.00,0.00,      \r\n",
            self.number,
        )
    }
}

fn yuan(fen: i64) -> String {
    Yuan(Fen::new(fen)).text()
}
