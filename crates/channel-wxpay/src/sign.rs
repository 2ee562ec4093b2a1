//! Signatures: the texts that are signed, and the headers that carry the signatures. Used by both
//! halves.

use channel::{Request, Response};
use crypto::SealFault;
use crypto::rsa::Signer;

/// The scheme of the `Authorization` header.
pub(crate) const SCHEME: &str = "WECHATPAY2-SHA256-RSA2048";
/// How far a signature's time may lie from ours; at this distance it is refused.
pub(crate) const CLOCK_SKEW_SECONDS: i64 = 300;
/// Signatures that begin so are probes whether we verify at all; they must fail.
pub(crate) const PROBE: &str = "WECHATPAY/SIGNTEST/";
/// The ids of public keys begin so; serials of certificates do not.
pub(crate) const PUBLIC_KEY_ID: &str = "PUB_KEY_ID_";

/// Header of answers and callbacks: when it was signed, Unix seconds.
pub(crate) const TIMESTAMP: &str = "Wechatpay-Timestamp";
/// Header of answers and callbacks: the nonce.
pub(crate) const NONCE: &str = "Wechatpay-Nonce";
/// Header of answers and callbacks: the signature, Base64.
pub(crate) const SIGNATURE: &str = "Wechatpay-Signature";
/// Header of answers and callbacks: the signing key's name. On requests: whose signature is wanted.
pub(crate) const SERIAL: &str = "Wechatpay-Serial";
/// Header of answers and callbacks: [`SCHEME`].
pub(crate) const SIGNATURE_TYPE: &str = "Wechatpay-Signature-Type";

/// The text that a merchant signs for a request: `target` is path with query.
pub(crate) fn request_text(
    method: &str,
    target: &str,
    timestamp: &str,
    nonce: &str,
    body: &[u8],
) -> Vec<u8> {
    lines(&[method.as_bytes(), target.as_bytes(), timestamp.as_bytes(), nonce.as_bytes(), body])
}

/// The text that the channel signs for an answer or a callback.
pub(crate) fn answer_text(timestamp: &str, nonce: &str, body: &[u8]) -> Vec<u8> {
    lines(&[timestamp.as_bytes(), nonce.as_bytes(), body])
}

/// The text that a merchant signs for the client: `last` is `prepay_id=…` for the JS bridge, and the
/// bare prepay id for an app.
pub(crate) fn client_text(app_id: &str, timestamp: &str, nonce: &str, last: &str) -> Vec<u8> {
    lines(&[app_id.as_bytes(), timestamp.as_bytes(), nonce.as_bytes(), last.as_bytes()])
}

/// Every line ends with a line feed, the last too.
fn lines(lines: &[&[u8]]) -> Vec<u8> {
    let mut text = Vec::with_capacity(lines.iter().map(|line| line.len() + 1).sum());
    for line in lines {
        text.extend_from_slice(line);
        text.push(b'\n');
    }
    text
}

/// The `Authorization` header of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Authorization {
    pub(crate) mchid: String,
    pub(crate) nonce_str: String,
    pub(crate) timestamp: String,
    pub(crate) serial_no: String,
    pub(crate) signature: String,
}

impl Authorization {
    /// The header's value.
    pub(crate) fn write(&self) -> String {
        format!(
            "{SCHEME} mchid=\"{}\",nonce_str=\"{}\",timestamp=\"{}\",serial_no=\"{}\",signature=\"{}\"",
            self.mchid, self.nonce_str, self.timestamp, self.serial_no, self.signature
        )
    }

    /// Reads the header's value: the members may stand in any order, and each must stand once.
    pub(crate) fn read(value: &str) -> Option<Authorization> {
        let members = value.strip_prefix(SCHEME)?.strip_prefix(' ')?;
        let [mut mchid, mut nonce_str, mut timestamp, mut serial_no, mut signature] =
            [const { None::<String> }; 5];
        for member in members.split(',') {
            let (name, value) = member.trim().split_once('=')?;
            let place = match name {
                "mchid" => &mut mchid,
                "nonce_str" => &mut nonce_str,
                "timestamp" => &mut timestamp,
                "serial_no" => &mut serial_no,
                "signature" => &mut signature,
                _ => return None,
            };
            let value = value.strip_prefix('"')?.strip_suffix('"')?;
            if place.replace(value.to_owned()).is_some() {
                return None;
            }
        }
        Some(Authorization {
            mchid: mchid?,
            nonce_str: nonce_str?,
            timestamp: timestamp?,
            serial_no: serial_no?,
            signature: signature?,
        })
    }
}

/// The headers with which the channel signs an answer or a callback.
pub(crate) fn answer_headers(
    signer: &Signer,
    serial: &str,
    timestamp: i64,
    nonce: &str,
    body: &[u8],
) -> Result<Vec<(String, String)>, SealFault> {
    let timestamp = timestamp.to_string();
    let signature = signer.sign(&answer_text(&timestamp, nonce, body))?;
    Ok(vec![
        (TIMESTAMP.into(), timestamp),
        (NONCE.into(), nonce.into()),
        (SIGNATURE.into(), signature),
        (SERIAL.into(), serial.into()),
        (SIGNATURE_TYPE.into(), SCHEME.into()),
    ])
}

/// A signed answer or callback, as far as its signature goes.
pub(crate) struct Signed<'a> {
    pub(crate) timestamp: &'a str,
    pub(crate) nonce: &'a str,
    pub(crate) signature: &'a str,
    pub(crate) serial: &'a str,
    pub(crate) body: &'a [u8],
}

impl<'a> Signed<'a> {
    /// An answer; `None` when a header is missing.
    pub(crate) fn answer(response: &'a Response) -> Option<Signed<'a>> {
        Signed::read(|name| response.header(name), &response.body)
    }

    /// A callback; `None` when a header is missing.
    pub(crate) fn callback(request: &'a Request) -> Option<Signed<'a>> {
        Signed::read(|name| request.header(name), &request.body)
    }

    fn read(header: impl Fn(&str) -> Option<&'a str>, body: &'a [u8]) -> Option<Signed<'a>> {
        Some(Signed {
            timestamp: header(TIMESTAMP)?,
            nonce: header(NONCE)?,
            signature: header(SIGNATURE)?,
            serial: header(SERIAL)?,
            body,
        })
    }

    /// The text that was signed.
    pub(crate) fn text(&self) -> Vec<u8> {
        answer_text(self.timestamp, self.nonce, self.body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_read_as_written_and_in_any_order() {
        let written = Authorization {
            mchid: "1900009191".into(),
            nonce_str: "593BEC0C930BF1AFEB40B4A08C8FB242".into(),
            timestamp: "1554208460".into(),
            serial_no: "1DDE55AD98ED71D6EDD4A4A16996DE7B47773A8C".into(),
            signature: "uOVRnA4qG==".into(),
        };
        let text = written.write();
        assert_eq!(
            text,
            "WECHATPAY2-SHA256-RSA2048 mchid=\"1900009191\",\
             nonce_str=\"593BEC0C930BF1AFEB40B4A08C8FB242\",timestamp=\"1554208460\",\
             serial_no=\"1DDE55AD98ED71D6EDD4A4A16996DE7B47773A8C\",signature=\"uOVRnA4qG==\""
        );
        assert_eq!(Authorization::read(&text).as_ref(), Some(&written));
        let (scheme, members) = text.split_once(' ').expect("two words");
        let turned: Vec<_> = members.split(',').rev().collect();
        let turned = format!("{scheme} {}", turned.join(", "));
        assert_eq!(Authorization::read(&turned), Some(written));
    }

    #[test]
    fn half_a_header_is_none() {
        for bad in [
            "",
            "Bearer x",
            "WECHATPAY2-SHA256-RSA2048",
            "WECHATPAY2-SHA256-RSA2048 mchid=\"1\"",
            "WECHATPAY2-SHA256-RSA2048 mchid=1,nonce_str=\"2\",timestamp=\"3\",serial_no=\"4\",signature=\"5\"",
            "WECHATPAY2-SHA256-RSA2048 mchid=\"1\",mchid=\"1\",nonce_str=\"2\",timestamp=\"3\",serial_no=\"4\",signature=\"5\"",
        ] {
            assert_eq!(Authorization::read(bad), None, "{bad}");
        }
    }

    #[test]
    fn every_line_ends_with_a_line_feed() {
        assert_eq!(
            request_text("GET", "/v3/certificates", "1554208460", "593BEC", b""),
            b"GET\n/v3/certificates\n1554208460\n593BEC\n\n"
        );
        assert_eq!(answer_text("1", "n", b"{}"), b"1\nn\n{}\n");
        assert_eq!(client_text("wx", "1", "n", "prepay_id=p"), b"wx\n1\nn\nprepay_id=p\n");
    }
}
