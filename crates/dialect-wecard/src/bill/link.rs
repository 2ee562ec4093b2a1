//! Links to bills' files: the holder of one may fetch the file, for some minutes. Everything that a link
//! means stands in it, tagged under a key of the installation; nothing is kept about it.

use super::wire::{BillName, BillType};
use crate::faults::{ErrCode, Fault};
use crate::time;
use engine::Secrets;
use kernel::{MerchantId, TenantId};
use ledger::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How long a link works, in seconds.
const LIFE_SECONDS: i64 = 600;
/// What links are tagged for.
const PURPOSE: &str = "wecard/bill/download";
/// A longer token is not one of ours, in bytes.
const TOKEN_LEN_MAX: usize = 2048;

/// What a link lets its holder fetch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claims {
    tenant: String,
    /// Whose budget a download draws from: the key that requested the link.
    secret_id: String,
    merchant: String,
    date: String,
    bill_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pay_channel: Option<String>,
    /// The hash of the file as it was shown with the link.
    pub(super) hash: String,
    expires_at: i64,
}

impl Claims {
    pub(super) fn new(
        tenant: &TenantId,
        secret_id: &str,
        bill: &BillName,
        hash: &str,
        now: Timestamp,
    ) -> Claims {
        Claims {
            tenant: tenant.as_str().to_owned(),
            secret_id: secret_id.to_owned(),
            merchant: bill.merchant.as_str().to_owned(),
            date: bill.date.clone(),
            bill_type: bill.bill_type.name().to_owned(),
            pay_channel: bill.pay_channel.clone(),
            hash: hash.to_owned(),
            expires_at: now.plus_seconds(LIFE_SECONDS).ms(),
        }
    }

    /// The text that proves itself: the claims, a dot, the tag.
    pub(super) fn token(&self, secrets: &Secrets) -> Result<String, Fault> {
        let claims = serde_json::to_vec(self).map_err(crate::map::unwritable)?;
        let claims = url_safe(&crypto::text::base64(&claims));
        let tag = secrets.tag(PURPOSE, &claims);
        Ok(format!("{claims}.{tag}"))
    }

    /// Reads a token that this installation made and whose time is not up.
    pub(super) fn read(token: &str, secrets: &Secrets, now: Timestamp) -> Result<Claims, Fault> {
        let bad = || Fault::new(ErrCode::SignatureFailure, "the link is not one of this gateway");
        let (claims, tag) = token.split_once('.').ok_or_else(bad)?;
        if token.len() > TOKEN_LEN_MAX || !secrets.is_tag(PURPOSE, claims, tag) {
            return Err(bad());
        }
        let bytes = crypto::text::from_base64(&from_url_safe(claims)).map_err(|_| bad())?;
        let claims: Claims = serde_json::from_slice(&bytes).map_err(|_| bad())?;
        if now.ms() >= claims.expires_at {
            let text = "the link has expired, request another one";
            return Err(Fault::new(ErrCode::SignatureExpire, text));
        }
        Ok(claims)
    }

    pub(super) fn tenant(&self) -> TenantId {
        TenantId::new(&self.tenant)
    }

    pub(super) fn secret_id(&self) -> Arc<str> {
        Arc::from(&*self.secret_id)
    }

    /// The bill; what was tagged was read before.
    pub(super) fn bill(&self) -> Option<BillName> {
        Some(BillName {
            merchant: MerchantId::new(&self.merchant),
            from: time::read(&format!("{} 00:00:00", self.date))?,
            date: self.date.clone(),
            bill_type: BillType::from_name(&self.bill_type)?,
            pay_channel: self.pay_channel.clone(),
        })
    }
}

/// Base64 in the letters of RFC 4648, section 5, which need no escape in a path.
fn url_safe(base64: &str) -> String {
    base64.replace('+', "-").replace('/', "_").replace('=', "~")
}

fn from_url_safe(text: &str) -> String {
    text.replace('-', "+").replace('_', "/").replace('~', "=")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crypto::MasterKeys;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);

    fn secrets() -> Secrets {
        Secrets::new(MasterKeys::read(&MasterKeys::generate()).expect("a key"))
    }

    fn claims() -> Claims {
        let bill = BillName {
            merchant: MerchantId::new("CM1"),
            date: "2026-11-17".to_owned(),
            from: time::read("2026-11-17 00:00:00").expect("a time"),
            bill_type: BillType::Trade,
            pay_channel: Some("WXPAY".to_owned()),
        };
        let claims = Claims::new(&TenantId::new("100001"), "AKID", &bill, "abc", NOW);
        assert_eq!(claims.bill(), Some(bill));
        claims
    }

    #[test]
    fn a_link_works_for_ten_minutes_and_in_its_installation_alone() {
        let (secrets, claims) = (self::secrets(), claims());
        let token = claims.token(&secrets).expect("a token");
        let read = |token: &str, seconds| Claims::read(token, &secrets, NOW.plus_seconds(seconds));
        assert_eq!(read(&token, 599), Ok(claims.clone()));
        assert_eq!(read(&token, 600).map_err(|it| it.code), Err(ErrCode::SignatureExpire));
        let foreign = Claims::read(&token, &self::secrets(), NOW);
        assert_eq!(foreign.map_err(|it| it.code), Err(ErrCode::SignatureFailure));
        let other = Claims { merchant: "CM2".to_owned(), ..claims };
        let forged = other.token(&self::secrets()).expect("a token");
        let (forged, _) = forged.split_once('.').expect("two parts");
        let (_, tag) = token.split_once('.').expect("two parts");
        let longer = format!("{token}0");
        for bad in [format!("{forged}.{tag}"), String::new(), ".".to_owned(), longer] {
            assert_eq!(read(&bad, 0).map_err(|it| it.code), Err(ErrCode::SignatureFailure));
        }
    }
}
