//! The paths, and the OpenAPI document that describes them.

use crate::faults::Fault;
use crate::operators::{MayOperate, Operators, admit};
use crate::wire::{
    AccountList, AttentionList, ErrorBody, Notification, NotificationPage, OrderPage, PostingPage,
    Story,
};
use crate::{commands, directory, liability, map, query, settlement};
use axum::extract::{FromRequestParts, Path, Query as QueryString, State};
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use axum::routing::{any, get};
use axum::{Json, Router};
use engine::Engine;
use http::request::Parts;
use http::{StatusCode, header};
use kernel::{NotificationCommand, TenantId};
use ledger::{Account, AccountKind, Id, kinds};
use serde::de::DeserializeOwned;
use std::sync::Arc;
use store::{
    Accounts, AttentionCounts, AttentionFilter, AttentionList as ListAttention, DirectoryOf,
    OneNotification, Orders, StoryOf, TenantsWithOrder,
};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{IntoParams, IntoResponses, Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Where the document is served, without a token.
const DOCUMENT_PATH: &str = "/admin/v1/openapi.json";

/// All routes with their full paths.
pub(crate) fn router(engine: Arc<Engine>, operators: &Operators) -> Router {
    let (routes, document) = described().split_for_parts();
    let document: Arc<str> = Arc::from(text(&document));
    routes
        .route("/admin/v1", any(nothing))
        .route("/admin/v1/", any(nothing))
        .route("/admin/v1/{*rest}", any(nothing))
        .method_not_allowed_fallback(wrong_method)
        .route_layer(from_fn_with_state(operators.clone(), admit))
        .route(DOCUMENT_PATH, get(move || serve_document(document)))
        .with_state(engine)
}

/// Routes that only operators pass to.
pub(crate) fn guarded(router: Router, operators: &Operators) -> Router {
    router.route_layer(from_fn_with_state(operators.clone(), admit))
}

/// The document as it is served.
#[cfg(test)]
pub(crate) fn document() -> utoipa::openapi::OpenApi {
    described().into_openapi()
}

/// The document's text.
pub(crate) fn text(document: &utoipa::openapi::OpenApi) -> String {
    document.to_pretty_json().expect("an OpenAPI document has only string keys")
}

fn described() -> OpenApiRouter<Arc<Engine>> {
    OpenApiRouter::with_openapi(Document::openapi())
        .merge(directory::described())
        .merge(commands::described())
        .merge(settlement::described())
        .merge(liability::described())
        .routes(routes!(orders))
        .routes(routes!(order))
        .routes(routes!(order_by_number))
        .routes(routes!(accounts))
        .routes(routes!(postings))
        .routes(routes!(notifications))
        .routes(routes!(notification))
        .routes(routes!(replay_notification))
        .routes(routes!(attention))
        .routes(routes!(resume_task))
        .routes(routes!(attention_of_tenant))
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Tongbao admin API",
        version = "1",
        description = "What an operator may see and do. Amounts are integers in fen and end in \
            `_fen`; times are RFC 3339 in UTC; ids are strings. Lists are newest first; `next` is \
            the `before` of the next page. Unknown query parameters are refused."
    ),
    components(schemas(ErrorBody)),
    modifiers(&AdminToken),
    security(("admin_token" = []))
)]
struct Document;

struct AdminToken;

impl Modify for AdminToken {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        document.components.get_or_insert_default().add_security_scheme("admin_token", scheme);
    }
}

/// How every path can refuse; only described here, made in `faults`.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes what `Fault` renders")]
pub(crate) enum Faults {
    /// A parameter, path segment or member of the body cannot be used; `field` names it.
    #[response(status = 400)]
    Malformed(ErrorBody),
    /// The admin token is missing or wrong.
    #[response(status = 401)]
    Unauthenticated(ErrorBody),
    /// The token's role does not allow it.
    #[response(status = 403)]
    Forbidden(ErrorBody),
    /// There is nothing of that name.
    #[response(status = 404)]
    NotFound(ErrorBody),
    /// Too many requests of this token, or wrong tokens of this address: come back after `Retry-After`.
    #[response(status = 429)]
    TooMany(ErrorBody),
    /// A stored row cannot be read.
    #[response(status = 500)]
    Unreadable(ErrorBody),
    /// The database failed, or the process is overloaded or stopping.
    #[response(status = 503)]
    Unavailable(ErrorBody),
}

async fn serve_document(document: Arc<str>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], document.to_string())
}

async fn nothing() -> Fault {
    Fault::NotFound { what: "path" }
}

async fn wrong_method() -> Fault {
    Fault::Method
}

/// Orders of a tenant, newest first.
#[utoipa::path(get, path = "/admin/v1/tenants/{tenant}/orders", tag = "orders",
    params(TenantPath, OrderQuery, PageQuery),
    responses((status = 200, description = "A page of orders.", body = OrderPage), Faults))]
async fn orders(
    State(engine): State<Arc<Engine>>,
    Segments(tenant): Segments<String>,
    Asked(pairs): Asked,
) -> Answer<OrderPage> {
    let filter = query::orders(known(&engine, &tenant)?, &pairs)?;
    Ok(Json(map::orders(&engine.ask(Orders { filter }).await?)))
}

/// An order with its whole story, by our id.
#[utoipa::path(get, path = "/admin/v1/tenants/{tenant}/orders/{order}", tag = "orders",
    params(TenantPath, OrderPath),
    responses((status = 200, description = "The order and its story.", body = Story), Faults))]
async fn order(
    State(engine): State<Arc<Engine>>,
    Segments((tenant, order)): Segments<(String, String)>,
    Asked(pairs): Asked,
) -> Answer<Story> {
    query::none(&pairs)?;
    let tenant = known(&engine, &tenant)?;
    story_of(&engine, tenant, query::order_id(&order)?).await
}

/// An order with its whole story, by the merchant's number, in any namespace; of several the first.
#[utoipa::path(get, path = "/admin/v1/tenants/{tenant}/orders/by-number/{merchant_order_no}",
    tag = "orders",
    params(TenantPath, NumberPath),
    responses((status = 200, description = "The order and its story.", body = Story), Faults))]
async fn order_by_number(
    State(engine): State<Arc<Engine>>,
    Segments((tenant, merchant_order_no)): Segments<(String, String)>,
    Asked(pairs): Asked,
) -> Answer<Story> {
    query::none(&pairs)?;
    let tenant = known(&engine, &tenant)?;
    let found = engine.ask(TenantsWithOrder { merchant_order_no }).await?;
    let own = found.into_iter().find(|(owner, _)| *owner == tenant);
    let (_, order) = own.ok_or(Fault::NotFound { what: "order" })?;
    story_of(&engine, tenant, order).await
}

async fn story_of(engine: &Engine, tenant: TenantId, order: Id<kinds::Order>) -> Answer<Story> {
    let story = engine.ask(StoryOf { tenant, root: order.subject().root() }).await?;
    let story = story.and_then(|story| map::story(&story));
    Ok(Json(story.ok_or(Fault::NotFound { what: "order" })?))
}

/// The accounts of a tenant with their balances.
#[utoipa::path(get, path = "/admin/v1/tenants/{tenant}/accounts", tag = "accounts",
    params(TenantPath),
    responses((status = 200, description = "The accounts.", body = AccountList), Faults))]
async fn accounts(
    State(engine): State<Arc<Engine>>,
    Segments(tenant): Segments<String>,
    Asked(pairs): Asked,
) -> Answer<AccountList> {
    query::none(&pairs)?;
    let tenant = known(&engine, &tenant)?;
    Ok(Json(map::accounts(&engine.ask(Accounts { tenant }).await?)))
}

/// Transfers that touch an account, newest first. An account that was never touched has none.
#[utoipa::path(get, path = "/admin/v1/tenants/{tenant}/accounts/{kind}/{owner}/postings",
    tag = "accounts",
    params(TenantPath, AccountPath, PageQuery),
    responses((status = 200, description = "A page of postings.", body = PostingPage), Faults))]
async fn postings(
    State(engine): State<Arc<Engine>>,
    Segments((tenant, kind, owner)): Segments<(String, String, String)>,
    Asked(pairs): Asked,
) -> Answer<PostingPage> {
    let tenant = known(&engine, &tenant)?;
    let account = query::account(&kind, &owner)?;
    let question = query::postings(tenant.clone(), account.clone(), &pairs)?;
    known_owner(&engine, &tenant, &account).await?;
    let limit = question.limit;
    Ok(Json(map::postings(&engine.ask(question).await?, limit)))
}

/// Notifications to the merchants of a tenant, newest first.
#[utoipa::path(get, path = "/admin/v1/tenants/{tenant}/notifications", tag = "notifications",
    params(TenantPath, NotificationQuery, PageQuery),
    responses(
        (status = 200, description = "A page of notifications.", body = NotificationPage),
        Faults
    ))]
async fn notifications(
    State(engine): State<Arc<Engine>>,
    Segments(tenant): Segments<String>,
    Asked(pairs): Asked,
) -> Answer<NotificationPage> {
    let question = query::notifications(known(&engine, &tenant)?, &pairs)?;
    Ok(Json(map::notifications(&engine.ask(question).await?)))
}

/// A notification with its attempts.
#[utoipa::path(get, path = "/admin/v1/tenants/{tenant}/notifications/{notification}",
    tag = "notifications",
    params(TenantPath, NotificationPath),
    responses((status = 200, description = "The notification.", body = Notification), Faults))]
async fn notification(
    State(engine): State<Arc<Engine>>,
    Segments((tenant, notification)): Segments<(String, String)>,
    Asked(pairs): Asked,
) -> Answer<Notification> {
    query::none(&pairs)?;
    let tenant = known(&engine, &tenant)?;
    one_notification(&engine, tenant, query::notification_id(&notification)?).await
}

/// Sends a notification again in any state, from the start of its schedule.
#[utoipa::path(post, path = "/admin/v1/tenants/{tenant}/notifications/{notification}/replay",
    tag = "notifications",
    params(TenantPath, NotificationPath),
    responses(
        (status = 202, description = "It will be sent.", body = Notification),
        (status = 409, description = "A rule refused it.", body = ErrorBody),
        Faults
    ))]
async fn replay_notification(
    State(engine): State<Arc<Engine>>,
    MayOperate(operator): MayOperate,
    Segments((tenant, notification)): Segments<(String, String)>,
    Asked(pairs): Asked,
) -> Result<(StatusCode, Json<Notification>), Fault> {
    query::none(&pairs)?;
    let tenant = known(&engine, &tenant)?;
    let notification = query::notification_id(&notification)?;
    let command = NotificationCommand::Replay { tenant: tenant.clone(), notification };
    engine.handle(operator.caller(), command).await?;
    Ok((StatusCode::ACCEPTED, one_notification(&engine, tenant, notification).await?))
}

/// A notification with its attempts.
pub(crate) async fn one_notification(
    engine: &Engine,
    tenant: TenantId,
    id: Id<kinds::Notification>,
) -> Answer<Notification> {
    let row = engine.ask(OneNotification { tenant, id }).await?;
    let row = row.ok_or(Fault::NotFound { what: "notification" })?;
    Ok(Json(map::notification(&row)))
}

/// What needs a person, of every tenant: rows are listed as long as they do.
#[utoipa::path(get, path = "/admin/v1/attention", tag = "attention",
    params(AttentionQuery, PageQuery),
    responses((status = 200, description = "A page of rows.", body = AttentionList), Faults))]
async fn attention(
    State(engine): State<Arc<Engine>>,
    Asked(pairs): Asked,
) -> Answer<AttentionList> {
    attention_page(&engine, query::attention(None, &pairs)?).await
}

/// What needs a person, of one tenant.
#[utoipa::path(get, path = "/admin/v1/tenants/{tenant}/attention", tag = "attention",
    params(TenantPath, AttentionQuery, PageQuery),
    responses((status = 200, description = "A page of rows.", body = AttentionList), Faults))]
async fn attention_of_tenant(
    State(engine): State<Arc<Engine>>,
    Segments(tenant): Segments<String>,
    Asked(pairs): Asked,
) -> Answer<AttentionList> {
    let tenant = known(&engine, &tenant)?;
    attention_page(&engine, query::attention(Some(tenant), &pairs)?).await
}

async fn attention_page(engine: &Engine, filter: AttentionFilter) -> Answer<AttentionList> {
    let (limit, now) = (filter.limit, engine.now());
    let counts = engine.ask(AttentionCounts { now }).await?;
    let rows = engine.ask(ListAttention { filter, now }).await?;
    Ok(Json(map::attention(&rows, counts, limit)))
}

/// Runs a parked task again: its decision broke an assertion of the program, and that is mended. A parked
/// task is listed under attention as long as it is.
#[utoipa::path(post, path = "/admin/v1/tenants/{tenant}/tasks/{kind}/{id}/resume",
    tag = "attention",
    params(TenantPath, TaskPath),
    responses((status = 202, description = "It is due again."), Faults))]
async fn resume_task(
    State(engine): State<Arc<Engine>>,
    MayOperate(operator): MayOperate,
    Segments((tenant, kind, id)): Segments<(String, String, String)>,
    Asked(pairs): Asked,
) -> Result<StatusCode, Fault> {
    query::none(&pairs)?;
    let tenant = known(&engine, &tenant)?;
    let subject = query::subject(&kind, &id)?;
    match engine.resume_task(&operator.caller(), &tenant, subject).await? {
        true => Ok(StatusCode::ACCEPTED),
        false => Err(Fault::NotFound { what: "parked task" }),
    }
}

/// A tenant of the installation.
pub(crate) fn known(engine: &Engine, tenant: &str) -> Result<TenantId, Fault> {
    let id = TenantId::new(tenant);
    match engine.directory().tenants.contains_key(&id) {
        true => Ok(id),
        false => Err(Fault::NotFound { what: "tenant" }),
    }
}

/// Refuses an account whose owner does not exist: an empty list would hide a typing error. An owner that
/// has money exists, also when the directory lacks it.
async fn known_owner(engine: &Engine, tenant: &TenantId, account: &Account) -> Result<(), Fault> {
    let accounts = engine.ask(Accounts { tenant: tenant.clone() }).await?;
    if accounts.iter().any(|row| row.account == *account) {
        return Ok(());
    }
    let rows = engine.ask(DirectoryOf {}).await?;
    let owner = account.owner.as_str();
    let is_known = match account.kind {
        AccountKind::RefundsPayable
        | AccountKind::Suspense
        | AccountKind::SettledByHand
        | AccountKind::WriteOff => owner == tenant.as_str(),
        // A payee, card batch or wallet without money has no account yet.
        AccountKind::PayeeAvailable
        | AccountKind::CardLiability
        | AccountKind::WalletPrincipal
        | AccountKind::WalletBonus => false,
        AccountKind::MerchantPending
        | AccountKind::MerchantAvailable
        | AccountKind::MerchantFrozen
        | AccountKind::MerchantCoupons
        | AccountKind::MerchantPromotions
        | AccountKind::Breakage => {
            let mut own = rows.merchants.iter().filter(|row| row.tenant == *tenant);
            own.any(|row| row.merchant.as_str() == owner)
        }
        AccountKind::ChannelFunds => {
            let mut own = rows.channel_accounts.iter().filter(|row| row.tenant == *tenant);
            own.any(|row| &*row.name == owner)
        }
    };
    if is_known { Ok(()) } else { Err(Fault::NotFound { what: "account" }) }
}

pub(crate) type Answer<T> = Result<Json<T>, Fault>;

/// The time of a balance.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes parameters; `query` reads them")]
pub(crate) struct BalanceQuery {
    /// At this time, all of its transfers included; now when absent. Not in the future.
    #[param(format = DateTime)]
    as_of: Option<String>,
}

/// Whose rows.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "describes a part of paths")]
pub(crate) struct TenantPath {
    /// The tenant's id.
    tenant: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "describes a part of paths")]
pub(crate) struct OrderPath {
    /// Our id, 18 digits.
    order: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "describes a part of paths")]
struct NumberPath {
    /// The merchant's number.
    merchant_order_no: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "describes a part of paths")]
struct AccountPath {
    /// One of channel_funds, merchant_pending, suspense.
    kind: String,
    /// The owner of the account.
    owner: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "describes a part of paths")]
pub(crate) struct NotificationPath {
    /// The notification's id, 18 digits.
    notification: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "describes a part of paths")]
struct TaskPath {
    /// The kind of the row whose task it is: order, refund, notification …
    kind: String,
    /// The row's id, 18 digits.
    id: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes parameters; `query` reads them")]
struct OrderQuery {
    /// One of init, paying, closing, paid, failed, closed.
    state: Option<String>,
    /// Placed at or after.
    #[param(format = DateTime)]
    from: Option<String>,
    /// Placed before.
    #[param(format = DateTime)]
    to: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes parameters; `query` reads them")]
struct NotificationQuery {
    /// One of due, delivered, given_up.
    state: Option<String>,
}

/// A page of a list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes parameters; `query` reads them")]
pub(crate) struct PageQuery {
    /// `next` of the page before.
    before: Option<String>,
    /// Rows on a page, 1 to 200; 50 when absent.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes parameters; `query` reads them")]
struct AttentionQuery {
    /// Only this kind: contradiction, account_blocked, cannot_close, refund_abnormal, refund_failed,
    /// refund_unfunded, refund_overdue, share_overdue, freeze_ending, unbind_failed,
    /// agreement_overdue, signed_late, notification_given_up, withdrawal_due, parked, late.
    kind: Option<String>,
    /// Only such rows: order, refund, notification, channel_account …
    row: Option<String>,
}

/// Path segments, decoded; refused in our own form when they are not text.
pub(crate) struct Segments<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Segments<T> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Fault> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(segments)) => Ok(Segments(segments)),
            Err(_) => Err(unreadable("path", "want UTF-8 text, percent-encoded")),
        }
    }
}

/// Query parameters, decoded, in the order in which they were sent.
pub(crate) struct Asked(pub(crate) Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Fault> {
        match QueryString::from_request_parts(parts, state).await {
            Ok(QueryString(pairs)) => Ok(Asked(pairs)),
            Err(_) => Err(unreadable("query", "want name=value pairs, percent-encoded")),
        }
    }
}

fn unreadable(field: &str, why: &str) -> Fault {
    let (field, why) = (field.to_owned(), why.to_owned());
    Fault::Malformed(query::Malformed { field, why })
}
