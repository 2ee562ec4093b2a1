//! What a developer can turn about sharing, and a look at who has how much.

use super::callback::url_key;
use super::records::{BALANCES, add, balance as balance_of, ratio_key};
use crate::counterpart::records;
use crate::counterpart::world::World;
use channel::{DocumentFault, DocumentStore, SwitchFault};
use serde::Deserialize;
use serde_json::{Value, json};

/// Ratios are in ten thousandths.
pub(super) const WHOLE: u32 = 10_000;
/// Shares of an order give receivers 30 % of it at most, unless a merchant's portal says otherwise.
const RATIO: u32 = 3_000;
/// The portal takes no less than 1 %.
const RATIO_MIN: u32 = 100;

/// The largest part of an order that the merchant shares.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::counterpart) struct RatioArguments {
    /// The merchant whose money is shared: the sub-merchant of a service provider.
    mchid: String,
    /// Shown as it is when nothing is given.
    max_ratio: Option<u32>,
}

/// Whose balance is looked at.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::counterpart) struct BalanceArguments {
    /// A merchant's number or a person's openid; all are listed when nothing is given.
    account: Option<String>,
    /// What its owner takes out of it, in fen.
    take_out: Option<i64>,
}

/// Shows or sets the largest part of orders that can be shared.
pub(in crate::counterpart) fn max_ratio(
    world: &World,
    documents: &mut dyn DocumentStore,
    arguments: RatioArguments,
) -> Result<Value, SwitchFault> {
    let RatioArguments { mchid, max_ratio } = arguments;
    if !world.collects(&mchid) {
        return Err(refused("mchid: no merchant has this number"));
    }
    if let Some(max_ratio) = max_ratio {
        if !(RATIO_MIN..=WHOLE).contains(&max_ratio) {
            return Err(refused("max_ratio: want 100 to 10000, in ten thousandths"));
        }
        records::write(documents, &ratio_key(&mchid), &max_ratio)?;
    }
    let max_ratio = max_ratio_of(documents, &mchid)?;
    Ok(json!({ "mchid": mchid, "max_ratio": max_ratio }))
}

/// Where a merchant that gets shares is notified of them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::counterpart) struct UrlArguments {
    /// A merchant or service provider: others have no key of their own.
    mchid: String,
    /// Shown as it is when nothing is given.
    url: Option<String>,
}

/// Shows or sets where a receiver is notified.
pub(in crate::counterpart) fn receiver_url(
    world: &World,
    documents: &mut dyn DocumentStore,
    arguments: UrlArguments,
) -> Result<Value, SwitchFault> {
    let UrlArguments { mchid, url } = arguments;
    if world.merchant(&mchid).is_none() {
        return Err(refused("mchid: no merchant has this number"));
    }
    if let Some(url) = url {
        let is_web = url.starts_with("http://") || url.starts_with("https://");
        if !is_web || url.contains('?') {
            return Err(refused("url: want http or https, and no query"));
        }
        records::write(documents, &url_key(&mchid), &url)?;
    }
    let url: Option<String> = records::read(documents, &url_key(&mchid))?;
    Ok(json!({ "mchid": mchid, "url": url }))
}

/// Shows balances, and lets the owner of one spend.
pub(in crate::counterpart) fn balance(
    documents: &mut dyn DocumentStore,
    arguments: BalanceArguments,
) -> Result<Value, SwitchFault> {
    let Some(account) = arguments.account else {
        return Ok(json!({ "balances": all(documents)? }));
    };
    let has = balance_of(documents, &account)?;
    let take_out = arguments.take_out.unwrap_or_default();
    if !(0..=has.max(0)).contains(&take_out) {
        return Err(refused("take_out: not so much is there"));
    }
    add(documents, &account, -take_out)?;
    Ok(json!({ "account": account, "balance": has - take_out }))
}

fn all(documents: &dyn DocumentStore) -> Result<Value, DocumentFault> {
    let keys = documents.list(BALANCES, usize::MAX)?.into_iter();
    let accounts = keys.filter_map(|(key, _)| Some(key.strip_prefix(BALANCES)?.to_owned()));
    let balances = accounts.map(|account| {
        let has = balance_of(documents, &account)?;
        Ok((account, Value::from(has)))
    });
    Ok(Value::Object(balances.collect::<Result<_, DocumentFault>>()?))
}

/// The largest part of a merchant's orders that can be shared, in ten thousandths.
pub(super) fn max_ratio_of(
    documents: &dyn DocumentStore,
    payee: &str,
) -> Result<u32, DocumentFault> {
    Ok(records::read(documents, &ratio_key(payee))?.unwrap_or(RATIO))
}

fn refused(why: &str) -> SwitchFault {
    SwitchFault::Refused(why.to_owned())
}
