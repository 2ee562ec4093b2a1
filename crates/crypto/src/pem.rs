//! PEM text (RFC 7468): one block, its label and its bytes.

use crate::text;
use zeroize::Zeroize as _;

/// Characters of Base64 on a line.
const LINE_LEN: usize = 64;

/// The label and the bytes of the first block; `None` when there is no whole block.
pub(crate) fn read(pem: &str) -> Option<(&str, Vec<u8>)> {
    let (_, rest) = pem.split_once("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let (body, _) = rest.split_once(&*format!("-----END {label}-----"))?;
    let mut base64: String = body.chars().filter(|char| !char.is_ascii_whitespace()).collect();
    let bytes = text::from_base64(&base64).ok();
    base64.zeroize();
    Some((label, bytes?))
}

/// A block with this label.
pub(crate) fn write(label: &str, bytes: &[u8]) -> String {
    let base64 = text::base64(bytes);
    let mut pem = format!("-----BEGIN {label}-----\n");
    let mut rest = &*base64;
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(LINE_LEN));
        pem.push_str(line);
        pem.push('\n');
        rest = after;
    }
    pem.push_str(&format!("-----END {label}-----\n"));
    pem
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for len in [0, 1, 47, 48, 49, 1000] {
            let bytes = vec![7; len];
            let pem = write("KEY", &bytes);
            assert!(pem.lines().all(|line| line.len() <= LINE_LEN));
            assert_eq!(read(&pem), Some(("KEY", bytes)));
        }
    }

    #[test]
    fn half_a_block_is_none() {
        for bad in ["", "-----BEGIN A-----\nAAAA", "-----BEGIN A-----\n!\n-----END A-----", "AAAA"]
        {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn carriage_returns_and_text_around_do_not_matter() {
        let pem = "Bag Attributes\r\n-----BEGIN A-----\r\nAAAA\r\n-----END A-----\r\n";
        assert_eq!(read(pem), Some(("A", vec![0, 0, 0])));
    }
}
