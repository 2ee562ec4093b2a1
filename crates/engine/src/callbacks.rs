//! Channels' callbacks on their way in: verified, committed as findings, and only then accepted.

use crate::calls::{describe, fetch_keys, off_thread};
use crate::channel_accounts::ChannelAccount;
use crate::{Engine, Failure};
use channel::{Callback, CallbackFault, Finding, Request, Response};
use kernel::{CallRecord, Caller, Command, Order, Refund, Refusal};
use std::sync::Arc;
use std::time::Instant;

impl Engine {
    /// Takes a channel's callback about an account. The answer tells the channel whether to repeat it:
    /// accepted means that what it says is committed.
    pub async fn channel_callback(self: &Arc<Engine>, account: &str, request: Request) -> Response {
        let Some(account) = self.accounts.get(account).cloned() else {
            return Response { status: 404, headers: vec![], body: vec![] };
        };
        let connection = account.connection();
        let accepted = match verify(self, &account, request).await {
            Ok(callback) => self.take(&account, callback).await,
            Err(fault) => {
                let channel = account.channel.about().name;
                metrics::counter!("tongbao_channel_callbacks_refused_total", "channel" => channel)
                    .increment(1);
                tracing::warn!(account = %account.name, %fault, "a callback was not believed");
                false
            }
        };
        connection.receipt(accepted)
    }

    /// Commits what a callback says. True when it stands.
    async fn take(self: &Arc<Engine>, account: &ChannelAccount, callback: Callback) -> bool {
        let call = CallRecord {
            operation: None,
            at: self.clock.now(),
            took_ms: 0,
            status: None,
            channel_trace: Some(callback.callback_id),
            summary: describe(&callback.finding),
        };
        let number = callback.channel_order_no;
        let finding = callback.finding;
        match self.record(account, &number, finding, call.clone()).await {
            Ok(()) => true,
            // It is the channel's word about money all the same: it is kept, and then accepted.
            Err(Failure::Refused(refusal)) => {
                let why = format!("about {number}: {refusal}");
                let command = Command::RecordMismatch { tenant: account.tenant.clone(), why, call };
                self.handle(account.caller(), command).await.is_ok()
            }
            Err(failure) => {
                tracing::error!(%failure, number, "a callback was not recorded; it will come again");
                false
            }
        }
    }

    /// Commits a finding about the order with this number.
    async fn record(
        &self,
        account: &ChannelAccount,
        number: &str,
        finding: Finding,
        call: CallRecord,
    ) -> Result<(), Failure> {
        let order = Order::id_of_channel_no(number).ok_or(Refusal::OrderNotFound)?;
        let refund = match &finding {
            Finding::Refund(refunded) => {
                let refund = Refund::id_of_channel_no(&refunded.channel_refund_no);
                Some(refund.ok_or(Refusal::RefundNotFound)?)
            }
            _other => None,
        };
        let (tenant, name) = (account.tenant.clone(), account.name.clone());
        let command =
            Command::RecordFinding { tenant, order, refund, channel_account: name, finding, call };
        self.handle(account.caller(), command).await.map(drop)
    }
}

impl ChannelAccount {
    /// The channel as the one who wants something.
    fn caller(&self) -> Caller {
        Caller::Channel(Arc::from(self.channel.about().name))
    }
}

/// Verifies a callback; one signed with an unknown key is looked at once more with fresh keys.
async fn verify(
    engine: &Arc<Engine>,
    account: &Arc<ChannelAccount>,
    request: Request,
) -> Result<Callback, CallbackFault> {
    let begun = Instant::now();
    let first = verify_once(engine, account, request.clone()).await;
    let outcome = match first {
        Err(CallbackFault::UnknownKey { .. }) => {
            fetch_keys(engine, account).await;
            verify_once(engine, account, request).await
        }
        other => other,
    };
    let channel = account.channel.about().name;
    metrics::histogram!("tongbao_channel_callback_seconds", "channel" => channel)
        .record(begun.elapsed().as_secs_f64());
    outcome
}

async fn verify_once(
    engine: &Engine,
    account: &ChannelAccount,
    request: Request,
) -> Result<Callback, CallbackFault> {
    let connection = account.connection();
    off_thread(engine, move |context| connection.callback(&request, context.now))
        .await
        .unwrap_or_else(|| Err(CallbackFault::Unreadable { why: "stopping".to_owned() }))
}
