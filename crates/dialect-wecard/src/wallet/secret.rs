//! The secret of a card: made when it is first read, kept sealed and as a keyed hash, and returned only
//! encrypted for the caller.

use super::faults::of_wallet;
use super::wire::{card_id, read_card_id};
use crate::auth::Caller;
use crate::check::Read;
use crate::envelope::Received;
use crate::faults::{ErrCode, Fault};
use crate::json::Object;
use crate::routes::{Api, Shared, answer, success};
use axum::extract::{Request, State};
use axum::response::Response;
use crypto::rsa::Sealer;
use crypto::{SealFault, Secret, random};
use engine::{Secrets, card_secret_context};
use kernel::{CallerKey, CallerProof, Card, CardCommand, Key, ReadCardSecret, Reads, Row};
use ledger::{Id, kinds};
use serde::Serialize;

/// How many characters a secret has: 80 bits that nobody can guess.
const LEN: usize = 16;
/// Characters that are not taken for each other; 32 of them, so that each random byte is as likely to
/// become any of them.
const ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

/// `POST …/query_card_secret`, checked.
struct Asked {
    card: Id<kinds::Card>,
    owner: String,
}

impl Asked {
    fn read(body: &Object<'_>) -> Read<Asked> {
        let card = read_card_id(body.required_text("CardId", 1..=50)?);
        let card = card.map_err(|fault| fault.inside("CardId"))?;
        let owner = body.required_text("OwnerId", 1..=256)?.to_owned();
        Ok(Asked { card, owner })
    }
}

/// `Result` of `query_card_secret`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SecretShown {
    card_id: String,
    card_no: String,
    card_secret: String,
}

pub(super) async fn query_card_secret(State(api): Shared, request: Request) -> Response {
    answer(read(&api, request).await.map_err(of_wallet))
}

async fn read(api: &Api, request: Request) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let (caller, asked) = api.admit(&received, |_, body| Ok(Asked::read(body)?))?;
    // First, so that nothing counts as read that the caller cannot get.
    let sealer = sealer(api, &caller).await?;
    let secrets = api.engine.secrets();
    let fresh = secrets.seal_card(&caller.tenant, asked.card, &Secret::new(new_text()));
    let fresh = fresh.map_err(unusable)?;
    let (tenant, card, owner) = (caller.tenant.clone(), asked.card, asked.owner);
    let command = CardCommand::ReadSecret(Box::new(ReadCardSecret { tenant, card, owner, fresh }));
    let handled = api.engine.handle(caller.business(), command).await?;
    let Some(Row::Card(card)) = handled.reply.row else { return Err(Fault::unknown()) };
    Ok(success(shown(secrets, &sealer, &card).map_err(unusable)?))
}

/// The public key of the caller, whose private half alone opens the secret.
async fn sealer(api: &Api, caller: &Caller) -> Result<Sealer, Fault> {
    let key = Key::Number(CallerKey::key(&caller.secret_id));
    let caller_keys = vec![(caller.tenant.clone(), key.clone())];
    let view = api.engine.rows(&Reads { caller_keys, ..Reads::default() }).await?;
    let row = view.caller_keys.find(&caller.tenant, &key).ok_or_else(Fault::unknown)?;
    match &row.proof {
        CallerProof::Rsa { public_key_pem } => {
            Sealer::from_public_pem(public_key_pem).map_err(unusable)
        }
        CallerProof::Hmac(_) => {
            let text = "Authorization: the secret is encrypted for an RSA key, sign with one";
            Err(Fault::new(ErrCode::WalletInvalidParameter, text))
        }
    }
}

fn new_text() -> String {
    let character = |byte: u8| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]);
    random::bytes::<LEN>().into_iter().map(character).collect()
}

fn shown(secrets: &Secrets, sealer: &Sealer, card: &Card) -> Result<SecretShown, SealFault> {
    let secret = card.secret.as_ref().ok_or(SealFault::Open)?;
    let plain = secrets.unseal(&card_secret_context(&card.tenant, card.id), &secret.sealed)?;
    Ok(SecretShown {
        card_id: card_id(card.id),
        card_no: card.number.clone(),
        card_secret: sealer.seal_sha256(plain.expose().as_bytes())?,
    })
}

/// A key that does not work; its text is for the operator only.
fn unusable(fault: SealFault) -> Fault {
    tracing::error!(%fault, "the secret of a card cannot be read");
    Fault::new(ErrCode::SystemError, "internal error")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn secrets_have_sixteen_characters_that_look_different_and_are() {
        let secrets: BTreeSet<String> = (0..100).map(|_| new_text()).collect();
        assert_eq!(secrets.len(), 100);
        for secret in &secrets {
            assert_eq!(secret.len(), LEN, "{secret}");
            assert!(secret.bytes().all(|byte| ALPHABET.contains(&byte)), "{secret}");
        }
        let known: BTreeSet<&u8> = ALPHABET.iter().collect();
        assert_eq!(known.len(), ALPHABET.len());
        assert!([b'0', b'O', b'1', b'I'].iter().all(|byte| !ALPHABET.contains(byte)));
    }
}
