//! What an order keeps of its request beyond the kernel's terms: compact JSON text, opaque to
//! everybody else. Pay codes and password proofs are never kept.

use crate::check::Malformed;
use crate::faults::Fault;
use crate::json::{Json, Rest};
use crate::map::unwritable;
use crate::members::Share;
use crate::pay_channel::AUTH_CODE;
use crate::wire::UnifiedOrder;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Members of `SceneInfo` that stand in the kernel's terms.
const SCENE_ELSEWHERE: &[&str] = &["PayerClientIp", "DeviceId"];
/// Members of `WalletInfo` that must not be kept.
const WALLET_SECRET: &[&str] = &["VerifyToken"];

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Written<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    attachment: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remark: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profit_share_info_list: Option<&'a [Share<'a>]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    product_list: Option<&'a Json<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payee_list: Option<&'a [&'a str]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payer_info: Option<Rest<'a, 'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wallet_info: Option<Rest<'a, 'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scene_info: Option<Rest<'a, 'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_payment_data: Option<Rest<'a, 'a>>,
}

/// The most that is kept with an order, in bytes: every decision about the order reads it.
const DETAILS_LEN_MAX: usize = 16 * 1024;

/// Writes what is kept of an order request, unless it is too much.
pub(crate) fn write(order: &UnifiedOrder<'_>) -> Result<String, Fault> {
    let details = text(order).map_err(unwritable)?;
    if details.len() > DETAILS_LEN_MAX {
        let why = format!("too long, want at most {DETAILS_LEN_MAX} bytes of lists and objects");
        return Err(Malformed::new(&largest(&details), why).into());
    }
    Ok(details)
}

/// The member that takes most of it.
fn largest(details: &str) -> String {
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(details).unwrap_or_default();
    let largest = members.into_iter().max_by_key(|(_, value)| value.get().len());
    largest.map(|(name, _)| name).unwrap_or_default()
}

fn text(order: &UnifiedOrder<'_>) -> Result<String, serde_json::Error> {
    let named;
    // What stands in the kernel's terms, and what must not be kept.
    let elsewhere: &[&'static str] = match order.pay_channel.and_then(|row| row.payer.as_ref()) {
        Some(payer) => {
            named = [payer.app, payer.user, AUTH_CODE];
            &named
        }
        None => &[AUTH_CODE],
    };
    let external = order.external.as_ref();
    serde_json::to_string(&Written {
        attachment: order.attachment,
        remark: order.remark,
        // The items stand in the kernel's terms.
        profit_share_info_list: order.shares.as_deref().filter(|shares| shares.is_empty()),
        product_list: order.products,
        payee_list: order.payees.as_deref(),
        payer_info: order.payer_info.and_then(|payer| payer.without(&[])),
        wallet_info: order.wallet_info.and_then(|wallet| wallet.without(WALLET_SECRET)),
        scene_info: order.scene_info.and_then(|scene| scene.without(SCENE_ELSEWHERE)),
        external_payment_data: external.and_then(|data| data.object().without(elsewhere)),
    })
}

/// What is shown again.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Kept<'a> {
    pub(crate) attachment: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(crate) profit_share_info_list: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) product_list: Option<&'a RawValue>,
}

/// Reads it. Orders of other dialects keep theirs in other forms.
pub(crate) fn read(order: &kernel::Order) -> Result<Kept<'_>, serde_json::Error> {
    if &*order.terms.request.dialect == crate::NAME {
        serde_json::from_str(&order.terms.request.details)
    } else {
        Ok(Kept::default())
    }
}
