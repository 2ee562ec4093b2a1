//! Master keys: what secrets in a database are sealed under.
//!
//! A sealed text is `KEY_ID:BASE64`, where the bytes are a random 12-byte nonce and the AES-256-GCM
//! cipher text. The context in which a secret stands (tenant, row, member) is the associated data, so
//! that a sealed text that was moved to another row does not open there.

use crate::{SealFault, Secret, aead, hash, random, text};
use std::fmt;
use zeroize::Zeroizing;

/// Bytes of a nonce.
const NONCE_LEN: usize = 12;
/// Characters of a key's id.
const KEY_ID_LEN: usize = 8;

/// The keys of an installation: the first seals, all open.
pub struct MasterKeys {
    keys: Vec<MasterKey>,
}

struct MasterKey {
    id: String,
    key: Zeroizing<[u8; 32]>,
}

impl MasterKeys {
    /// Reads keys: one a line, each 32 bytes in Base64 (as `openssl rand -base64 32` prints them), the
    /// current one first. Empty lines and lines that begin with `#` are skipped. The id of a key
    /// follows from the key.
    ///
    /// # Errors
    /// When a line is not a key, or there is none.
    pub fn read(lines: &Secret) -> Result<MasterKeys, SealFault> {
        let wanted = SealFault::BadKey { what: "a master key is 32 bytes in Base64, one a line" };
        let mut keys = Vec::new();
        let lines = lines.expose().lines().map(str::trim);
        for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let bytes = Zeroizing::new(text::from_base64(line).map_err(|_| wanted.clone())?);
            let key: [u8; 32] = bytes.as_slice().try_into().map_err(|_| wanted.clone())?;
            keys.push(MasterKey { id: key_id(&key), key: Zeroizing::new(key) });
        }
        if keys.is_empty() { Err(wanted) } else { Ok(MasterKeys { keys }) }
    }

    /// A new key, in the form that [`MasterKeys::read`] reads.
    pub fn generate() -> Secret {
        Secret::new(text::base64(&random::bytes::<32>()))
    }

    /// The id of the key that seals.
    pub fn current_id(&self) -> &str {
        self.keys.first().map_or("", |key| &key.id)
    }

    /// The id of the key that a sealed text was sealed under.
    pub fn id_of(sealed: &str) -> Option<&str> {
        sealed.split_once(':').map(|(id, _)| id)
    }

    /// Seals a secret for the context in which it stands.
    ///
    /// # Errors
    /// When sealing fails.
    pub fn seal(&self, context: &str, plain: &Secret) -> Result<String, SealFault> {
        let current = self.keys.first().ok_or(SealFault::Seal)?;
        let nonce = random::bytes::<NONCE_LEN>();
        let cipher =
            aead::seal(&current.key, &nonce, context.as_bytes(), plain.expose().as_bytes())?;
        let bytes = [&nonce[..], &cipher].concat();
        Ok(format!("{}:{}", current.id, text::base64(&bytes)))
    }

    /// What proves that a text is of this installation, for a purpose: an HMAC under a key that is
    /// derived from the current master key for that purpose alone.
    pub fn tag(&self, purpose: &str, text: &str) -> String {
        self.keys.first().map_or_else(String::new, |key| tag(&key.key, purpose, text))
    }

    /// The same under each of its keys, the current one first.
    pub fn tags(&self, purpose: &str, text: &str) -> Vec<String> {
        self.keys.iter().map(|key| tag(&key.key, purpose, text)).collect()
    }

    /// Whether this installation tagged a text for a purpose, under any of its keys.
    pub fn is_tag(&self, purpose: &str, text: &str, found: &str) -> bool {
        let is_of = |key: &MasterKey| {
            hash::equal(tag(&key.key, purpose, text).as_bytes(), found.as_bytes())
        };
        self.keys.iter().any(is_of)
    }

    /// Opens a sealed text in the context for which it was sealed.
    ///
    /// # Errors
    /// When the key is not known, or the text does not open in this context.
    pub fn open(&self, context: &str, sealed: &str) -> Result<Secret, SealFault> {
        let (id, encoded) = sealed.split_once(':').ok_or(SealFault::Open)?;
        let known = self.keys.iter().find(|key| key.id == id);
        let key = known.ok_or(SealFault::BadKey { what: "sealed under an unknown master key" })?;
        let bytes = text::from_base64(encoded).map_err(|_| SealFault::Open)?;
        let (nonce, cipher) = bytes.split_at_checked(NONCE_LEN).ok_or(SealFault::Open)?;
        let plain = aead::open(&key.key, nonce, context.as_bytes(), cipher)?;
        String::from_utf8(plain).map(Secret::new).map_err(|_| SealFault::Open)
    }
}

/// Debug output shows ids alone.
impl fmt::Debug for MasterKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| &key.id)).finish()
    }
}

fn tag(key: &[u8; 32], purpose: &str, said: &str) -> String {
    let derived = Zeroizing::new(hash::hmac_sha256(key, purpose.as_bytes()));
    text::hex(&hash::hmac_sha256(&*derived, said.as_bytes()))
}

/// The beginning of a hash, which tells nothing of the key.
fn key_id(key: &[u8; 32]) -> String {
    text::hex(&hash::sha256(key)).chars().take(KEY_ID_LEN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(lines: &[&Secret]) -> MasterKeys {
        let lines: Vec<&str> = lines.iter().map(|line| line.expose()).collect();
        MasterKeys::read(&Secret::new(lines.join("\n"))).expect("good keys")
    }

    #[test]
    fn a_secret_opens_in_its_context_alone() {
        let keys = keys(&[&MasterKeys::generate()]);
        let sealed = keys.seal("tenant/1/a", &Secret::new("hush".to_owned())).expect("sealed");
        assert!(!sealed.contains("hush"));
        assert_eq!(keys.open("tenant/1/a", &sealed).expect("it opens").expose(), "hush");
        assert!(keys.open("tenant/2/a", &sealed).is_err());
        assert!(keys.open("tenant/1/a", &sealed.replace(':', ":AAAA")).is_err());
        assert!(keys.open("tenant/1/a", "").is_err());
    }

    #[test]
    fn after_a_rotation_old_secrets_open_and_new_ones_have_the_new_key() {
        let (old, new) = (MasterKeys::generate(), MasterKeys::generate());
        let before = keys(&[&old]);
        let sealed = before.seal("c", &Secret::new("hush".to_owned())).expect("sealed");
        let after = keys(&[&new, &old]);
        assert_eq!(after.open("c", &sealed).expect("it opens").expose(), "hush");
        assert_eq!(MasterKeys::id_of(&sealed), Some(before.current_id()));
        assert_ne!(after.current_id(), before.current_id());
        assert!(keys(&[&new]).open("c", &sealed).is_err(), "the old key is gone");
    }

    #[test]
    fn a_tag_is_of_one_text_purpose_and_installation() {
        let (old, new) = (MasterKeys::generate(), MasterKeys::generate());
        let before = keys(&[&old]);
        let tag = before.tag("links", "a");
        assert!(before.is_tag("links", "a", &tag));
        assert!(keys(&[&new, &old]).is_tag("links", "a", &tag), "also after a rotation");
        assert!(!keys(&[&new]).is_tag("links", "a", &tag));
        assert!(keys(&[&new, &old]).tags("links", "a").contains(&tag));
        assert!(!keys(&[&new, &old]).tags("links", "b").contains(&tag));
        for (purpose, text, found) in
            [("other", "a", &*tag), ("links", "b", &tag), ("links", "a", "")]
        {
            assert!(!before.is_tag(purpose, text, found), "{purpose} {text}");
        }
    }

    #[test]
    fn what_is_not_a_key_is_refused() {
        for lines in ["", "# nothing", "short", "AAAA"] {
            assert!(MasterKeys::read(&Secret::new(lines.to_owned())).is_err(), "{lines:?}");
        }
    }
}
