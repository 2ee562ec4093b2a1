//! What needs a person: one warning when it begins, one line when it ends, and how much there is now.
//!
//! What a commit changes is reported with it. Tasks become late by themselves: that is found where rows are
//! counted, and each process reports it.

use crate::Engine;
use kernel::{Attention, AttentionChange, AttentionKind, Lane, TenantId};
use ledger::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use store::{
    AttentionCount, AttentionCounts, AttentionFilter, AttentionList, AttentionRow, StoreFault,
};

/// How often the rows that need a person are counted: other processes change them too.
const COUNT_EVERY: Duration = Duration::from_secs(15);
/// How soon they are counted after a change of this process; changes until then are counted together.
const COUNT_AFTER: Duration = Duration::from_secs(1);

/// Logs what began and what ended with a commit, and counts what began.
pub(crate) fn report(engine: &Engine, tenant: &TenantId, changes: &[AttentionChange]) {
    if !changes.is_empty() {
        engine.attention_changed.notify_one();
    }
    for AttentionChange { subject, root, before, now: present } in changes {
        if let Some(Attention { kind, reason, .. }) = present {
            let kind = kind.name();
            metrics::counter!("tongbao_attention_total", "kind" => kind).increment(1);
            tracing::warn!(%tenant, %subject, %root, kind, %reason, "needs a person");
        }
        // Another reason of the same kind continues what was reported before.
        let continues =
            |before: &Attention| present.as_ref().is_some_and(|now| now.kind == before.kind);
        if let Some(before) = before.as_ref().filter(|before| !continues(before)) {
            let (kind, stood_s) = (before.kind.name(), engine.now().ms_since(before.since) / 1000);
            tracing::info!(%tenant, %subject, %root, kind, stood_s, "no longer needs a person");
        }
    }
}

/// Since when tasks of a tenant and lane are known to be late.
type KnownLate = BTreeMap<(TenantId, Lane), Timestamp>;

/// Keeps the gauges true until the engine stops.
pub(crate) async fn count(engine: Arc<Engine>) {
    let mut stopped = engine.stopped();
    let mut known = KnownLate::new();
    loop {
        if let Err(fault) = count_once(&engine, &mut known).await {
            tracing::warn!(%fault, "what needs a person was not counted");
        }
        let changed = async {
            engine.attention_changed.notified().await;
            tokio::time::sleep(COUNT_AFTER).await;
        };
        tokio::select! {
            () = tokio::time::sleep(COUNT_EVERY) => {}
            () = changed => {}
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
    }
}

async fn count_once(engine: &Engine, known: &mut KnownLate) -> Result<(), StoreFault> {
    let now = engine.now();
    let counts = engine.ask(AttentionCounts { now }).await?;
    for kind in AttentionKind::ALL {
        let rows = counts.iter().find(|count| count.kind == kind).map_or(0, rows);
        metrics::gauge!("tongbao_attention", "kind" => kind.name()).set(rows);
    }
    let is_any_late = counts.iter().any(|count| count.kind == AttentionKind::Late);
    if is_any_late || !known.is_empty() {
        report_late(late(engine, now).await?, known, now);
    }
    Ok(())
}

fn rows(count: &AttentionCount) -> u32 {
    u32::try_from(count.rows).unwrap_or(u32::MAX)
}

/// A line for each tenant and lane that has late tasks.
async fn late(engine: &Engine, now: Timestamp) -> Result<Vec<AttentionRow>, StoreFault> {
    let kind = Some(AttentionKind::Late);
    let filter = AttentionFilter { kind, limit: u32::MAX, ..AttentionFilter::default() };
    engine.ask(AttentionList { filter, now }).await
}

/// Logs what has become late and what is not late any more, and counts what began.
fn report_late(late: Vec<AttentionRow>, known: &mut KnownLate, now: Timestamp) {
    let kind = AttentionKind::Late.name();
    let mut ended = std::mem::take(known);
    for AttentionRow { tenant, subject, root, reason, since, .. } in late {
        let key = (tenant, Lane::of(subject.kind));
        // The oldest task changes as the queue moves on; what began stands.
        let before = ended.remove(&key);
        if before.is_none() {
            let tenant = &key.0;
            metrics::counter!("tongbao_attention_total", "kind" => kind).increment(1);
            tracing::warn!(%tenant, %subject, %root, kind, %reason, "needs a person");
        }
        known.insert(key, before.unwrap_or(since));
    }
    for ((tenant, lane), since) in ended {
        let (lane, stood_s) = (lane.name(), now.ms_since(since) / 1000);
        tracing::info!(%tenant, lane, kind, stood_s, "no longer needs a person");
    }
}
