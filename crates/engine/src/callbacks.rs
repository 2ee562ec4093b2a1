//! Channels' callbacks on their way in: verified, committed as findings, and only then accepted.

use crate::agreements::OpenedAgreement;
use crate::calls::off_thread;
use crate::channel_accounts::OpenAccount;
use crate::{Engine, Failure, keys};
use adapters::Stopwatch;
use channel::{
    AgreementCallback, Callback, CallbackFault, Finding, OrderCallback, Request, Response,
};
use kernel::{
    AgreementRefusal, CallRecord, Caller, ChannelAccountCommand, Command, OrderRefusal, Reads,
    RecordFinding, RefundRefusal, Refusal, subject_of_channel_no,
};
use ledger::{Id, Subject, kinds};
use std::sync::Arc;

impl Engine {
    /// Whether callbacks are taken under this name of a channel account.
    pub fn takes_callbacks(&self, account: &str) -> bool {
        self.snapshot().accounts.get(account).is_some()
    }

    /// Takes a channel's callback about an account. The answer tells the channel whether to repeat it:
    /// accepted means that its content is committed. What does not verify gets the same answer as a
    /// callback about an unknown account, so that names of accounts cannot be found by trying.
    pub async fn channel_callback(self: &Arc<Engine>, account: &str, request: Request) -> Response {
        let Some(account) = self.snapshot().accounts.get(account).cloned() else {
            return unknown();
        };
        match verify(self, &account, request).await {
            Ok(Callback::Order(callback)) => {
                account.connection.receipt(self.take(&account, callback).await)
            }
            Ok(Callback::Agreement(callback)) => {
                account.connection.receipt(self.take_agreement(&account, callback).await)
            }
            Ok(Callback::Other { callback_id, summary }) => {
                tracing::info!(account = %account.name, callback_id, summary, "about no order");
                account.connection.receipt(true)
            }
            Err(fault) => {
                let channel = account.channel.about().name;
                metrics::counter!("tongbao_channel_callbacks_refused_total", "channel" => channel)
                    .increment(1);
                tracing::warn!(account = %account.name, %fault, "a callback was refused");
                unknown()
            }
        }
    }

    /// Commits the content of a callback about an order. True when it stands.
    async fn take(self: &Arc<Engine>, account: &OpenAccount, callback: OrderCallback) -> bool {
        let OrderCallback { channel_order_no: number, finding, callback_id } = callback;
        let Some(call) = understood(self, account, &number, &finding, callback_id) else {
            return false;
        };
        let recorded = self.record(account, &number, finding, call.clone()).await;
        self.recorded(account, &number, call, recorded).await
    }

    /// Commits the content of a callback about an agreement. True when it stands.
    async fn take_agreement(
        self: &Arc<Engine>,
        account: &OpenAccount,
        callback: AgreementCallback,
    ) -> bool {
        let AgreementCallback { channel_agreement_no: number, finding, callback_id } = callback;
        let Some(call) = understood(self, account, &number, &finding, callback_id) else {
            return false;
        };
        // An application may have agreements of another system, whose ends it is told too. No money is in
        // them.
        let Some(id) = self.named::<kinds::Agreement>(&number) else {
            tracing::info!(account = %account.name, number, "about an agreement of another system");
            return true;
        };
        let recorded = self.record_agreement(account, id, finding, call.clone()).await;
        self.recorded(account, &number, call, recorded).await
    }

    /// Whether a callback can be accepted. A channel that reports money has to be believed, even about
    /// nothing that we know: that is recorded for a person, and then accepted.
    async fn recorded(
        &self,
        account: &OpenAccount,
        number: &str,
        call: CallRecord,
        recorded: Result<(), Failure>,
    ) -> bool {
        match recorded {
            Ok(()) => true,
            Err(Failure::Refused(refusal)) => {
                let why = format!("about {number}: {refusal}");
                let (tenant, name) = (account.tenant.clone(), account.name.clone());
                let command = ChannelAccountCommand::RecordMismatch { tenant, name, why, call };
                self.submit(account.caller(), command.into(), None).await.is_ok()
            }
            Err(failure) => {
                tracing::error!(%failure, number, "a callback was not recorded; it will come again");
                false
            }
        }
    }

    /// Commits a finding about an agreement. The channel's number of it is sealed before.
    async fn record_agreement(
        &self,
        account: &OpenAccount,
        id: Id<kinds::Agreement>,
        finding: Finding,
        call: CallRecord,
    ) -> Result<(), Failure> {
        let reads =
            Reads { agreements: vec![(account.tenant.clone(), id.into())], ..Reads::default() };
        if self.rows(&reads).await?.agreements.get(&account.tenant, id).is_none() {
            return Err(AgreementRefusal::NotFound.into());
        }
        let opened = OpenedAgreement::open(self, &account.tenant, id).await;
        let finding = match opened {
            Ok(opened) => opened.strip(self, finding),
            Err(why) => Finding::Unknown { why },
        };
        // What cannot be opened or sealed now is not learnt: the channel repeats it.
        if let Finding::Unknown { why } = &finding {
            tracing::error!(agreement = %id, why, "a callback about an agreement was not taken");
            return Err(Failure::Busy);
        }
        let record = RecordFinding {
            tenant: account.tenant.clone(),
            subject: id.subject(),
            root: id.subject().root(),
            channel_account: account.name.clone(),
            channel_identity: account.identity.clone(),
            finding,
            call,
        };
        self.handle(account.caller(), Command::RecordFinding(record)).await.map(drop)
    }

    /// Commits a finding about the subject that its number names.
    async fn record(
        &self,
        account: &OpenAccount,
        channel_order_no: &str,
        finding: Finding,
        call: CallRecord,
    ) -> Result<(), Failure> {
        let order: Id<kinds::Order> = self.named(channel_order_no).ok_or(OrderRefusal::NotFound)?;
        let subject = match &finding {
            Finding::Refund(refunded) => {
                let refund = self.named::<kinds::Refund>(&refunded.channel_refund_no);
                refund.map(Id::subject).ok_or(RefundRefusal::NotFound)?
            }
            Finding::Placed(_)
            | Finding::Paid(_)
            | Finding::Pending
            | Finding::Closed
            | Finding::Cancelled
            | Finding::Reversed(_)
            | Finding::Failed { .. }
            | Finding::Refused { .. }
            | Finding::Later { .. }
            | Finding::AccountFault { .. }
            | Finding::Unfunded { .. }
            | Finding::NotFound
            | Finding::Ask { .. }
            | Finding::Receiver
            | Finding::Share(_)
            | Finding::Unshared { .. }
            | Finding::ShareReturn(_)
            | Finding::Agreement(_)
            | Finding::Keys(_)
            | Finding::BillFile(_)
            | Finding::Bill(_)
            | Finding::Unproven(_)
            | Finding::Unknown { .. }
            | Finding::Mismatch { .. }
            | Finding::Contested { .. } => order.subject(),
        };
        let record = RecordFinding {
            tenant: account.tenant.clone(),
            subject,
            root: order.subject().root(),
            channel_account: account.name.clone(),
            channel_identity: account.identity.clone(),
            finding,
            call,
        };
        self.handle(account.caller(), Command::RecordFinding(record)).await.map(drop)
    }

    /// The id in one of our numbers, when it is of this installation and names this kind.
    fn named<K: ledger::SubjectId>(&self, number: &str) -> Option<Id<K>> {
        subject_of_channel_no(&self.installation, number).and_then(Subject::id)
    }
}

/// The answer to a callback that we do not know. A channel repeats what is not accepted.
fn unknown() -> Response {
    Response { status: 404, headers: vec![], body: vec![] }
}

impl OpenAccount {
    /// The channel as a caller.
    fn caller(&self) -> Caller {
        Caller::Channel(Arc::from(self.channel.about().name))
    }
}

/// The record of a callback that is understood. What is not is not accepted: the channel repeats it, a
/// bounded number of times, and a later version of this program may understand it.
fn understood(
    engine: &Engine,
    account: &OpenAccount,
    number: &str,
    finding: &Finding,
    callback_id: String,
) -> Option<CallRecord> {
    if let Finding::Unknown { why } = finding {
        tracing::warn!(account = %account.name, number, why, "a callback was not understood");
        return None;
    }
    Some(CallRecord {
        operation: None,
        at: engine.clock.now(),
        took_ms: 0,
        status: None,
        channel_trace: Some(callback_id),
        summary: finding.describe(),
    })
}

impl From<AgreementRefusal> for Failure {
    fn from(refusal: AgreementRefusal) -> Failure {
        Failure::Refused(Refusal::Agreement(refusal))
    }
}

impl From<OrderRefusal> for Failure {
    fn from(refusal: OrderRefusal) -> Failure {
        Failure::Refused(Refusal::Order(refusal))
    }
}

impl From<RefundRefusal> for Failure {
    fn from(refusal: RefundRefusal) -> Failure {
        Failure::Refused(Refusal::Refund(refusal))
    }
}

/// Verifies a callback; one signed with an unknown key is verified once more with fresh keys.
async fn verify(
    engine: &Arc<Engine>,
    account: &Arc<OpenAccount>,
    request: Request,
) -> Result<Callback, CallbackFault> {
    let stopwatch = Stopwatch::start();
    let first = verify_once(engine, account, request.clone()).await;
    let outcome = match first {
        Err(CallbackFault::UnknownKey { serial }) => {
            let sought = keys::Sought::ByCallback(serial);
            let account = keys::fetch(engine, account.clone(), sought).await;
            verify_once(engine, &account, request).await
        }
        other => other,
    };
    let channel = account.channel.about().name;
    metrics::histogram!("tongbao_channel_callback_seconds", "channel" => channel)
        .record(stopwatch.elapsed_seconds());
    outcome
}

async fn verify_once(
    engine: &Engine,
    account: &OpenAccount,
    request: Request,
) -> Result<Callback, CallbackFault> {
    let connection = account.connection.clone();
    off_thread(engine, move |context| connection.callback(&request, context.now))
        .await
        .unwrap_or_else(|| Err(CallbackFault::Unreadable { why: "stopping".to_owned() }))
}
