//! What calls about sharing answer.

use super::records::{Item, Returning, Sharing};
use crate::sharing::wire::{
    CLOSED, FAILED, FINISHED, MERCHANT_ID, PENDING, PROCESSING, ReturnAnswer, SUCCESS, ShareAnswer,
    SharedReceiver,
};
use crate::wire;
use channel::FaultMode;
use ledger::Timestamp;

/// How the released rest is described.
const REST: &str = "解冻给分账方";

/// A share as it stands now.
pub(super) fn share(sharing: &Sharing, mode: &FaultMode, now: Timestamp) -> ShareAnswer {
    let is_final = now >= sharing.ends_at();
    let rest = (sharing.released > 0).then(|| rest(sharing));
    let items = sharing.items.iter().chain(&rest).enumerate();
    let lie = i64::from(*mode == FaultMode::WrongAmount);
    ShareAnswer {
        sub_mchid: sharing.sub_mchid.clone(),
        transaction_id: sharing.transaction_id.clone(),
        out_order_no: sharing.out_order_no.clone(),
        order_id: sharing.order_id.clone(),
        state: if is_final { FINISHED } else { PROCESSING }.to_owned(),
        receivers: items
            .map(|(at, item)| {
                let shown = receiver(sharing, at, item, is_final);
                SharedReceiver { amount: shown.amount.saturating_add(lie), ..shown }
            })
            .collect(),
    }
}

/// The released rest is an item of the sharing merchant itself.
fn rest(sharing: &Sharing) -> Item {
    Item {
        kind: MERCHANT_ID.to_owned(),
        account: sharing.payee.clone(),
        amount: sharing.released,
        description: REST.to_owned(),
        fail_reason: None,
        returned: 0,
    }
}

fn receiver(sharing: &Sharing, at: usize, item: &Item, is_final: bool) -> SharedReceiver {
    let result = match &item.fail_reason {
        _ if !is_final => PENDING,
        None => SUCCESS,
        Some(_) => CLOSED,
    };
    let created = wire::time_text(Timestamp::from_ms(sharing.created_ms));
    SharedReceiver {
        kind: item.kind.clone(),
        account: item.account.clone(),
        amount: item.amount,
        description: item.description.clone(),
        result: result.to_owned(),
        fail_reason: item.fail_reason.clone().filter(|_| is_final),
        detail_id: Some(sharing.detail_id(at)),
        create_time: Some(created),
        finish_time: is_final.then(|| wire::time_text(sharing.ends_at())),
    }
}

/// A return.
pub(super) fn returned(returning: &Returning, mode: &FaultMode) -> ReturnAnswer {
    let result = if returning.fail_reason.is_none() { SUCCESS } else { FAILED };
    let at = wire::time_text(Timestamp::from_ms(returning.at_ms));
    let lie = i64::from(*mode == FaultMode::WrongAmount);
    ReturnAnswer {
        sub_mchid: returning.sub_mchid.clone(),
        order_id: returning.order_id.clone(),
        out_order_no: returning.out_order_no.clone(),
        out_return_no: returning.out_return_no.clone(),
        return_id: returning.return_id.clone(),
        return_mchid: returning.return_mchid.clone(),
        amount: returning.amount.saturating_add(lie),
        description: returning.description.clone(),
        result: result.to_owned(),
        fail_reason: returning.fail_reason.clone(),
        create_time: Some(at.clone()),
        finish_time: Some(at),
    }
}
