//! AES-256 in the mode ECB, padded as PKCS#7 says: only for a channel that seals so. It hides a text from
//! strangers and does not prove that it was not changed; equal blocks stay equal.

use crate::SealFault;
use aws_lc_rs::cipher::{
    AES_256, DecryptionContext, PaddedBlockDecryptingKey, PaddedBlockEncryptingKey,
    UnboundCipherKey,
};

/// Opens sealed bytes.
pub fn open(key: &[u8; 32], sealed: &[u8]) -> Result<Vec<u8>, SealFault> {
    let key = PaddedBlockDecryptingKey::ecb_pkcs7(cipher(key)?).map_err(|_| SealFault::Open)?;
    let mut text = sealed.to_vec();
    let plain = key.decrypt(&mut text, DecryptionContext::None).map_err(|_| SealFault::Open)?;
    Ok(plain.to_vec())
}

/// Seals bytes.
pub fn seal(key: &[u8; 32], plain: &[u8]) -> Result<Vec<u8>, SealFault> {
    let key = PaddedBlockEncryptingKey::ecb_pkcs7(cipher(key)?).map_err(|_| SealFault::Seal)?;
    let mut text = plain.to_vec();
    key.encrypt(&mut text).map_err(|_| SealFault::Seal)?;
    Ok(text)
}

fn cipher(key: &[u8; 32]) -> Result<UnboundCipherKey, SealFault> {
    let wrong = |_| SealFault::BadKey { what: "an AES-256 key has 32 bytes" };
    UnboundCipherKey::new(&AES_256, key).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text;

    /// NIST SP 800-38A, F.1.5: the first block.
    #[test]
    fn a_block_is_sealed_as_published() {
        let key = [
            0x60, 0x3d, 0xeb, 0x10, 0x15, 0xca, 0x71, 0xbe, 0x2b, 0x73, 0xae, 0xf0, 0x85, 0x7d,
            0x77, 0x81, 0x1f, 0x35, 0x2c, 0x07, 0x3b, 0x61, 0x08, 0xd7, 0x2d, 0x98, 0x10, 0xa3,
            0x09, 0x14, 0xdf, 0xf4,
        ];
        let plain = [
            0x6b, 0xc1, 0xbe, 0xe2, 0x2e, 0x40, 0x9f, 0x96, 0xe9, 0x3d, 0x7e, 0x11, 0x73, 0x93,
            0x17, 0x2a,
        ];
        let sealed = seal(&key, &plain).expect("a good key");
        assert_eq!(text::hex(&sealed[..16]), "f3eed1bdb5d2a03c064b5a7e3db181f8");
        assert_eq!(open(&key, &sealed).as_deref(), Ok(&plain[..]));
    }

    #[test]
    fn what_was_not_sealed_does_not_open() {
        let key = b"0123456789abcdef0123456789abcdef";
        let sealed = seal(key, b"plain").expect("a good key");
        assert_eq!(open(b"1123456789abcdef0123456789abcdef", &sealed), Err(SealFault::Open));
        for bad in [&sealed[..15], b"", b"0123456789abcdef"] {
            assert_eq!(open(key, bad), Err(SealFault::Open), "{bad:?}");
        }
    }
}
