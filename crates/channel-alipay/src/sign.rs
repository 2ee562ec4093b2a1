//! Signatures (RSA2): the texts that are signed, and the signed bytes of an answer. Used by both halves.

use crate::wire::Parameters;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// The only kind of signature that is made and believed: PKCS#1 v1.5 with SHA-256.
pub(crate) const RSA2: &str = "RSA2";
/// The parameter that names the app's certificate.
pub(crate) const APP_CERT_SN: &str = "app_cert_sn";
/// The parameter that names the authorities that the app believes.
pub(crate) const ROOT_CERT_SN: &str = "alipay_root_cert_sn";
/// The parameter and member that names the certificate which signed.
pub(crate) const CERT_SN: &str = "alipay_cert_sn";
/// The parameter and member that holds the signature.
pub(crate) const SIGN: &str = "sign";
/// The parameter that names the kind of signature.
pub(crate) const SIGN_TYPE: &str = "sign_type";

/// The text that a merchant signs for a request: every parameter that is not empty but `sign`, by name,
/// as it is before it is encoded.
pub(crate) fn request_text(parameters: &Parameters) -> Vec<u8> {
    joined(parameters.iter().filter(|(name, _)| *name != SIGN))
}

/// The text that the channel signs for a callback: without `sign_type` too.
pub(crate) fn callback_text(parameters: &Parameters) -> Vec<u8> {
    joined(parameters.iter().filter(|(name, _)| !is_of_signature(name)))
}

fn is_of_signature(name: &str) -> bool {
    [SIGN, SIGN_TYPE, CERT_SN].contains(&name)
}

/// `Parameters` are sorted by name.
fn joined<'a>(parameters: impl Iterator<Item = (&'a String, &'a String)>) -> Vec<u8> {
    let given = parameters.filter(|(_, value)| !value.is_empty());
    let pairs: Vec<String> = given.map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&").into_bytes()
}

/// The member of an answer to a request that was refused before any call looked at it.
pub(crate) const ERROR_MEMBER: &str = "error_response";

/// An answer, cut apart: the bytes that are signed, as they stand, and the signature.
pub(crate) struct SignedAnswer<'a> {
    /// The value of the member that is the answer.
    pub(crate) content: &'a str,
    /// Whether that is `error_response`.
    pub(crate) is_error: bool,
    /// Base64; `None` where there is none or an empty one.
    pub(crate) signature: Option<String>,
    /// The certificate that signed, in certificate mode.
    pub(crate) cert_sn: Option<String>,
}

/// A signature, and what stands beside it.
#[derive(Clone, Copy)]
pub(crate) struct Signed<'a> {
    /// Base64.
    pub(crate) signature: &'a str,
    /// The name of the certificate that made it, where one is named.
    pub(crate) cert_sn: Option<&'a str>,
}

impl<'a> SignedAnswer<'a> {
    /// Cuts an answer whose content stands under this member, or under `error_response`.
    pub(crate) fn cut(body: &'a [u8], member: &str) -> Option<SignedAnswer<'a>> {
        let members: BTreeMap<String, &'a RawValue> = serde_json::from_slice(body).ok()?;
        let (content, is_error) = match members.get(member) {
            Some(content) => (content, false),
            None => (members.get(ERROR_MEMBER)?, true),
        };
        let text = |name: &str| -> Option<String> {
            let text: String = serde_json::from_str(members.get(name)?.get()).ok()?;
            Some(text).filter(|text| !text.is_empty())
        };
        Some(SignedAnswer {
            content: content.get(),
            is_error,
            signature: text(SIGN),
            cert_sn: text(CERT_SN),
        })
    }

    /// The signature, where there is one.
    pub(crate) fn signed(&self) -> Option<Signed<'_>> {
        let signature = self.signature.as_deref()?;
        Some(Signed { signature, cert_sn: self.cert_sn.as_deref() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(pairs: &[(&str, &str)]) -> Parameters {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn parameters_are_signed_by_name_and_the_empty_are_left_out() {
        let all = parameters(&[
            ("version", "1.0"),
            ("sign", "x"),
            ("sign_type", "RSA2"),
            ("app_id", "2014"),
            ("return_url", ""),
            ("biz_content", r#"{"subject":"a&b=c"}"#),
        ]);
        let wanted = r#"app_id=2014&biz_content={"subject":"a&b=c"}&sign_type=RSA2&version=1.0"#;
        assert_eq!(request_text(&all), wanted.as_bytes());
        let wanted = r#"app_id=2014&biz_content={"subject":"a&b=c"}&version=1.0"#;
        assert_eq!(callback_text(&all), wanted.as_bytes());
    }

    #[test]
    fn what_is_signed_is_cut_as_it_stands() {
        let body = br#"{"x_response":{"b": 1,"a":"\/\u4e2d" ,"sign":"inner"},"sign":"c2ln"}"#;
        let cut = SignedAnswer::cut(body, "x_response").expect("an answer");
        assert_eq!(cut.content, r#"{"b": 1,"a":"\/\u4e2d" ,"sign":"inner"}"#);
        assert_eq!((cut.is_error, cut.signature.as_deref()), (false, Some("c2ln")));
    }

    #[test]
    fn an_empty_signature_is_none_and_another_member_no_answer() {
        let body = br#"{"error_response":{"code":"40002"},"sign":""}"#;
        let cut = SignedAnswer::cut(body, "x_response").expect("an answer");
        assert_eq!((cut.content, cut.is_error), (r#"{"code":"40002"}"#, true));
        assert_eq!(cut.signature, None);
        for bad in [&b"{}"[..], b"", b"[]", b"{\"y_response\":{}}", b"\xff"] {
            assert!(SignedAnswer::cut(bad, "x_response").is_none());
        }
    }
}
