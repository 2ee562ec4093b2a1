//! Whether a merchant signed what its client hands to the payer's app, with the API key.

use crate::counterpart::phone::{Handed, check_partner, refused};
use crate::counterpart::records::Order;
use crate::counterpart::world::World;
use crate::v2::order::{jsapi_members, sdk_members};
use crate::v2::sign::SignType;
use channel::PhoneFault;

/// Refuses what is not signed for the order's app as the order was.
pub(in crate::counterpart) fn check(
    world: &World,
    order: &Order,
    sign_type: SignType,
    handed: &Handed,
) -> Result<(), PhoneFault> {
    let own = order.client_appid();
    let lacks = || refused("调用支付参数不完整或格式有误");
    let (appid, members, signature) = match handed {
        Handed::Code { .. } | Handed::Link { .. } => return Ok(()),
        Handed::Bridge(handed) if handed.sign_type != sign_type.name() => {
            return Err(refused("signType参数错误"));
        }
        Handed::Bridge(handed) => {
            let at = handed.at.text().ok_or_else(lacks)?;
            let appid = handed.app_id.as_deref().unwrap_or(own);
            let (nonce, package) = (&handed.nonce_str, &handed.package);
            let members = jsapi_members(appid, &at, nonce, package, &handed.sign_type);
            (appid, members, &handed.pay_sign)
        }
        Handed::Sdk(handed) => {
            check_partner(order, handed)?;
            let at = handed.at.text().ok_or_else(lacks)?;
            let appid = handed.appid.as_deref().unwrap_or(own);
            let partner = handed.partnerid.as_deref().unwrap_or(order.mchid());
            let members = sdk_members(appid, partner, &handed.prepayid, &at, &handed.noncestr);
            (appid, members, &handed.sign)
        }
    };
    let key = world.merchant(order.mchid()).and_then(|merchant| merchant.api_v2_key.as_ref());
    match key.is_some_and(|key| sign_type.sign(&members, key) == *signature) && appid == own {
        true => Ok(()),
        false => Err(refused("商家签名有误")),
    }
}
