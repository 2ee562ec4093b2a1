//! The text in a bill's file: a ZIP with a file of details and a summary, in GBK. Names of files and their
//! order differ: the details are known by their header.

use super::trade::PAYMENT;
use encoding_rs::GBK;
use std::io::{Cursor, Read as _};
use zip::ZipArchive;

/// Files in a bill's ZIP at most; there are two.
const FILES_MAX: usize = 8;
/// Bytes of all its files at most, unpacked: as much as is read of a bill that comes unpacked.
const UNPACKED_LEN_MAX: u64 = 64 * 1024 * 1024;
/// The record at the end of a ZIP, without its comment.
const END_LEN: usize = 22;
/// What that begins with.
const END_MARK: &[u8] = b"PK\x05\x06";

/// The text with the details.
pub(super) fn detail(body: &[u8]) -> Result<String, String> {
    detail_within(body, UNPACKED_LEN_MAX)
}

fn detail_within(body: &[u8], unpacked_len_max: u64) -> Result<String, String> {
    check_count(body)?;
    let mut archive = ZipArchive::new(Cursor::new(body)).map_err(|why| format!("ZIP: {why}"))?;
    check_whole(&archive, body)?;
    if archive.len() > FILES_MAX {
        return Err(format!("ZIP: {} files, at most {FILES_MAX} wanted", archive.len()));
    }
    let mut left = unpacked_len_max;
    let mut details = None;
    for at in 0..archive.len() {
        let bytes = unpacked(&mut archive, at, left)?;
        left = left.saturating_sub(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        // Only names can hold what is not GBK: they are not read.
        let (text, _) = GBK.decode_without_bom_handling(&bytes);
        if is_detail(&text) && details.replace(text.into_owned()).is_some() {
            return Err("ZIP: one file of details wanted".to_owned());
        }
    }
    details.ok_or_else(|| "ZIP: a file of details wanted".to_owned())
}

/// The ZIP says that it lists few files, before the list is read. The record at its end holds their
/// number in bytes 10 and 11; a bill's has no comment behind it.
fn check_count(body: &[u8]) -> Result<(), String> {
    let end = body.len().checked_sub(END_LEN).and_then(|at| body.get(at..));
    let end = end.filter(|end| end.starts_with(END_MARK)).ok_or("ZIP: its end wanted")?;
    match end {
        [_, _, _, _, _, _, _, _, _, _, low, high, ..]
            if usize::from(u16::from_le_bytes([*low, *high])) <= FILES_MAX =>
        {
            Ok(())
        }
        _ => Err(format!("ZIP: at most {FILES_MAX} files wanted")),
    }
}

/// Nothing stands before or behind what the ZIP lists.
fn check_whole(archive: &ZipArchive<Cursor<&[u8]>>, body: &[u8]) -> Result<(), String> {
    let tail_len = END_LEN.saturating_add(archive.comment().len());
    let end = body.len().checked_sub(tail_len).and_then(|at| body.get(at..));
    match archive.offset() == 0 && end.is_some_and(|end| end.starts_with(END_MARK)) {
        true => Ok(()),
        false => Err("ZIP: more bytes than it lists".to_owned()),
    }
}

/// A file's bytes, no more than `len_max`. What a ZIP says about its lengths is not believed.
fn unpacked(
    archive: &mut ZipArchive<Cursor<&[u8]>>,
    at: usize,
    len_max: u64,
) -> Result<Vec<u8>, String> {
    let file = archive.by_index(at).map_err(|why| format!("ZIP: {why}"))?;
    let mut bytes = Vec::new();
    let read = file.take(len_max.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|why| format!("ZIP: {why}"))?;
    match u64::try_from(bytes.len()).is_ok_and(|len| len <= len_max) {
        true => Ok(bytes),
        false => Err("ZIP: too long when unpacked".to_owned()),
    }
}

fn is_detail(text: &str) -> bool {
    let header = text.lines().find(|line| !line.starts_with('#'));
    header.is_some_and(|header| header.starts_with(PAYMENT))
}

#[cfg(test)]
mod tests {
    use super::super::tests::zip;
    use super::*;

    #[test]
    fn the_details_are_known_by_their_header() {
        let detail = "#支付宝业务明细查询\r\n支付宝交易号,x\r\n";
        let summary = "#支付宝业务汇总查询\r\n门店编号,x\r\n";
        for files in [[detail, summary], [summary, detail]] {
            assert_eq!(super::detail(&zip(&files)).as_deref(), Ok(detail));
        }
        for files in [&[summary][..], &[detail, detail], &[]] {
            assert!(super::detail(&zip(files)).is_err());
        }
    }

    /// A thousand bytes can unpack to a million.
    #[test]
    fn what_unpacks_to_more_than_its_bound_is_not_read() {
        let long = format!("支付宝交易号,{}\r\n", "0".repeat(1_000_000));
        let bomb = zip(&[&long]);
        assert!(bomb.len() < 10_000, "{}", bomb.len());
        assert!(detail_within(&bomb, 2_000_000).is_ok());
        let fault = detail_within(&bomb, 999_999);
        assert_eq!(fault, Err("ZIP: too long when unpacked".to_owned()));
        // The bound is one for all files together.
        let fault = detail_within(&zip(&["x", &long, "x"]), 1_000_016);
        assert!(fault.is_err());
        let many: Vec<&str> = vec!["x"; FILES_MAX + 1];
        assert!(super::detail(&zip(&many)).is_err());
    }

    #[test]
    fn a_file_that_is_not_whole_is_not_read() {
        let whole = zip(&["支付宝交易号,x\r\n"]);
        assert!(super::detail(&whole).is_ok());
        for at in [0, 40] {
            let mut bent = whole.clone();
            bent[at] ^= 1;
            assert!(super::detail(&bent).is_err(), "byte {at}");
        }
        assert!(super::detail(&whole[..whole.len() - 1]).is_err());
        assert!(super::detail(&[&whole[..], b" "].concat()).is_err());
        assert!(super::detail(&[b" ", &whole[..]].concat()).is_err());
        assert!(super::detail(b"").is_err());
    }
}
