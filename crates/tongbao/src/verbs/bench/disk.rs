//! `tongbao bench disk`: the bytes of disk that an order takes which was placed, paid and notified.
//!
//! The bytes that are left in use once everything about the orders is archived are measured, too.
//!
//! Orders go through the simulated WeChat Pay one after another, to a merchant's server that
//! acknowledges each notification. What the database grows by is divided by their number.

use crate::database::Database;
use crate::merchant::JsonClient;
use crate::output::show;
use crate::verbs::archive::archive_all;
use crate::verbs::demo::{Received, call, merchant_server};
use crate::verbs::dev::{DevGateway, DevOperators, Purpose, Sockets};
use anyhow::{Context, Result, ensure};
use kernel::Lane;
use ledger::Timestamp;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use store::{Audit, Tasks};
use tokio::sync::mpsc;

/// Orders before the first look at the file: a table's first pages are nearly empty.
const FIRST_ORDERS: u32 = 50;
/// How long a notification may take.
const NOTIFICATION_TIMEOUT: Duration = Duration::from_secs(10);
/// How often to look whether the last attempts are recorded.
const POLL_EVERY: Duration = Duration::from_millis(20);

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// How many orders are measured
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u32).range(1..))]
    orders: u32,
    /// The folder in which a temporary folder is made
    #[arg(long, default_value = ".")]
    folder: PathBuf,
}

pub(super) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let folder = tempfile::tempdir_in(&arguments.folder).context("no temporary folder")?;
    let file = folder.path().join("tongbao.db");
    let database = Database::Sqlite(file.clone());
    let purpose = Purpose::Measurement { partners: 0 };
    let operators = DevOperators::default();
    let gateway =
        DevGateway::start(Sockets::ANY, folder.path(), &database, purpose, operators).await?;
    let empty = used(&file).await?;
    let bytes = grown_by(&gateway, &file, arguments.orders).await;
    gateway.stop().await?;
    let left = left_after_archiving(&database, &file, folder.path()).await?;
    let sold = u64::from(arguments.orders) + u64::from(FIRST_ORDERS);
    show!("{} orders placed, paid and notified", arguments.orders);
    show!("disk         {} bytes an order", bytes? / u64::from(arguments.orders));
    show!("archived     {} bytes an order stay in use", left.saturating_sub(empty) / sold);
    Ok(ExitCode::SUCCESS)
}

/// How many bytes of the file are in use when every story is archived.
async fn left_after_archiving(database: &Database, file: &Path, folder: &Path) -> Result<u64> {
    let everything = Timestamp::from_ms(i64::MAX);
    archive_all(&*database.open()?, Some(&folder.join("archive")), everything).await?;
    used(file).await
}

async fn used(file: &Path) -> Result<u64> {
    let file = file.to_owned();
    Ok(tokio::task::spawn_blocking(move || store_sqlite::size::used_bytes(&file)).await??)
}

/// By how many bytes this number of orders makes the database grow.
async fn grown_by(gateway: &DevGateway, file: &Path, orders: u32) -> Result<u64> {
    let mut merchant = BenchMerchant::open(gateway).await?;
    merchant.sell(FIRST_ORDERS).await?;
    let before = size(file).await?;
    merchant.sell(orders).await?;
    Ok(size(file).await?.saturating_sub(before))
}

async fn size(file: &Path) -> Result<u64> {
    let file = file.to_owned();
    Ok(tokio::task::spawn_blocking(move || store_sqlite::size::bytes(&file)).await??)
}

/// A merchant and its payer.
struct BenchMerchant<'g> {
    gateway: &'g DevGateway,
    client: JsonClient,
    notify_url: String,
    notifications: mpsc::Receiver<Received>,
    sold: u32,
}

impl<'g> BenchMerchant<'g> {
    async fn open(gateway: &'g DevGateway) -> Result<BenchMerchant<'g>> {
        let (notify_url, notifications) = merchant_server().await?;
        Ok(BenchMerchant {
            gateway,
            client: JsonClient::new()?,
            notify_url,
            notifications,
            sold: 0,
        })
    }

    /// Sells this number of times, until everything about it is recorded.
    async fn sell(&mut self, orders: u32) -> Result<()> {
        for _ in 0..orders {
            self.sell_one().await?;
        }
        let settled = async {
            while self.has_tasks().await? {
                tokio::time::sleep(POLL_EVERY).await;
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(NOTIFICATION_TIMEOUT, settled).await.context("orders stay open")??;
        let audit = self.gateway.engine.ask(Audit {}).await?;
        ensure!(audit.paid_orders == u64::from(self.sold), "not every order is paid: {audit:?}");
        Ok(())
    }

    /// Whether anything is to be done yet, whenever it is due.
    async fn has_tasks(&self) -> Result<bool> {
        for lane in Lane::ALL {
            let tasks = Tasks { lane, now: Timestamp::from_ms(i64::MAX) };
            if self.gateway.engine.ask(tasks).await?.due > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn sell_one(&mut self) -> Result<()> {
        let body = super::OrderBody {
            channel: super::Through::Wxpay,
            allocations: String::new(),
            cards: None,
        };
        let mut order: Value = serde_json::from_str(&body.write(0, self.sold as usize))?;
        order["OutOrderId"] = Value::from(format!("demo20221120{:05}", self.sold));
        order["NotifyUrl"] = Value::from(self.notify_url.as_str());
        let path = "/cloudpay/v1/pay/c2b/unified_order";
        let placed = call(self.gateway, &self.client, path, &order).await?;
        let url = format!("{}/control/pay", self.gateway.file.sandbox_url);
        let pay = json!({"pay_info": placed["PayInfo"], "outcome": "success"});
        self.client.post(url, &pay).await?;
        tokio::time::timeout(NOTIFICATION_TIMEOUT, self.notifications.recv())
            .await
            .context("no notification came")?
            .context("the merchant's server is gone")?;
        self.sold += 1;
        Ok(())
    }
}
