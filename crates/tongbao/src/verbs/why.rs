//! `tongbao why`: tells an order's whole story.

use crate::database::Chosen;
use anyhow::{Result, bail};
use engine::{Clock, SystemClock};
use kernel::{OrderKey, TenantId};
use std::process::ExitCode;
use store::{Page, Query, Store};

/// Arguments of `tongbao why`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The merchant's number of the order (OutOrderId)
    merchant_order_no: String,
    #[command(flatten)]
    database: Chosen,
}

/// Exits 0 when there is such an order, else 1.
pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let store = arguments.database.open_to_read()?;
    let number = arguments.merchant_order_no;
    let query = Query::TenantsWithOrder { merchant_order_no: number.clone() };
    let Page::Tenants(tenants) = store.search(&query).await? else {
        bail!("the store did not look for tenants");
    };
    if tenants.is_empty() {
        bail!("no order has the number {number}");
    }
    for tenant in tenants {
        tell(&*store, tenant, &number).await?;
    }
    Ok(ExitCode::SUCCESS)
}

#[expect(clippy::print_stdout, reason = "this is what the verb is for")]
async fn tell(store: &dyn Store, tenant: TenantId, number: &str) -> Result<()> {
    let key = OrderKey::MerchantOrderNo(number.to_owned());
    let Page::Order(Some(order)) =
        store.search(&Query::Order { tenant: tenant.clone(), key }).await?
    else {
        bail!("order {number} is gone");
    };
    let query = Query::Story { tenant, order: order.terms.id };
    let Page::Story(Some(story)) = store.search(&query).await? else {
        bail!("order {number} has no story");
    };
    // The clock of a sandbox may be ahead of the system's; no event is later than its own clock.
    let events = story.events.iter().map(|event| event.at);
    let now = events.fold(SystemClock::new().now(), Ord::max);
    print!("{}", admin_api::story::render(&story, now));
    Ok(())
}
