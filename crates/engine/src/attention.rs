//! What needs a person: one warning when it begins, one line when it ends, and how much there is now.

use crate::Engine;
use kernel::{Attention, AttentionChange, AttentionKind, TenantId};
use std::sync::Arc;
use std::time::Duration;
use store::{AttentionCount, AttentionCounts, StoreFault};

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

/// Keeps the gauges true until the engine stops.
pub(crate) async fn count(engine: Arc<Engine>) {
    let mut stopped = engine.stopped();
    loop {
        if let Err(fault) = count_once(&engine).await {
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

async fn count_once(engine: &Engine) -> Result<(), StoreFault> {
    let counts = engine.ask(AttentionCounts {}).await?;
    for kind in AttentionKind::ALL {
        let rows = counts.iter().find(|count| count.kind == kind).map_or(0, rows);
        metrics::gauge!("tongbao_attention", "kind" => kind.name()).set(rows);
    }
    Ok(())
}

fn rows(count: &AttentionCount) -> u32 {
    u32::try_from(count.rows).unwrap_or(u32::MAX)
}
