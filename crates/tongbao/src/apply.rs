//! Bringing a declaration of tenants into the database: the plan, and carrying it out.
//!
//! The plan is what differs between the declaration and the database. Carrying it out twice changes
//! nothing the second time. What the declaration does not name is left as it is: to stop a tenant, a
//! key or an account, declare it with `enabled = false`.

use crate::declaration::{Declaration, DeclaredTenant, Proof};
use anyhow::{Context, Result};
use channel::Settings;
use engine::{
    DeclaredCallerKey, DeclaredChannelAccount, DeclaredProof, Engine, Secrets, agreement_context,
    caller_key_context, card_secret_context, payee_context, setting_context,
};
use kernel::{
    AccountSetting, Agreement, AgreementCommand, Caller, CallerKeyCommand, CallerProof, Card,
    CardCommand, ChannelAccountCommand, Command, MerchantCommand, MerchantId, Payee, PayeeCommand,
    Put, ResealCardSecret, Sealed, TenantCommand, TenantId,
};
use ledger::{Id, kinds};
use std::sync::Arc;
use store::{DirectoryOf, DirectoryRows, Payees, SecretCards, SignedAgreements};

/// A step of a plan.
pub(crate) struct Step {
    /// What it does, for people.
    pub(crate) line: String,
    command: Command,
}

/// What differs between a declaration and the database, in the order in which it must be done.
pub(crate) async fn plan(engine: &Engine, declaration: &Declaration) -> Result<Vec<Step>> {
    let rows = engine.ask(DirectoryOf {}).await?;
    let mut steps = Vec::new();
    for tenant in &declaration.tenants {
        plan_tenant(engine, &rows, tenant, &mut steps)
            .with_context(|| format!("tenant {}", tenant.ocode))?;
    }
    Ok(steps)
}

/// Carries a plan out.
pub(crate) async fn carry_out(engine: &Engine, caller: &Caller, steps: Vec<Step>) -> Result<()> {
    for step in steps {
        engine.handle(caller.clone(), step.command).await.with_context(|| step.line)?;
    }
    Ok(())
}

fn plan_tenant(
    engine: &Engine,
    rows: &DirectoryRows,
    declared: &DeclaredTenant,
    steps: &mut Vec<Step>,
) -> Result<()> {
    let tenant = TenantId::new(&declared.ocode);
    let (name, is_enabled) = (Arc::from(declared.name.as_str()), declared.is_enabled);
    let known = rows.tenants.iter().find(|row| row.tenant == tenant);
    if known.is_none_or(|row| row.name != name || row.is_enabled != is_enabled) {
        let command =
            TenantCommand::Put { tenant: tenant.clone(), name, is_enabled, put: Put::Apply };
        add(steps, known.is_some(), &format!("tenant {tenant}"), command);
    }
    plan_accounts(engine, rows, &tenant, declared, steps)?;
    plan_keys(engine, rows, &tenant, declared, steps)?;
    plan_merchants(rows, &tenant, declared, steps);
    Ok(())
}

fn plan_accounts(
    engine: &Engine,
    rows: &DirectoryRows,
    tenant: &TenantId,
    declared: &DeclaredTenant,
    steps: &mut Vec<Step>,
) -> Result<()> {
    for account in &declared.accounts {
        let known = rows
            .channel_accounts
            .iter()
            .find(|row| row.tenant == *tenant && *row.name == *account.name);
        let wanted = DeclaredChannelAccount {
            tenant: tenant.clone(),
            name: Arc::from(account.name.as_str()),
            channel: Arc::from(account.channel.as_str()),
            settings: account.settings.clone(),
            is_enabled: account.is_enabled,
            put: Put::Apply,
        };
        let command = engine
            .put_channel_account(wanted, known)
            .with_context(|| format!("account {}", account.name))?;
        let ChannelAccountCommand::Put { settings, is_enabled, .. } = &command else { continue };
        if known.is_none_or(|row| row.settings != *settings || row.is_enabled != *is_enabled) {
            add(steps, known.is_some(), &format!("channel account {}", account.name), command);
        }
    }
    Ok(())
}

fn plan_keys(
    engine: &Engine,
    rows: &DirectoryRows,
    tenant: &TenantId,
    declared: &DeclaredTenant,
    steps: &mut Vec<Step>,
) -> Result<()> {
    for key in &declared.keys {
        let known = rows
            .caller_keys
            .iter()
            .find(|row| row.tenant == *tenant && *row.key_id == *key.secret_id);
        let wanted = DeclaredCallerKey {
            tenant: tenant.clone(),
            key_id: Arc::from(key.secret_id.as_str()),
            proof: match key.proof.clone() {
                Proof::SecretKey(secret) => DeclaredProof::Hmac(secret),
                Proof::PublicKey(pem) => DeclaredProof::Rsa(Arc::from(pem)),
            },
            is_enabled: key.is_enabled,
            put: Put::Apply,
        };
        let command = engine
            .put_caller_key(wanted, known)
            .with_context(|| format!("key {}", key.secret_id))?;
        let CallerKeyCommand::Put { proof, is_enabled, .. } = &command;
        if known.is_none_or(|row| row.proof != *proof || row.is_enabled != *is_enabled) {
            add(steps, known.is_some(), &format!("caller key {}", key.secret_id), command);
        }
    }
    Ok(())
}

fn plan_merchants(
    rows: &DirectoryRows,
    tenant: &TenantId,
    declared: &DeclaredTenant,
    steps: &mut Vec<Step>,
) {
    for wanted in &declared.merchants {
        let merchant = MerchantId::new(&wanted.id);
        let (name, is_enabled) = (Arc::from(wanted.name.as_str()), wanted.is_enabled);
        let channel_accounts: Vec<Arc<str>> =
            wanted.accounts.iter().map(|name| Arc::from(name.as_str())).collect();
        let known =
            rows.merchants.iter().find(|row| row.tenant == *tenant && row.merchant == merchant);
        let is_same = known.is_some_and(|row| {
            row.name == name
                && row.is_enabled == is_enabled
                && row.channel_accounts == channel_accounts
                && row.sharing == wanted.sharing
        });
        if !is_same {
            let line = format!("merchant {merchant}");
            let (tenant, put) = (tenant.clone(), Put::Apply);
            let command = MerchantCommand::Put {
                tenant,
                merchant,
                name,
                channel_accounts,
                sharing: wanted.sharing.clone(),
                is_enabled,
                put,
            };
            add(steps, known.is_some(), &line, command);
        }
    }
}

/// Payees that are read at once.
const PAYEES_MAX: u32 = 500;

/// Every payee of a tenant, a page at a time: those after one.
pub(crate) async fn payees_after(
    engine: &Engine,
    tenant: &TenantId,
    after: Option<Id<kinds::Payee>>,
) -> Result<Vec<Payee>> {
    Ok(engine.ask(Payees { tenant: tenant.clone(), after, limit: PAYEES_MAX }).await?)
}

/// Seals the payees of every tenant under the current master key, a page at a time; how many were not.
pub(crate) async fn reseal_payees(engine: &Engine, caller: &Caller) -> Result<usize> {
    let rows = engine.ask(DirectoryOf {}).await?;
    let mut count = 0;
    for tenant in rows.tenants.iter().map(|row| &row.tenant) {
        let mut after = None;
        loop {
            let page = payees_after(engine, tenant, after).await?;
            for payee in &page {
                if let Some(command) = resealing(engine.secrets(), payee)? {
                    engine.handle(caller.clone(), command).await?;
                    count += 1;
                }
            }
            let Some(last) = page.last() else { break };
            after = Some(last.id);
        }
    }
    Ok(count)
}

/// What seals a payee's secrets anew; nothing where they are under the current key.
fn resealing(secrets: &Secrets, payee: &Payee) -> Result<Option<PayeeCommand>> {
    let number = payee.account.as_ref().map(|account| &account.number);
    if ![payee.name.as_ref(), number].into_iter().flatten().any(|it| secrets.is_outdated(it)) {
        return Ok(None);
    }
    let again = |field, sealed: &Sealed| {
        let place = payee_context(&payee.tenant, &payee.key(), field);
        let plain = secrets.unseal(&place, sealed);
        let plain = plain.with_context(|| format!("payee {}: {field}", payee.id))?;
        anyhow::Ok(secrets.seal_again(&place, &plain, Some(sealed))?)
    };
    Ok(Some(PayeeCommand::Reseal {
        tenant: payee.tenant.clone(),
        payee: payee.id,
        name: payee.name.as_ref().map(|name| again("name", name)).transpose()?,
        number: number.map(|number| again("account", number)).transpose()?,
    }))
}

/// Agreements that are read at once.
const AGREEMENTS_MAX: u32 = 500;

/// The signed agreements of a tenant, a page at a time: those after one.
pub(crate) async fn agreements_after(
    engine: &Engine,
    tenant: &TenantId,
    after: Option<Id<kinds::Agreement>>,
) -> Result<Vec<Agreement>> {
    let limit = AGREEMENTS_MAX;
    Ok(engine.ask(SignedAgreements { tenant: tenant.clone(), after, limit }).await?)
}

/// Seals the numbers of every tenant's agreements under the current master key, a page at a time; how many
/// were not.
pub(crate) async fn reseal_agreements(engine: &Engine, caller: &Caller) -> Result<usize> {
    let rows = engine.ask(DirectoryOf {}).await?;
    let mut count = 0;
    for tenant in rows.tenants.iter().map(|row| &row.tenant) {
        let mut after = None;
        loop {
            let page = agreements_after(engine, tenant, after).await?;
            for row in &page {
                if let Some(command) = resealing_agreement(engine.secrets(), row)? {
                    engine.handle(caller.clone(), command).await?;
                    count += 1;
                }
            }
            let Some(last) = page.last() else { break };
            after = Some(last.terms.id);
        }
    }
    Ok(count)
}

/// What seals an agreement's number anew; nothing where it is under the current key.
fn resealing_agreement(secrets: &Secrets, row: &Agreement) -> Result<Option<AgreementCommand>> {
    let sealed = row.contract.as_ref().map(|contract| &contract.reference);
    let Some(sealed) = sealed.filter(|sealed| secrets.is_outdated(sealed)) else {
        return Ok(None);
    };
    let id = row.terms.id;
    let place = agreement_context(&row.terms.tenant, &row.key());
    let plain = secrets.unseal(&place, sealed).with_context(|| format!("agreement {id}"))?;
    let reference = secrets.seal_again(&place, &plain, Some(sealed))?;
    let tenant = row.terms.tenant.clone();
    Ok(Some(AgreementCommand::Reseal { tenant, agreement: id, reference }))
}

/// Cards that are read at once.
const CARDS_MAX: u32 = 500;

/// The cards of a tenant whose secrets were made, a page at a time: those after one.
pub(crate) async fn secret_cards_after(
    engine: &Engine,
    tenant: &TenantId,
    after: Option<Id<kinds::Card>>,
) -> Result<Vec<Card>> {
    Ok(engine.ask(SecretCards { tenant: tenant.clone(), after, limit: CARDS_MAX }).await?)
}

/// Seals the secrets of every tenant's cards under the current master key, a page at a time; how many
/// were not.
pub(crate) async fn reseal_cards(engine: &Engine, caller: &Caller) -> Result<usize> {
    let rows = engine.ask(DirectoryOf {}).await?;
    let mut count = 0;
    for tenant in rows.tenants.iter().map(|row| &row.tenant) {
        let mut after = None;
        loop {
            let page = secret_cards_after(engine, tenant, after).await?;
            for card in &page {
                if let Some(command) = resealing_card(engine.secrets(), card)? {
                    engine.handle(caller.clone(), command).await?;
                    count += 1;
                }
            }
            let Some(last) = page.last() else { break };
            after = Some(last.id);
        }
    }
    Ok(count)
}

/// What seals a card's secret anew; nothing where it is under the current key.
fn resealing_card(secrets: &Secrets, card: &Card) -> Result<Option<CardCommand>> {
    let Some(found) = card.secret.as_ref().filter(|it| secrets.is_outdated(&it.sealed)) else {
        return Ok(None);
    };
    let place = card_secret_context(&card.tenant, card.id);
    let plain = secrets.unseal(&place, &found.sealed);
    let plain = plain.with_context(|| format!("card {}", card.id))?;
    let (tenant, found) = (card.tenant.clone(), found.clone());
    let again = secrets.seal_card(&tenant, card.id, &plain)?;
    Ok(Some(CardCommand::Reseal(Box::new(ResealCardSecret {
        tenant,
        card: card.id,
        found,
        again,
    }))))
}

/// What must be put again so that the secrets of caller keys and channel accounts are sealed under the
/// current master key.
pub(crate) async fn plan_resealing(engine: &Engine) -> Result<Vec<Step>> {
    let rows = engine.ask(DirectoryOf {}).await?;
    let secrets = engine.secrets();
    let mut steps = Vec::new();
    for row in &rows.caller_keys {
        let CallerProof::Hmac(sealed) = &row.proof else { continue };
        if !secrets.is_outdated(sealed) {
            continue;
        }
        let what = format!("caller key {}", row.key_id);
        let plain = secrets.unseal(&caller_key_context(&row.tenant, &row.key_id), sealed);
        let declared = DeclaredCallerKey {
            tenant: row.tenant.clone(),
            key_id: row.key_id.clone(),
            proof: DeclaredProof::Hmac(plain.with_context(|| what.clone())?),
            is_enabled: row.is_enabled,
            put: Put::Change,
        };
        add(&mut steps, true, &what, engine.put_caller_key(declared, Some(row))?);
    }
    for row in &rows.channel_accounts {
        let is_outdated = |setting: &AccountSetting| match setting {
            AccountSetting::Sealed(sealed) => secrets.is_outdated(sealed),
            AccountSetting::Plain(_) => false,
        };
        if !row.settings.values().any(is_outdated) {
            continue;
        }
        let what = format!("channel account {}", row.name);
        let mut settings = Settings::new();
        for (name, setting) in &row.settings {
            let value = match setting {
                AccountSetting::Plain(value) => value.clone(),
                AccountSetting::Sealed(sealed) => {
                    let context = setting_context(&row.tenant, &row.name, name);
                    let plain = secrets.unseal(&context, sealed);
                    plain.with_context(|| format!("{what}: {name}"))?.expose().to_owned()
                }
            };
            settings.insert(name.clone(), value);
        }
        let declared = DeclaredChannelAccount {
            tenant: row.tenant.clone(),
            name: row.name.clone(),
            channel: row.channel.clone(),
            settings,
            is_enabled: row.is_enabled,
            put: Put::Change,
        };
        add(&mut steps, true, &what, engine.put_channel_account(declared, Some(row))?);
    }
    Ok(steps)
}

fn add(steps: &mut Vec<Step>, is_known: bool, what: &str, command: impl Into<Command>) {
    let verb = if is_known { "change" } else { "create" };
    steps.push(Step { line: format!("{verb} {what}"), command: command.into() });
}
