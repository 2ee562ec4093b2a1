//! Signatures over the members of a message, with the merchant's API key.

use super::xml::Members;
use crypto::{Secret, hash, text};
use zeroize::Zeroizing;

/// The member that holds the signature.
pub(crate) const SIGN: &str = "sign";
/// The member that names what it is made with.
pub(crate) const SIGN_TYPE: &str = "sign_type";

/// What a signature is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum SignType {
    #[serde(rename = "MD5")]
    Md5,
    #[serde(rename = "HMAC-SHA256")]
    HmacSha256,
}

/// Why a signature is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SignatureFault {
    #[error("not signed")]
    Unsigned,
    #[error("wrong signature")]
    Wrong,
}

impl SignType {
    /// The channel's word.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            SignType::Md5 => "MD5",
            SignType::HmacSha256 => "HMAC-SHA256",
        }
    }

    /// Reads the word.
    pub(crate) fn from_name(name: &str) -> Option<SignType> {
        [SignType::Md5, SignType::HmacSha256].into_iter().find(|known| known.name() == name)
    }

    /// The signature of these members.
    pub(crate) fn sign(self, members: &Members, key: &Secret) -> String {
        let signed = signed_text(members, key);
        let hex = match self {
            SignType::Md5 => crypto::md5_hex(signed.as_bytes()),
            SignType::HmacSha256 => {
                text::hex(&hash::hmac_sha256(key.expose().as_bytes(), signed.as_bytes()))
            }
        };
        hex.to_ascii_uppercase()
    }

    /// The message with its signature.
    pub(crate) fn signed(self, members: Members, key: &Secret) -> Members {
        let sign = self.sign(&members, key);
        members.with(SIGN, sign)
    }
}

/// Whether a message is signed with this key, as the account signs: what is set to the stronger kind
/// believes no other.
pub(crate) fn check(
    members: &Members,
    sign_type: SignType,
    key: &Secret,
) -> Result<(), SignatureFault> {
    let found = members.get(SIGN).ok_or(SignatureFault::Unsigned)?;
    let wanted = sign_type.sign(members, key);
    match hash::equal(found.to_ascii_uppercase().as_bytes(), wanted.as_bytes()) {
        true => Ok(()),
        false => Err(SignatureFault::Wrong),
    }
}

/// All filled members but the signature, sorted by name, and the key.
fn signed_text(members: &Members, key: &Secret) -> Zeroizing<String> {
    let mut signed = Zeroizing::new(String::new());
    for (name, text) in members.iter().filter(|(name, _)| *name != SIGN) {
        signed.push_str(&format!("{name}={text}&"));
    }
    signed.push_str("key=");
    signed.push_str(key.expose());
    signed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Secret {
        Secret::new("192006250b4c09247ec02edce69f6a2d".to_owned())
    }

    fn members() -> Members {
        Members::default()
            .with("appid", "wxd930ea5d5a258f4f")
            .with("mch_id", "10000100")
            .with("device_info", "1000")
            .with("body", "test")
            .with("attach", "")
            .with("nonce_str", "ibuaiVcKdpRxkhJA")
    }

    /// The MD5 is the one of the channel's page about signatures; `openssl` made the other.
    #[test]
    fn the_published_message_has_the_published_signature() {
        let (members, key) = (members(), key());
        assert_eq!(SignType::Md5.sign(&members, &key), "9A0A8659F005D6984697E2CA0A9CF3B7");
        assert_eq!(
            SignType::HmacSha256.sign(&members, &key),
            "6A9AE1657590FD6257D693A078E1C3E4BB6BA4DC30B23E0EE2496E54170DACD6"
        );
    }

    #[test]
    fn a_signature_is_of_these_members_and_this_key() {
        for sign_type in [SignType::Md5, SignType::HmacSha256] {
            let signed = sign_type.signed(members(), &key());
            assert_eq!(check(&signed, sign_type, &key()), Ok(()));
            let lower =
                signed.clone().with(SIGN, sign_type.sign(&members(), &key()).to_lowercase());
            assert_eq!(check(&lower, sign_type, &key()), Ok(()));
            let other_key = Secret::new("292006250b4c09247ec02edce69f6a2d".to_owned());
            for (message, key) in [
                (signed.clone().with("body", "tesT"), key()),
                (signed.clone().with("more", "1"), key()),
                (signed.clone().with(SIGN, "00"), key()),
                (signed, other_key),
            ] {
                assert_eq!(check(&message, sign_type, &key), Err(SignatureFault::Wrong));
            }
        }
        let unsigned = check(&members(), SignType::Md5, &key());
        assert_eq!(unsigned, Err(SignatureFault::Unsigned));
        // The weaker kind does not pass for the stronger one.
        let weaker = SignType::Md5.signed(members(), &key());
        let found = check(&weaker, SignType::HmacSha256, &key());
        assert_eq!(found, Err(SignatureFault::Wrong));
        assert_eq!(SignType::from_name("SHA1"), None);
    }
}
