//! Cards that are put into wallets: `bind_card`.
//!
//! The secret comes encrypted for the platform's public key, with which callers verify notifications. An
//! unknown card and a wrong secret have the same answer.

use super::account_wire::{WalletKey, by_id, wallet_id};
use super::faults::of_wallet;
use super::map;
use super::wire::{card_id, card_number, read_card_id};
use crate::BINDING_NAMESPACE;
use crate::auth::Caller;
use crate::check::{Malformed, Read, required};
use crate::envelope::Received;
use crate::faults::{ErrCode, Fault};
use crate::json::Object;
use crate::routes::{Api, Shared, answer, success};
use crate::wire::plain;
use axum::extract::{Request, State};
use axum::response::Response;
use kernel::{
    BindCard, Card, CardBatch, CardBinding, CardBindingCommand, CardProof, Key, MerchantId, Reads,
    Row, TenantId, Wallet,
};
use ledger::{Id, kinds};
use serde::Serialize;
use std::sync::Arc;

/// The longest `CardSecret`: what an RSA key of 4096 bits encrypts, in Base64.
const SEALED_LEN_MAX: usize = 684;

/// `POST …/bind_card`, checked.
struct Asked {
    number: String,
    card: AskedCard,
    wallet: AskedWallet,
}

/// Which card, and what proves that it may be bound.
enum AskedCard {
    OfOwner { id: Id<kinds::Card>, owner: Option<String> },
    BySecret { number: String, sealed: String },
}

/// Which wallet.
enum AskedWallet {
    Named(WalletKey),
    /// A user's at a merchant; at the one that sold the card where none is named.
    OfUser {
        merchant: Option<MerchantId>,
        user: String,
    },
}

impl Asked {
    fn read(body: &Object<'_>) -> Read<Asked> {
        let number = required("OutBindId", plain(body, "OutBindId", 6..=60)?)?.to_owned();
        Ok(Asked { number, card: AskedCard::read(body)?, wallet: AskedWallet::read(body)? })
    }
}

impl AskedCard {
    fn read(body: &Object<'_>) -> Read<AskedCard> {
        let (id, number) = (body.text("CardId", 1..=50)?, body.text("CardNo", 1..=50)?);
        let owner = body.text("OwnerId", 1..=256)?.map(str::to_owned);
        match (id, number) {
            (Some(id), None) => {
                let id = read_card_id(id).map_err(|fault| fault.inside("CardId"))?;
                Ok(AskedCard::OfOwner { id, owner })
            }
            (None, Some(number)) => {
                let sealed = body.required_text("CardSecret", 1..=SEALED_LEN_MAX)?.to_owned();
                Ok(AskedCard::BySecret { number: card_number(number)?.to_owned(), sealed })
            }
            (_, _) => Err(Malformed::new("CardId", "want CardId, or CardNo with CardSecret")),
        }
    }
}

impl AskedWallet {
    fn read(body: &Object<'_>) -> Read<AskedWallet> {
        if let Some(key) = by_id(body)? {
            return Ok(AskedWallet::Named(key));
        }
        let merchant = body.text("ChannelSubMerchantId", 1..=50)?.map(MerchantId::new);
        let user = required("WalletId", body.text("OutUserId", 1..=64)?)
            .map_err(|_| Malformed::new("WalletId", "missing, and OutUserId too: want one"))?;
        Ok(AskedWallet::OfUser { merchant, user: user.to_owned() })
    }

    fn key(self, batch: &CardBatch) -> WalletKey {
        match self {
            AskedWallet::Named(key) => key,
            AskedWallet::OfUser { merchant, user } => {
                Wallet::key(merchant.as_ref().unwrap_or(&batch.merchant), &user)
            }
        }
    }
}

/// `Result` of `bind_card`: the card as it stands now.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct BindingShown {
    out_bind_id: String,
    card_id: String,
    wallet_id: String,
    card_status: &'static str,
    balance: String,
}

pub(super) async fn bind_card(State(api): Shared, request: Request) -> Response {
    answer(bind(&api, request).await.map_err(of_wallet))
}

async fn bind(api: &Api, request: Request) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let (caller, asked) = api.admit(&received, |_, body| Ok(Asked::read(body)?))?;
    let command = command(api, &caller, asked).await?;
    let command = CardBindingCommand::Bind(Box::new(command));
    match api.engine.handle(caller.business(), command).await?.reply.row {
        Some(Row::CardBinding(binding)) => {
            let card = api.card(&caller.tenant, &Key::Id(binding.card)).await?;
            Ok(success(shown(&binding, &card)))
        }
        // The reply is about the card alone where the secret was wrong; it counts.
        Some(Row::Card(_)) => Err(wrong_secret()),
        Some(_) | None => Err(Fault::unknown()),
    }
}

async fn command(api: &Api, caller: &Caller, asked: Asked) -> Result<BindCard, Fault> {
    let tenant = &caller.tenant;
    let (card, batch, proof) = match asked.card {
        AskedCard::OfOwner { id, owner } => {
            let found = api.card_of_batch(tenant, Key::Id(id)).await?;
            let missing = || Fault::new(ErrCode::CardNotExist, "CardId: no such card");
            let (card, batch) = found.ok_or_else(missing)?;
            (card, batch, CardProof::Owner(owner))
        }
        AskedCard::BySecret { number, sealed } => {
            let plain = opened(api, &sealed)?;
            let found = api.card_of_batch(tenant, Card::key(&number)).await?;
            let (card, batch) = found.ok_or_else(wrong_secret)?;
            let tags = api.engine.secrets().card_tags(tenant, card.id, &plain);
            (card, batch, CardProof::Secret { tags })
        }
    };
    Ok(BindCard {
        tenant: tenant.clone(),
        namespace: Arc::from(BINDING_NAMESPACE),
        number: asked.number,
        card: Key::Id(card.id),
        proof,
        wallet: asked.wallet.key(&batch),
    })
}

/// The secret that a caller encrypted for the platform.
fn opened(api: &Api, sealed: &str) -> Result<crypto::Secret, Fault> {
    let plain = api.platform.decrypt_sha256(sealed).ok().and_then(|it| String::from_utf8(it).ok());
    let wanted = "CardSecret: want the secret encrypted for the platform's public key with \
                  RSA-OAEP (SHA-256, MGF1 with SHA-256), in Base64";
    let fault = || Fault::new(ErrCode::WalletInvalidParameter, wanted);
    plain.map(crypto::Secret::new).ok_or_else(fault)
}

fn wrong_secret() -> Fault {
    Fault::new(ErrCode::CardSecretError, "CardSecret: not the secret of a card with this CardNo")
}

fn shown(binding: &CardBinding, card: &Card) -> BindingShown {
    BindingShown {
        out_bind_id: binding.number.clone(),
        card_id: card_id(card.id),
        wallet_id: wallet_id(binding.wallet),
        card_status: map::card_status(card.state),
        balance: card.balance().get().to_string(),
    }
}

impl Api {
    /// A card and its batch; `None` when there is no such card.
    async fn card_of_batch(
        &self,
        tenant: &TenantId,
        key: Key<kinds::Card>,
    ) -> Result<Option<(Card, CardBatch)>, Fault> {
        let cards = vec![(tenant.clone(), key.clone())];
        let view = self.engine.rows(&Reads { cards, ..Reads::default() }).await?;
        let Some(card) = view.cards.find(tenant, &key).cloned() else { return Ok(None) };
        let batch = view.card_batches.get(tenant, card.batch).cloned();
        Ok(Some((card, batch.ok_or_else(Fault::unknown)?)))
    }
}
