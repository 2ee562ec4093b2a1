//! How a body is encoded: plain UTF-8. Other encodings are named, because the parser's own words would
//! only point at the first byte.

use crate::envelope::{Received, bad_body};
use crate::faults::{ErrCode, Fault};
use crate::json::{Object, read_object};

/// The most characters of a header's value that are quoted.
const QUOTED_LEN_MAX: usize = 32;

/// The JSON object that a request's body is.
pub(crate) fn read(request: &Received) -> Result<Object<'_>, Fault> {
    if let Some(coding) = request.header("Content-Encoding")
        && !coding.trim().is_empty()
        && !coding.trim().eq_ignore_ascii_case("identity")
    {
        return Err(refused(format!("Content-Encoding {} is not taken", quoted(coding))));
    }
    if let Some(charset) = request.header("Content-Type").and_then(charset)
        && !["utf-8", "utf8"].iter().any(|known| charset.eq_ignore_ascii_case(known))
    {
        let why = format!("charset {} is not taken, want utf-8", quoted(charset));
        return Err(refused(format!("Content-Type: {why}")));
    }
    if let Some(why) = misfit(&request.body) {
        return Err(bad_body(why.to_owned()));
    }
    read_object(&request.body).map_err(bad_body)
}

/// What the bytes are instead of UTF-8, if they are not.
fn misfit(body: &[u8]) -> Option<&'static str> {
    match body {
        [0xef, 0xbb, 0xbf, ..] => Some("begins with a byte order mark"),
        // UTF-32 begins so too; and without a mark, JSON begins with an ASCII character.
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, ..] | [_, 0, ..] => {
            Some("UTF-16 or UTF-32, want UTF-8")
        }
        [0x1f, 0x8b, ..] => Some("compressed, want it plain"),
        body => std::str::from_utf8(body).is_err().then_some("not UTF-8"),
    }
}

/// The parameter `charset` of a media type.
fn charset(content_type: &str) -> Option<&str> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let is_charset = name.trim().eq_ignore_ascii_case("charset");
        is_charset.then(|| value.trim().trim_matches('"'))
    })
}

/// A header's value as it may stand in an answer.
fn quoted(value: &str) -> String {
    let printable = value.trim().chars().filter(|letter| !letter.is_control());
    printable.take(QUOTED_LEN_MAX).collect()
}

fn refused(why: String) -> Fault {
    Fault::new(ErrCode::InvalidParameter, why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn refusal(headers: &[(&str, &str)], body: &[u8]) -> Option<String> {
        let mut request = http::Request::post("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).expect("a request").into_parts();
        let received = Received::new(head, Bytes::copy_from_slice(body));
        let fault = read(&received).err()?;
        assert_eq!(fault.code, ErrCode::InvalidParameter);
        Some(fault.text)
    }

    #[test]
    fn bodies_in_another_encoding_are_named() {
        let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
        for (body, want) in [
            (&b"\xef\xbb\xbf{}"[..], "body: begins with a byte order mark"),
            (&[b"\xff\xfe", &*utf16("{}")].concat(), "body: UTF-16 or UTF-32, want UTF-8"),
            (&utf16("{}"), "body: UTF-16 or UTF-32, want UTF-8"),
            (b"\xfe\xff\0{\0}", "body: UTF-16 or UTF-32, want UTF-8"),
            (b"\0{\0}", "body: UTF-16 or UTF-32, want UTF-8"),
            (b"\0\0\0{", "body: UTF-16 or UTF-32, want UTF-8"),
            (b"\x1f\x8b\x08\0", "body: compressed, want it plain"),
            (
                "{\"OrderSubject\":\"".as_bytes(),
                "body: EOF while parsing a string at line 1 column 17",
            ),
            (b"{\"OrderSubject\":\"\xbc\xe5\xb1\xfd\"}", "body: not UTF-8"),
        ] {
            assert_eq!(refusal(&[], body).as_deref(), Some(want), "{body:?}");
        }
    }

    #[test]
    fn headers_that_promise_another_encoding_are_named() {
        for (name, value, want) in [
            ("Content-Encoding", "gzip", "Content-Encoding gzip is not taken"),
            ("Content-Encoding", "br", "Content-Encoding br is not taken"),
            ("Content-Encoding", "deflate, gzip", "Content-Encoding deflate, gzip is not taken"),
            (
                "Content-Type",
                "application/json; charset=GBK",
                "Content-Type: charset GBK is not taken, want utf-8",
            ),
            (
                "content-type",
                "application/json;a=b;Charset=\"utf-16\"",
                "Content-Type: charset utf-16 is not taken, want utf-8",
            ),
        ] {
            assert_eq!(refusal(&[(name, value)], b"{}").as_deref(), Some(want), "{value}");
        }
        for (name, value) in [
            ("Content-Encoding", "identity"),
            ("Content-Encoding", ""),
            ("Content-Type", "application/json"),
            ("Content-Type", "application/json; charset=UTF-8"),
            ("Content-Type", "application/json;charset=\"utf8\""),
            ("Content-Type", "application/json; charset"),
        ] {
            assert_eq!(refusal(&[(name, value)], b"{}"), None, "{value}");
        }
    }
}
