//! Secrets on their way into the database and out of it: sealed under the installation's master key,
//! each for the place in which it stands.

use crypto::{MasterKeys, SealFault, Secret};
use kernel::{CardSecret, NaturalKey, Sealed, TenantId};
use ledger::{Id, kinds};
use std::sync::Arc;

/// What the keyed hashes of cards' secrets are for.
const CARD_SECRET: &str = "card_secret";

/// The master keys of the installation.
#[derive(Clone, Debug)]
pub struct Secrets {
    keys: Arc<MasterKeys>,
}

impl Secrets {
    /// Secrets under these keys.
    pub fn new(keys: MasterKeys) -> Secrets {
        Secrets { keys: Arc::new(keys) }
    }

    /// Seals a secret for the place in which it stands.
    ///
    /// # Errors
    /// When sealing fails.
    pub fn seal(&self, context: &str, plain: &Secret) -> Result<Sealed, SealFault> {
        self.keys.seal(context, plain).map(|text| Sealed::new(&text))
    }

    /// Opens a secret in the place in which it stands.
    ///
    /// # Errors
    /// When it was sealed under a key that is not known, or for another place.
    pub fn unseal(&self, context: &str, sealed: &Sealed) -> Result<Secret, SealFault> {
        self.keys.open(context, sealed.as_str())
    }

    /// Seals a secret, unless what is stored opens to the same text: then that stays, so that putting
    /// the same secret again changes nothing.
    ///
    /// # Errors
    /// When sealing fails.
    pub fn seal_again(
        &self,
        context: &str,
        plain: &Secret,
        stored: Option<&Sealed>,
    ) -> Result<Sealed, SealFault> {
        let is_same = |sealed: &&Sealed| {
            self.unseal(context, sealed).is_ok_and(|known| known.expose() == plain.expose())
        };
        match stored.filter(is_same) {
            Some(sealed) if !self.is_outdated(sealed) => Ok(sealed.clone()),
            Some(_) | None => self.seal(context, plain),
        }
    }

    /// True when a secret was sealed under another key than the current one.
    pub fn is_outdated(&self, sealed: &Sealed) -> bool {
        MasterKeys::id_of(sealed.as_str()) != Some(self.keys.current_id())
    }

    /// What proves that a text is of this installation, for a purpose.
    pub fn tag(&self, purpose: &str, text: &str) -> String {
        self.keys.tag(purpose, text)
    }

    /// Whether this installation tagged a text for a purpose.
    pub fn is_tag(&self, purpose: &str, text: &str, found: &str) -> bool {
        self.keys.is_tag(purpose, text, found)
    }

    /// The secret of a gift card as the database keeps it.
    ///
    /// # Errors
    /// When sealing fails.
    pub fn seal_card(
        &self,
        tenant: &TenantId,
        card: Id<kinds::Card>,
        plain: &Secret,
    ) -> Result<CardSecret, SealFault> {
        let context = card_secret_context(tenant, card);
        let tag = self.keys.tag(CARD_SECRET, &hashed(&context, plain));
        Ok(CardSecret { sealed: self.seal(&context, plain)?, tag })
    }

    /// The keyed hashes of what somebody presents as the secret of a card, under each key of the
    /// installation.
    pub fn card_tags(
        &self,
        tenant: &TenantId,
        card: Id<kinds::Card>,
        plain: &Secret,
    ) -> Vec<String> {
        self.keys.tags(CARD_SECRET, &hashed(&card_secret_context(tenant, card), plain))
    }

    /// The id of the key that seals.
    pub fn current_key_id(&self) -> &str {
        self.keys.current_id()
    }
}

/// The place of a channel account's setting.
pub fn setting_context(tenant: &TenantId, account: &str, setting: &str) -> String {
    format!("tenant/{tenant}/channel_account/{account}/{setting}")
}

/// The place of a caller's shared secret.
pub fn caller_key_context(tenant: &TenantId, key_id: &str) -> String {
    format!("tenant/{tenant}/caller_key/{key_id}")
}

/// The place of a gift card's secret.
pub fn card_secret_context(tenant: &TenantId, card: Id<kinds::Card>) -> String {
    format!("tenant/{tenant}/card/{card}/secret")
}

/// What is hashed of a card's secret: it is of one card alone.
fn hashed(context: &str, plain: &Secret) -> String {
    format!("{context}/{}", plain.expose())
}

/// The place of a channel's number of an agreement.
pub fn agreement_context(tenant: &TenantId, agreement: &NaturalKey) -> String {
    let NaturalKey { namespace, number } = agreement;
    format!("tenant/{tenant}/agreement/{namespace}/{number}/reference")
}

/// The place of what a payee is at a channel: its account or its name.
pub fn payee_context(tenant: &TenantId, payee: &NaturalKey, field: &str) -> String {
    let NaturalKey { namespace, number } = payee;
    format!("tenant/{tenant}/payee/{namespace}/{number}/{field}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(lines: &[&Secret]) -> Secrets {
        let lines: Vec<&str> = lines.iter().map(|line| line.expose()).collect();
        Secrets::new(MasterKeys::read(&Secret::new(lines.join("\n"))).expect("good keys"))
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the id of a card that there need not be")]
    fn a_cards_secret_is_recognised_before_and_after_a_rotation() {
        let (old, new) = (MasterKeys::generate(), MasterKeys::generate());
        let (tenant, card) = (TenantId::new("100001"), Id::from_value(7));
        let plain = Secret::new("ABCD2345EFGH6789".to_owned());
        let before = secrets(&[&old]).seal_card(&tenant, card, &plain).expect("sealed");
        let both = secrets(&[&new, &old]);
        assert!(both.is_outdated(&before.sealed));
        assert!(both.card_tags(&tenant, card, &plain).contains(&before.tag));
        let context = card_secret_context(&tenant, card);
        let opened = both.unseal(&context, &before.sealed).expect("it opens");
        let after = both.seal_card(&tenant, card, &opened).expect("sealed");
        let only_new = secrets(&[&new]);
        assert!(!only_new.card_tags(&tenant, card, &plain).contains(&before.tag));
        assert!(only_new.card_tags(&tenant, card, &plain).contains(&after.tag));
        assert!(!only_new.card_tags(&tenant, Id::from_value(8), &plain).contains(&after.tag));
    }
}
