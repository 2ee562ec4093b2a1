//! What a developer can turn at the simulated channel: the kind that a merchant trusts, a rotation of
//! platform certificates, and what `sharing` has to turn.

use crate::counterpart::platform_keys::{self, Trust};
use crate::counterpart::sharing;
use crate::counterpart::world::{Merchant, World};
use channel::{CodecContext, DocumentStore, SwitchFault};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TrustArguments {
    mchid: String,
    /// Shown as it is when nothing is given.
    trust: Option<Trust>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoArguments {}

/// Turns a switch; the answer says how it stands then.
pub(super) fn turn(
    world: &World,
    documents: &mut dyn DocumentStore,
    name: &str,
    arguments: &str,
    context: &CodecContext,
) -> Result<String, SwitchFault> {
    let answer = match name {
        "trust" => turn_trust(world, documents, &read(arguments)?)?,
        "rotate" => {
            let NoArguments {} = read(arguments)?;
            let made = platform_keys::rotate(world, documents, context)?;
            json!({ "platform_serial_no": made.serial, "platform_cert_pem": made.pem })
        }
        "end_rotation" => {
            let NoArguments {} = read(arguments)?;
            json!({ "dropped": platform_keys::drop_old(world, documents)? })
        }
        "max_ratio" => sharing::switch::max_ratio(world, documents, read(arguments)?)?,
        "receiver_url" => sharing::switch::receiver_url(world, documents, read(arguments)?)?,
        "balance" => sharing::switch::balance(documents, read(arguments)?)?,
        _ => return Err(SwitchFault::Unknown),
    };
    Ok(answer.to_string())
}

fn turn_trust(
    world: &World,
    documents: &mut dyn DocumentStore,
    arguments: &TrustArguments,
) -> Result<Value, SwitchFault> {
    let merchant = merchant(world, &arguments.mchid)?;
    if let Some(trust) = arguments.trust {
        platform_keys::set_trust(documents, merchant, trust)?;
    }
    let trust = platform_keys::trust_of(documents, merchant)?;
    let newest = platform_keys::newest(world, documents)?.read()?;
    Ok(json!({
        "mchid": merchant.mchid, "trust": trust,
        "platform_serial_no": newest.serial, "platform_cert_pem": newest.pem,
    }))
}

fn merchant<'a>(world: &'a World, mchid: &str) -> Result<&'a Merchant, SwitchFault> {
    let known = world.merchant(mchid);
    known.ok_or_else(|| SwitchFault::Refused("mchid: no merchant has this number".to_owned()))
}

fn read<T: DeserializeOwned>(arguments: &str) -> Result<T, SwitchFault> {
    serde_json::from_str(arguments).map_err(|error| SwitchFault::Refused(error.to_string()))
}
