//! `tongbao why`: shows the whole story of an order or a withdrawal.

use crate::database::Chosen;
use crate::output::show;
use anyhow::{Result, bail};
use engine::{Clock, SystemClock};
use kernel::TenantId;
use ledger::{Id, kinds};
use std::process::ExitCode;
use store::{Store, StoryOf, TenantsWithOrder, TenantsWithWithdrawal};

/// Arguments of `tongbao why`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The merchant's number of the order (OutOrderId) or withdrawal (OutSettleId)
    out_order_id: String,
    #[command(flatten)]
    database: Chosen,
}

/// Exits 0 when there is such an order or withdrawal, else 1.
pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let store = arguments.database.open_to_read().await?;
    let number = arguments.out_order_id;
    let roots = roots(&*store, &number).await?;
    if roots.is_empty() {
        bail!("no order and no withdrawal has the number {number}");
    }
    for (tenant, root) in roots {
        explain(&*store, tenant, root).await?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The stories of orders and withdrawals with this number.
async fn roots(store: &dyn Store, number: &str) -> Result<Vec<(TenantId, Id<kinds::Root>)>> {
    let (merchant_order_no, withdrawal_no) = (number.to_owned(), number.to_owned());
    let orders = store.ask(TenantsWithOrder { merchant_order_no }).await?.into_iter();
    let orders = orders.map(|(tenant, id)| (tenant, id.subject().root()));
    let withdrawals = store.ask(TenantsWithWithdrawal { withdrawal_no }).await?.into_iter();
    let withdrawals = withdrawals.map(|(tenant, id)| (tenant, id.subject().root()));
    Ok(orders.chain(withdrawals).collect())
}

async fn explain(store: &dyn Store, tenant: TenantId, root: Id<kinds::Root>) -> Result<()> {
    let Some(story) = store.ask(StoryOf { tenant, root }).await? else {
        bail!("{root} has no story");
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
