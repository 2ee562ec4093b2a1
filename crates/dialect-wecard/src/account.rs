//! What a merchant has, and its withdrawals: `/cloudpay/v1/account/out/`.
//!
//! - `wire`: requests and results.

pub(crate) mod wire;

use crate::auth::Caller;
use crate::envelope::Received;
use crate::faults::{ErrCode, Fault};
use crate::routes::{Api, Shared, answer, success, wrong_method};
use crate::time;
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use kernel::{
    Key, MerchantId, NaturalKey, RequestWithdrawal, Row, TenantId, Withdrawal, WithdrawalCommand,
    WithdrawalState,
};
use ledger::{Account, AccountKind, Fen, MoneyFault, kinds};
use std::sync::Arc;
use store::{AccountRow, BalancesAt, OneWithdrawal};
use wire::{BalanceShown, Withdraw, WithdrawalName, WithdrawalShown, Withdrawn};

/// The namespace of merchants' numbers of withdrawals (OutSettleId).
const NAMESPACE: &str = "wecard.withdrawal";

/// The accounts that `query_balance` adds up.
const ACCOUNTS: [AccountKind; 3] =
    [AccountKind::MerchantAvailable, AccountKind::MerchantFrozen, AccountKind::MerchantPending];

pub(crate) fn router() -> Router<Arc<Api>> {
    const BASE: &str = "/cloudpay/v1/account/out";
    Router::new()
        .route(&format!("{BASE}/query_balance"), post(query_balance).fallback(wrong_method))
        .route(&format!("{BASE}/withdraw"), post(withdraw).fallback(wrong_method))
        .route(&format!("{BASE}/query_withdraw"), post(query_withdraw).fallback(wrong_method))
}

async fn query_balance(State(api): Shared, request: Request) -> Response {
    answer(show_balance(&api, request).await)
}

async fn withdraw(State(api): Shared, request: Request) -> Response {
    let advice = "query the withdrawal with the same OutSettleId";
    answer(accept(&api, request).await.map_err(|fault| fault.advising(advice)))
}

async fn query_withdraw(State(api): Shared, request: Request) -> Response {
    answer(show(&api, request).await)
}

async fn show_balance(api: &Api, request: Request) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let (caller, merchant) =
        api.admit(&received, |_, body| Ok(MerchantId::new(wire::merchant(body)?)))?;
    api.known_merchant(&caller.tenant, &merchant)?;
    let accounts = ACCOUNTS.map(|kind| Account::new(kind, merchant.as_str())).to_vec();
    let question = BalancesAt { tenant: caller.tenant.clone(), accounts, at: None };
    let rows = api.engine.ask(question).await?;
    Ok(success(balance(&merchant, &rows).map_err(|_| uncountable())?))
}

async fn accept(api: &Api, request: Request) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let (caller, command) =
        api.admit(&received, |caller, body| Ok(requested(caller, &Withdraw::read(body)?)))?;
    let handled = api.engine.handle(caller.business(), command).await?;
    match handled.reply.row {
        Some(Row::Withdrawal(withdrawal)) => Ok(success(withdrawn(&withdrawal))),
        Some(_) | None => Err(Fault::unknown()),
    }
}

async fn show(api: &Api, request: Request) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let (caller, name) = api.admit(&received, |_, body| Ok(WithdrawalName::read(body)?))?;
    let withdrawal = named(api, &caller.tenant, name).await?;
    Ok(success(shown(&withdrawal)))
}

/// The withdrawal that a request names.
async fn named(api: &Api, tenant: &TenantId, name: WithdrawalName) -> Result<Withdrawal, Fault> {
    match name {
        WithdrawalName::Out(number) => one(api, tenant, by_number(number)).await,
        WithdrawalName::Own(id) => one(api, tenant, Key::Id(id)).await,
        WithdrawalName::Both(number, id) => {
            let withdrawal = one(api, tenant, by_number(number)).await?;
            if withdrawal.id == id {
                return Ok(withdrawal);
            }
            let text = "ChannelSettleId: is not the id of the withdrawal that OutSettleId names";
            Err(Fault::new(ErrCode::InvalidParameter, text))
        }
    }
}

async fn one(
    api: &Api,
    tenant: &TenantId,
    key: Key<kinds::Withdrawal>,
) -> Result<Withdrawal, Fault> {
    let found = api.engine.ask(OneWithdrawal { tenant: tenant.clone(), key }).await?;
    let absent = || Fault::new(ErrCode::NoRecord, "no such withdrawal");
    found.map(|withdrawal| *withdrawal).ok_or_else(absent)
}

fn by_number(out_settle_id: String) -> Key<kinds::Withdrawal> {
    Key::Number(NaturalKey::new(NAMESPACE, out_settle_id))
}

/// The command that a request is.
fn requested(caller: &Caller, request: &Withdraw<'_>) -> WithdrawalCommand {
    WithdrawalCommand::Request(Box::new(RequestWithdrawal {
        tenant: caller.tenant.clone(),
        merchant: MerchantId::new(request.merchant),
        namespace: Arc::from(NAMESPACE),
        withdrawal_no: request.out_settle_id.to_owned(),
        dialect: Arc::from(crate::NAME),
        amount: request.amount,
        notify_url: request.notify_url.map(str::to_owned),
        remark: request.remark.map(str::to_owned),
    }))
}

/// What withdrawals hold is still the merchant's and cannot be spent: it counts as frozen, so that the
/// total falls only when money has left.
fn balance<'m>(
    merchant: &'m MerchantId,
    rows: &[AccountRow],
) -> Result<BalanceShown<'m>, MoneyFault> {
    let of = |kind: AccountKind| {
        rows.iter().find(|row| row.account.kind == kind).map(|row| row.balance).unwrap_or_default()
    };
    let available = of(AccountKind::MerchantAvailable);
    let frozen = of(AccountKind::MerchantFrozen).posted.plus(available.held)?;
    let wait = of(AccountKind::MerchantPending).posted;
    let free = available.available()?;
    let text = |fen: Fen| fen.get().to_string();
    Ok(BalanceShown {
        channel_sub_merchant_id: merchant.as_str(),
        total_balance: text(free.plus(frozen)?.plus(wait)?),
        available_balance: text(free),
        frozen_balance: text(frozen),
        wait_balance: text(wait),
    })
}

fn uncountable() -> Fault {
    Fault::new(ErrCode::SystemError, "the balance is out of range")
}

fn withdrawn(withdrawal: &Withdrawal) -> Withdrawn<'_> {
    Withdrawn {
        out_settle_id: &withdrawal.withdrawal_no,
        channel_settle_id: withdrawal.id.to_string(),
        settle_status: match withdrawal.state {
            WithdrawalState::Accepted => "ACCEPTED",
            WithdrawalState::Paid { .. } => "SUCCESS",
            WithdrawalState::Failed { .. } => "FAILED",
        },
    }
}

/// The result of a query, and the content of a notification.
pub(crate) fn shown(withdrawal: &Withdrawal) -> WithdrawalShown<'_> {
    let (ended_at, fail_reason) = match &withdrawal.state {
        WithdrawalState::Accepted => (None, None),
        WithdrawalState::Paid { at, .. } => (Some(*at), None),
        WithdrawalState::Failed { at, note } => (Some(*at), Some(note.as_str())),
    };
    WithdrawalShown {
        channel_sub_merchant_id: withdrawal.merchant.as_str(),
        withdrawn: withdrawn(withdrawal),
        settle_amount: withdrawal.amount.get().to_string(),
        settle_fee: "0",
        settle_date: ended_at.map(|at| time::shanghai_date(at).replace('-', "")),
        fail_reason,
        time_finish: ended_at.map(time::write),
        remark: withdrawal.remark.as_deref(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::Balance;

    #[test]
    fn what_withdrawals_hold_is_frozen_and_the_total_is_all_that_is_posted() {
        let merchant = MerchantId::new("CM1");
        let row = |kind, posted, held| AccountRow {
            account: Account::new(kind, "CM1"),
            balance: Balance { posted: Fen::new(posted), held: Fen::new(held) },
        };
        let rows = [
            row(AccountKind::MerchantAvailable, 500, 200),
            row(AccountKind::MerchantFrozen, 40, 0),
            row(AccountKind::MerchantPending, 9, 3),
        ];
        let shown = balance(&merchant, &rows).expect("it fits");
        assert_eq!(
            serde_json::to_value(shown).expect("JSON"),
            serde_json::json!({
                "ChannelSubMerchantId": "CM1",
                "TotalBalance": "549",
                "AvailableBalance": "300",
                "FrozenBalance": "240",
                "WaitBalance": "9",
            })
        );
    }
}
