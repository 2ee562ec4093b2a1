//! Instructions to signed requests.

use super::agreement;
use super::connection::OpenAccount;
use super::order;
use super::settings::Account;
use super::sign::{SIGN_TYPE, SignType};
use super::xml::Members;
use crate::request::{check_number, check_refund_number, reason};
use crate::settings::{Partner, app_of};
use channel::{
    BillDay, BillKind, Cancel, CodecContext, EncodeFault, Instruction, Method, PlacedOrder,
    PlacedRefund, Refund, Request, Step,
};

/// Who we say we are.
pub(super) const USER_AGENT: &str = concat!("tongbao/", env!("CARGO_PKG_VERSION"));
/// Of messages both ways.
pub(super) const CONTENT_TYPE: (&str, &str) = ("Content-Type", "text/xml; charset=utf-8");

impl OpenAccount {
    /// What carries out an instruction; `None` for what this interface does not have.
    pub(super) fn step(
        &self,
        instruction: &Instruction,
        context: &CodecContext,
    ) -> Result<Option<Step>, EncodeFault> {
        if let Some(step) = self.by_agreement(instruction, context)? {
            return Ok(Some(step));
        }
        Ok(self.request_for(instruction, context)?.map(Step::Send))
    }

    /// The same for agreements and debits, of an account that has plans.
    fn by_agreement(
        &self,
        instruction: &Instruction,
        context: &CodecContext,
    ) -> Result<Option<Step>, EncodeFault> {
        match instruction {
            // Refused by its scene, as any other that is not offered.
            Instruction::Place(_) if self.account.plans.is_empty() => Ok(None),
            Instruction::Place(place) if place.scene.is_by_agreement() => {
                check_number(&place.channel_order_no)?;
                order::check(place)?;
                agreement::step(&self.account, instruction, context)
            }
            _ => agreement::step(&self.account, instruction, context),
        }
    }

    /// The signed request that carries out an instruction; `None` for what this interface does not have.
    fn request_for(
        &self,
        instruction: &Instruction,
        context: &CodecContext,
    ) -> Result<Option<Request>, EncodeFault> {
        let (path, members) = match instruction {
            Instruction::Place(place) => {
                check_number(&place.channel_order_no)?;
                order::request(&self.account, place)?
            }
            Instruction::Query(placed) => ("/pay/orderquery", self.about_order(placed)?),
            Instruction::Close(placed) => ("/pay/closeorder", self.about_order(placed)?),
            Instruction::Cancel(cancel) => ("/secapi/pay/reverse", self.reversal(cancel)?),
            Instruction::Refund(refund) => ("/secapi/pay/refund", self.refund(refund)?),
            Instruction::QueryRefund(placed) => ("/pay/refundquery", self.about_refund(placed)?),
            Instruction::FindBill(day) => ("/pay/downloadbill", self.bill(day)?),
            Instruction::BindReceiver(_)
            | Instruction::UnbindReceiver(_)
            | Instruction::Share(_)
            | Instruction::QueryShare(_)
            | Instruction::Unfreeze(_)
            | Instruction::QueryUnshared(_)
            | Instruction::ReturnShare(_)
            | Instruction::QueryShareReturn(_)
            // They went another way.
            | Instruction::SignAgreement(_)
            | Instruction::QueryAgreement(_)
            | Instruction::TerminateAgreement(_)
            | Instruction::FetchKeys { .. }
            | Instruction::FetchBill(_) => return Ok(None),
        };
        Ok(Some(self.signed(path, members, context)))
    }

    fn signed(&self, path: &str, members: Members, context: &CodecContext) -> Request {
        let sign_type = self.account.sign_type;
        let members = members.with("nonce_str", &*context.nonce).with(SIGN_TYPE, sign_type.name());
        self.account.post(path, sign_type, members)
    }

    /// Who asks, in the account's own app.
    fn asker(&self) -> Members {
        self.asker_in(None)
    }

    /// Who asks, in the app that was named, else in the account's own.
    fn asker_in(&self, named: Option<&str>) -> Members {
        let Account { mchid, partner, appid, .. } = &self.account;
        let app = app_of(named, partner.as_ref(), appid);
        parties(mchid, partner.as_ref(), appid, app)
    }

    fn about_order(&self, placed: &PlacedOrder) -> Result<Members, EncodeFault> {
        check_number(&placed.channel_order_no)?;
        Ok(self.asker().with("out_trade_no", &*placed.channel_order_no))
    }

    fn reversal(&self, cancel: &Cancel) -> Result<Members, EncodeFault> {
        let number = &cancel.order.channel_order_no;
        check_number(number)?;
        Ok(self.asker_in(cancel.app_id.as_deref()).with("out_trade_no", &**number))
    }

    fn refund(&self, refund: &Refund) -> Result<Members, EncodeFault> {
        check_refund_number(&refund.channel_refund_no, "channel_refund_no")?;
        if !refund.amount.is_positive() {
            return Err(EncodeFault::unsupported("amount", "above zero wanted"));
        }
        Ok(self
            .asker()
            .with("transaction_id", &*refund.payment_reference)
            .with("out_refund_no", &*refund.channel_refund_no)
            .with("total_fee", refund.paid.get().to_string())
            .with("refund_fee", refund.amount.get().to_string())
            .with("refund_fee_type", refund.currency.code())
            .with("refund_desc", reason(refund))
            .with("notify_url", &*refund.callback_url))
    }

    fn about_refund(&self, placed: &PlacedRefund) -> Result<Members, EncodeFault> {
        check_refund_number(&placed.channel_refund_no, "channel_refund_no")?;
        Ok(self.asker().with("out_refund_no", &*placed.channel_refund_no))
    }

    fn bill(&self, day: &BillDay) -> Result<Members, EncodeFault> {
        match day.kind {
            BillKind::Trade => Ok(self
                .asker()
                .with("bill_date", day.date.strftime("%Y%m%d").to_string())
                .with("bill_type", "ALL")),
            BillKind::FundFlow | BillKind::Sharing => {
                let why = format!("{} is not fetched by v2", day.kind.name());
                Err(EncodeFault::unsupported("bill", why))
            }
        }
    }
}

impl Account {
    /// The request that carries these members, signed.
    pub(super) fn post(&self, path: &str, sign_type: SignType, members: Members) -> Request {
        Request {
            method: Method::Post,
            url: format!("{}{path}", self.base_url),
            headers: [CONTENT_TYPE, ("User-Agent", USER_AGENT)]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec(),
            body: sign_type.signed(members, &self.key).write(),
        }
    }
}

/// Who collects, and in which app.
pub(super) fn parties(
    mchid: &str,
    partner: Option<&Partner>,
    appid: &str,
    payers_app: &str,
) -> Members {
    let members = Members::default().with("mch_id", mchid);
    match partner {
        None => members.with("appid", payers_app),
        Some(partner) => members
            .with("appid", appid)
            .with("sub_mch_id", &*partner.sub_mchid)
            .with_some("sub_appid", (payers_app != appid).then_some(payers_app)),
    }
}
