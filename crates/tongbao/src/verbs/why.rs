//! `tongbao why`: shows an order's whole story.

use crate::database::Chosen;
use crate::output::show;
use anyhow::{Result, bail};
use engine::{Clock, SystemClock};
use kernel::TenantId;
use ledger::{Id, kinds};
use std::process::ExitCode;
use store::{Store, StoryOf, TenantsWithOrder};

/// Arguments of `tongbao why`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The merchant's number of the order (OutOrderId)
    out_order_id: String,
    #[command(flatten)]
    database: Chosen,
}

/// Exits 0 when there is such an order, else 1.
pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let store = arguments.database.open_to_read().await?;
    let number = arguments.out_order_id;
    let found = store.ask(TenantsWithOrder { merchant_order_no: number.clone() }).await?;
    if found.is_empty() {
        bail!("no order has the number {number}");
    }
    for (tenant, order) in found {
        explain(&*store, tenant, order).await?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn explain(store: &dyn Store, tenant: TenantId, order: Id<kinds::Order>) -> Result<()> {
    let root = order.subject().root();
    let Some(story) = store.ask(StoryOf { tenant, root }).await? else {
        bail!("order {order} has no story");
    };
    // The clock of a sandbox may be ahead of the system's; no event is later than its own clock.
    let events = story.events.iter().map(|event| event.at);
    let now = events.fold(SystemClock::new().now(), Ord::max);
    crate::output::write(format_args!("{}", story::render(&story, now)));
    for row in story.attention() {
        show!("\nWhat can end {} of {}:", row.kind.name(), row.subject);
        for exit in admin_api::exits(&row) {
            show!("  {}: {}", exit.meaning, exit.request);
        }
    }
    Ok(())
}
