//! Secrets, channel accounts, certificates, and the clocks of the channels.

use super::{Report, Scope, Verdict};
use crate::apply::{agreements_after, payees_after, secret_cards_after};
use engine::{
    DatedKey, Engine, InspectedAccount, Probe, RegisteredProof, agreement_context,
    caller_key_context, card_secret_context, payee_context, read_date, setting_context,
};
use kernel::{AccountSetting, CallerProof, ChannelAccount, Sealed};
use ledger::Timestamp;
use std::sync::Arc;
use store::DirectoryRows;
use story::words::{local, span};

const DAY_MS: i64 = 24 * 3600 * 1000;
/// A certificate that holds for a shorter time must be renewed soon.
const CERTIFICATE_DAYS_MIN: i64 = 30;
/// Channels refuse requests whose time is off by more than five minutes.
const SKEW_MS_MAX: i64 = 300_000;
/// The skew at which somebody should look at the clock; the header counts whole seconds.
const SKEW_MS_WARN: i64 = 30_000;

/// Sealed secrets that were looked at.
#[derive(Default)]
struct Sealings {
    open: usize,
    outdated: usize,
}

impl Sealings {
    /// Opens a secret in its place.
    fn add(&mut self, report: &mut Report, engine: &Engine, place: &str, sealed: &Sealed) {
        match engine.secrets().unseal(place, sealed) {
            Ok(_) => self.open += 1,
            Err(fault) => report.add(Verdict::Fail, "secret", format!("{place}: {fault}")),
        }
        self.outdated += usize::from(engine.secrets().is_outdated(sealed));
    }

    fn report(&self, report: &mut Report, subject: &str) {
        let Sealings { open, outdated } = self;
        report.add(Verdict::Ok, subject, format!("{open} can be opened"));
        if *outdated > 0 {
            let found = format!("{outdated} under an older master key; `tongbao secrets rotate`");
            report.add(Verdict::Warn, subject, found);
        }
    }
}

/// Opens what is sealed of every payee: accounts and names.
pub(super) async fn payees(report: &mut Report, engine: &Engine, rows: &DirectoryRows) {
    let mut sealings = Sealings::default();
    for tenant in rows.tenants.iter().map(|row| &row.tenant) {
        let mut after = None;
        loop {
            let page = match payees_after(engine, tenant, after).await {
                Ok(page) => page,
                Err(fault) => return report.add(Verdict::Fail, "payees", fault.to_string()),
            };
            for payee in &page {
                let number = payee.account.as_ref().map(|account| &account.number);
                for (field, sealed) in [("name", payee.name.as_ref()), ("account", number)] {
                    let place = payee_context(tenant, &payee.key(), field);
                    sealed.inspect(|it| sealings.add(report, engine, &place, it));
                }
            }
            let Some(last) = page.last() else { break };
            after = Some(last.id);
        }
    }
    sealings.report(report, "payees");
}

/// Opens the number of every signed agreement.
pub(super) async fn agreements(report: &mut Report, engine: &Engine, rows: &DirectoryRows) {
    let mut sealings = Sealings::default();
    for tenant in rows.tenants.iter().map(|row| &row.tenant) {
        let mut after = None;
        loop {
            let page = match agreements_after(engine, tenant, after).await {
                Ok(page) => page,
                Err(fault) => return report.add(Verdict::Fail, "agreements", fault.to_string()),
            };
            for row in &page {
                let place = agreement_context(tenant, &row.key());
                let sealed = row.contract.as_ref().map(|contract| &contract.reference);
                sealed.inspect(|it| sealings.add(report, engine, &place, it));
            }
            let Some(last) = page.last() else { break };
            after = Some(last.terms.id);
        }
    }
    sealings.report(report, "agreements");
}

/// Opens the secret of every card.
pub(super) async fn cards(report: &mut Report, engine: &Engine, rows: &DirectoryRows) {
    let mut sealings = Sealings::default();
    for tenant in rows.tenants.iter().map(|row| &row.tenant) {
        let mut after = None;
        loop {
            let page = match secret_cards_after(engine, tenant, after).await {
                Ok(page) => page,
                Err(fault) => return report.add(Verdict::Fail, "cards", fault.to_string()),
            };
            for card in &page {
                let place = card_secret_context(tenant, card.id);
                let sealed = card.secret.as_ref().map(|secret| &secret.sealed);
                sealed.inspect(|it| sealings.add(report, engine, &place, it));
            }
            let Some(last) = page.last() else { break };
            after = Some(last.id);
        }
    }
    sealings.report(report, "cards");
}

/// Opens every sealed secret of the directory, and every caller's public key.
pub(super) fn secrets(report: &mut Report, engine: &Engine, rows: &DirectoryRows) {
    let mut sealings = Sealings::default();
    for (place, sealed) in sealed(rows) {
        sealings.add(report, engine, &place, sealed);
    }
    sealings.report(report, "secrets");
    for row in rows.caller_keys.iter().filter(|row| row.is_enabled) {
        let is_usable = match &row.proof {
            // Opened above.
            CallerProof::Hmac(_) => true,
            CallerProof::Rsa { .. } => engine
                .caller(&row.key_id)
                .is_none_or(|caller| matches!(caller.proof, RegisteredProof::Rsa(_))),
        };
        if !is_usable {
            report.add(Verdict::Fail, format!("caller key {}", row.key_id), "cannot be used");
        }
    }
}

/// The sealed secrets with the places for which they are sealed.
fn sealed(rows: &DirectoryRows) -> Vec<(String, &Sealed)> {
    let keys = rows.caller_keys.iter().filter_map(|row| match &row.proof {
        CallerProof::Hmac(sealed) => Some((caller_key_context(&row.tenant, &row.key_id), sealed)),
        CallerProof::Rsa { .. } => None,
    });
    let settings = rows.channel_accounts.iter().flat_map(|row| {
        row.settings.iter().filter_map(|(name, setting)| match setting {
            AccountSetting::Sealed(sealed) => {
                Some((setting_context(&row.tenant, &row.name, name), sealed))
            }
            AccountSetting::Plain(_) => None,
        })
    });
    keys.chain(settings).collect()
}

/// Examines every channel account; a disabled one too, for its open orders.
pub(super) async fn accounts(
    report: &mut Report,
    engine: &Arc<Engine>,
    rows: &DirectoryRows,
    scope: Scope,
) {
    for row in &rows.channel_accounts {
        let subject = format!("account {}", row.name);
        match engine.inspect_account(row) {
            Ok(inspected) => {
                account(report, engine, &subject, &inspected, row);
                if inspected.can_be_probed && !scope.is_offline {
                    answer(report, &subject, &engine.probe(&inspected).await);
                }
            }
            Err(fault) => report.add(Verdict::Fail, subject, fault.to_string()),
        }
    }
}

fn account(
    report: &mut Report,
    engine: &Engine,
    subject: &str,
    inspected: &InspectedAccount,
    row: &ChannelAccount,
) {
    let state = if row.is_enabled { "enabled" } else { "disabled" };
    report.add(Verdict::Ok, subject, format!("{} account, opens, {state}", row.channel));
    for certificate in &inspected.certificates {
        let (verdict, found) = holds(certificate, engine.now());
        report.add(verdict, subject, format!("{}: {found}", certificate.name));
    }
    // Channels replace their keys themselves: the one that holds longest counts.
    if let Some(key) = inspected.platform_keys.iter().max_by_key(|key| key.valid_until) {
        let (verdict, found) = holds(key, engine.now());
        // With another key that holds, an expired one verifies nothing and harms nothing.
        let verdict = if inspected.has_keys { verdict.min(Verdict::Warn) } else { verdict };
        report.add(verdict, subject, format!("fetched key {}: {found}", key.name));
    }
    if !inspected.has_keys {
        let found = "no key that verifies the channel's answers yet; they are fetched when needed";
        report.add(Verdict::Warn, subject, found);
    }
}

/// How long a certificate holds.
fn holds(key: &DatedKey, now: Timestamp) -> (Verdict, String) {
    let left = key.valid_until.ms_since(now);
    let until = local(key.valid_until);
    match left / DAY_MS {
        _ if left <= 0 => (Verdict::Fail, format!("expired at {until}")),
        days if days < CERTIFICATE_DAYS_MIN => {
            (Verdict::Warn, format!("expires in {days} days, at {until}"))
        }
        days => (Verdict::Ok, format!("holds for {days} days")),
    }
}

/// What a harmless signed call brought, and how the channel's clock differs from ours.
fn answer(report: &mut Report, subject: &str, probe: &Probe) {
    match &probe.fault {
        None => report.add(Verdict::Ok, subject, "the channel answers a signed call"),
        Some(fault) => report.add(Verdict::Fail, subject, format!("a signed call: {fault}")),
    }
    let Some(date) = probe.date.as_deref() else { return };
    let Some(there) = read_date(date) else {
        report.add(Verdict::Warn, subject, "the channel's Date header cannot be read");
        return;
    };
    let skew = probe.at.ms_since(there).abs();
    let verdict = match skew {
        ..SKEW_MS_WARN => Verdict::Ok,
        SKEW_MS_WARN..SKEW_MS_MAX => Verdict::Warn,
        SKEW_MS_MAX.. => Verdict::Fail,
    };
    report.add(verdict, subject, format!("clocks differ by {}", span(skew)));
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

    #[test]
    fn a_certificate_is_judged_by_its_days() {
        for (days, want) in
            [(-1, Verdict::Fail), (0, Verdict::Fail), (29, Verdict::Warn), (30, Verdict::Ok)]
        {
            let valid_until = NOW.plus_ms(days * DAY_MS);
            let key = DatedKey { name: "certificate".to_owned(), valid_until };
            assert_eq!(holds(&key, NOW).0, want, "{days} days");
        }
    }

    #[test]
    fn the_channels_clock_is_judged_by_its_distance() {
        let date = "Tue, 14 Nov 2023 22:13:20 GMT";
        assert_eq!(read_date(date), Some(NOW));
        for (seconds, want) in
            [(0, Verdict::Ok), (-29, Verdict::Ok), (31, Verdict::Warn), (-301, Verdict::Fail)]
        {
            let mut report = Report::default();
            let at = NOW.plus_seconds(seconds);
            answer(&mut report, "a", &Probe { fault: None, at, date: Some(date.to_owned()) });
            assert_eq!(report.verdict(), want, "{seconds} s");
        }
    }
}
