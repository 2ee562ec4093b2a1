//! What is sealed with the APIv3 key: callbacks, and the channel's certificates.

use crate::keys::{platform_key, same_serial};
use crate::reading::equal;
use crate::settings::Account;
use crate::wire::{self, AEAD_AES_256_GCM, Certificates, Sealed, SealedCertificate, read_time};
use channel::{FetchedKeys, PlatformKey};
use crypto::certificate::Certificate;

/// Opens a list of certificates. One that cannot be read spoils no other; if none can be read, there is
/// no list.
pub(crate) fn open(account: &Account, body: &[u8]) -> Result<FetchedKeys, String> {
    let list: Certificates = wire::read(body)?;
    let mut fetched = FetchedKeys::default();
    for sealed in &list.data {
        match key(account, sealed) {
            Ok(key) => fetched.keys.push(key),
            Err(why) => fetched.unreadable.push(format!("{}: {why}", sealed.serial_no)),
        }
    }
    match fetched.keys.is_empty() && !fetched.unreadable.is_empty() {
        true => Err(fetched.unreadable.join("; ")),
        false => Ok(fetched),
    }
}

/// A certificate's key. It holds while both the list and the certificate say so.
fn key(account: &Account, sealed: &SealedCertificate) -> Result<PlatformKey, String> {
    let plain = unseal(account, &sealed.encrypt_certificate)?;
    let pem = String::from_utf8(plain).map_err(|_| "certificate: PEM wanted")?;
    let certificate = Certificate::read(&pem).map_err(|fault| fault.to_string())?;
    if !same_serial(&sealed.serial_no, &certificate.serial) {
        return Err(format!("serial_no: the certificate has {}", certificate.serial));
    }
    let from = read_time(&sealed.effective_time).ok_or("effective_time: RFC 3339 wanted")?;
    let until = read_time(&sealed.expire_time).ok_or("expire_time: RFC 3339 wanted")?;
    let key = platform_key(&certificate);
    let (valid_from, valid_until) = (key.valid_from.max(from), key.valid_until.min(until));
    Ok(PlatformKey { valid_from, valid_until, ..key })
}

/// Opens sealed bytes.
pub(crate) fn unseal(account: &Account, sealed: &Sealed) -> Result<Vec<u8>, String> {
    equal("algorithm", Some(&sealed.algorithm), AEAD_AES_256_GCM)?;
    let cipher_and_tag =
        crypto::text::from_base64(&sealed.ciphertext).map_err(|_| "ciphertext: Base64 wanted")?;
    crypto::aead::open(
        account.apiv3_key(),
        sealed.nonce.as_bytes(),
        sealed.associated_data.as_bytes(),
        &cipher_and_tag,
    )
    .map_err(|_| "does not open with apiv3_key".into())
}
