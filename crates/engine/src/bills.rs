//! Bills of channel accounts: asked for, fetched and read. Nothing is committed, so an engine on a
//! database that is only read can do it.

use crate::channel_accounts::OpenAccount;
use crate::{Engine, calls};
use channel::{Bill, BillDay, Finding, Instruction};
use std::sync::Arc;

/// Why there is no bill to read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BillFault {
    /// The account does not exist or does not open.
    #[error("channel account {0} cannot be used")]
    UnknownAccount(String),
    /// The channel's answer brought no bill: it refused, was silent, or proved nothing.
    #[error("no bill: {0}")]
    NoAnswer(String),
}

impl Engine {
    /// A day's bill of a channel account, read from the channel now. The answer is verified with the
    /// keys that the account has; no keys are fetched, because fetched keys are stored.
    ///
    /// # Errors
    /// When there is no such account, or no answer that proves anything.
    pub async fn bill(
        self: &Arc<Engine>,
        channel_account: &str,
        day: BillDay,
    ) -> Result<Bill, BillFault> {
        let account = self.snapshot().accounts.get(channel_account).cloned();
        let account = account.ok_or_else(|| BillFault::UnknownAccount(channel_account.into()))?;
        match ask(self, &account, Instruction::FindBill(day)).await {
            // The address works for minutes, so the file is fetched at once.
            Finding::BillFile(file) => {
                read(ask(self, &account, Instruction::FetchBill(file)).await)
            }
            found => read(found),
        }
    }
}

async fn ask(engine: &Arc<Engine>, account: &OpenAccount, asked: Instruction) -> Finding {
    let (finding, _) = calls::exchange(engine, account, &asked).await;
    finding
}

fn read(finding: Finding) -> Result<Bill, BillFault> {
    match finding {
        Finding::Bill(bill) => Ok(bill),
        other => Err(BillFault::NoAnswer(other.describe())),
    }
}
