//! The paths, who may call them, and the OpenAPI document that describes them.

use crate::faults::Fault;
use crate::wire::{
    AccountList, AttentionPage, ErrorBody, Notification, NotificationPage, OrderPage, PostingPage,
    Story, TenantList,
};
use crate::{map, query};
use axum::extract::{FromRequestParts, Path, Query as QueryString, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::{Json, Router};
use crypto::Secret;
use engine::Engine;
use http::request::Parts;
use http::{HeaderMap, StatusCode, header};
use kernel::{Caller, Command, OrderKey, TenantId};
use ledger::{Id, kinds};
use serde::de::DeserializeOwned;
use std::sync::Arc;
use store::{Page, Query};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{IntoResponses, Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Who acts when the admin API requests something.
const OPERATOR: &str = "admin";
/// Where the document is served, to everybody.
const DOCUMENT_PATH: &str = "/admin/v1/openapi.json";

/// All routes with their full paths.
pub(crate) fn router(engine: Arc<Engine>, admin_token: Arc<Secret>) -> Router {
    let (routes, document) = described().split_for_parts();
    let document: Arc<str> = Arc::from(text(&document));
    routes
        .route("/admin/v1", any(nothing))
        .route("/admin/v1/", any(nothing))
        .route("/admin/v1/{*rest}", any(nothing))
        .method_not_allowed_fallback(wrong_method)
        .route_layer(from_fn_with_state(admin_token, admit))
        .route(DOCUMENT_PATH, get(move || serve_document(document)))
        .with_state(engine)
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
        .routes(routes!(tenants))
        .routes(routes!(orders))
        .routes(routes!(order))
        .routes(routes!(order_by_number))
        .routes(routes!(accounts))
        .routes(routes!(postings))
        .routes(routes!(notifications))
        .routes(routes!(notification))
        .routes(routes!(replay_notification))
        .routes(routes!(attention))
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
enum Faults {
    /// A parameter or path segment cannot be used; `field` names it.
    #[response(status = 400)]
    Malformed(ErrorBody),
    /// The admin token is missing or wrong.
    #[response(status = 401)]
    Unauthenticated(ErrorBody),
    /// There is nothing of that name.
    #[response(status = 404)]
    NotFound(ErrorBody),
    /// A stored row cannot be read.
    #[response(status = 500)]
    Unreadable(ErrorBody),
    /// The database failed, or the process is overloaded or stopping.
    #[response(status = 503)]
    Unavailable(ErrorBody),
}

/// Lets only those pass who hold the token.
async fn admit(State(admin_token): State<Arc<Secret>>, request: Request, next: Next) -> Response {
    if admitted(request.headers(), &admin_token) {
        next.run(request).await
    } else {
        Fault::Unauthenticated.into_response()
    }
}

/// An empty token in the configuration must not open the door to an empty token in a request.
fn admitted(headers: &HeaderMap, admin_token: &Secret) -> bool {
    let wanted = admin_token.expose().as_bytes();
    let given = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim());
    !wanted.is_empty() && given.is_some_and(|given| crypto::hash::equal(given.as_bytes(), wanted))
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

/// Tenants with their merchants and the channels that those collect through.
#[utoipa::path(get, path = "/admin/v1/tenants", tag = "tenants",
    responses((status = 200, description = "The tenants.", body = TenantList), Faults))]
async fn tenants(State(engine): State<Arc<Engine>>, Asked(pairs): Asked) -> Answer<TenantList> {
    query::none(&pairs)?;
    Ok(Json(map::tenants(engine.directory())))
}

/// Orders of a tenant, newest first.
#[utoipa::path(get, path = "/admin/v1/tenants/{tenant}/orders", tag = "orders",
    params(
        ("tenant" = String, Path, description = "The tenant's id."),
        ("state" = Option<String>, Query,
            description = "One of init, paying, closing, paid, failed, closed."),
        ("from" = Option<String>, Query, format = DateTime, description = "Placed at or after."),
        ("to" = Option<String>, Query, format = DateTime, description = "Placed before."),
        ("before" = Option<String>, Query, description = "`next` of the page before."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200,
            description = "Rows on a page, 1 to 200; 50 when absent."),
    ),
    responses((status = 200, description = "A page of orders.", body = OrderPage), Faults))]
async fn orders(
    State(engine): State<Arc<Engine>>,
    Segments(tenant): Segments<String>,
    Asked(pairs): Asked,
) -> Answer<OrderPage> {
    let filter = query::orders(known(&engine, &tenant)?, &pairs)?;
    let limit = filter.limit;
    let Page::Orders(orders) = engine.search(&Query::Orders(filter)).await? else {
        return Err(Fault::wrong_page());
    };
    Ok(Json(map::orders(&orders, limit)))
}

/// An order with its whole story, by our id.
#[utoipa::path(get, path = "/admin/v1/tenants/{tenant}/orders/{order}", tag = "orders",
    params(
        ("tenant" = String, Path, description = "The tenant's id."),
        ("order" = String, Path, description = "Our id, 18 digits."),
    ),
    responses((status = 200, description = "The order and its story.", body = Story), Faults))]
async fn order(
    State(engine): State<Arc<Engine>>,
    Segments((tenant, order)): Segments<(String, String)>,
    Asked(pairs): Asked,
) -> Answer<Story> {
    query::none(&pairs)?;
    let tenant = known(&engine, &tenant)?;
    told(&engine, tenant, query::order_id(&order)?).await
}

/// An order with its whole story, by the merchant's number.
#[utoipa::path(get, path = "/admin/v1/tenants/{tenant}/orders/by-number/{merchant_order_no}",
    tag = "orders",
    params(
        ("tenant" = String, Path, description = "The tenant's id."),
        ("merchant_order_no" = String, Path, description = "The merchant's number."),
    ),
    responses((status = 200, description = "The order and its story.", body = Story), Faults))]
async fn order_by_number(
    State(engine): State<Arc<Engine>>,
    Segments((tenant, merchant_order_no)): Segments<(String, String)>,
    Asked(pairs): Asked,
) -> Answer<Story> {
    query::none(&pairs)?;
    let tenant = known(&engine, &tenant)?;
    let key = OrderKey::MerchantOrderNo(merchant_order_no);
    let query = Query::Order { tenant: tenant.clone(), key };
    let Page::Order(order) = engine.search(&query).await? else {
        return Err(Fault::wrong_page());
    };
    let order = order.ok_or(Fault::NotFound { what: "order" })?;
    told(&engine, tenant, order.terms.id).await
}

async fn told(engine: &Engine, tenant: TenantId, order: Id<kinds::Order>) -> Answer<Story> {
    let Page::Story(story) = engine.search(&Query::Story { tenant, order }).await? else {
        return Err(Fault::wrong_page());
    };
    let story = story.ok_or(Fault::NotFound { what: "order" })?;
    Ok(Json(map::story(&story)))
}

/// The accounts of a tenant with their balances.
#[utoipa::path(get, path = "/admin/v1/tenants/{tenant}/accounts", tag = "accounts",
    params(("tenant" = String, Path, description = "The tenant's id.")),
    responses((status = 200, description = "The accounts.", body = AccountList), Faults))]
async fn accounts(
    State(engine): State<Arc<Engine>>,
    Segments(tenant): Segments<String>,
    Asked(pairs): Asked,
) -> Answer<AccountList> {
    query::none(&pairs)?;
    let tenant = known(&engine, &tenant)?;
    let Page::Accounts(rows) = engine.search(&Query::Accounts { tenant }).await? else {
        return Err(Fault::wrong_page());
    };
    Ok(Json(map::accounts(&rows)))
}

/// Transfers that touch an account, newest first. An account that was never touched has none.
#[utoipa::path(get, path = "/admin/v1/tenants/{tenant}/accounts/{kind}/{owner}/postings",
    tag = "accounts",
    params(
        ("tenant" = String, Path, description = "The tenant's id."),
        ("kind" = String, Path,
            description = "One of channel_funds, merchant_pending, suspense."),
        ("owner" = String, Path, description = "Whose account it is."),
        ("before" = Option<String>, Query, description = "`next` of the page before."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200,
            description = "Rows on a page, 1 to 200; 50 when absent."),
    ),
    responses((status = 200, description = "A page of postings.", body = PostingPage), Faults))]
async fn postings(
    State(engine): State<Arc<Engine>>,
    Segments((tenant, kind, owner)): Segments<(String, String, String)>,
    Asked(pairs): Asked,
) -> Answer<PostingPage> {
    let tenant = known(&engine, &tenant)?;
    let account = query::account(&kind, &owner)?;
    let (query, limit) = query::postings(tenant, account, &pairs)?;
    let Page::Transfers(transfers) = engine.search(&query).await? else {
        return Err(Fault::wrong_page());
    };
    Ok(Json(map::postings(&transfers, limit)))
}

/// Notifications to the merchants of a tenant, newest first.
#[utoipa::path(get, path = "/admin/v1/tenants/{tenant}/notifications", tag = "notifications",
    params(
        ("tenant" = String, Path, description = "The tenant's id."),
        ("state" = Option<String>, Query, description = "One of due, delivered, given_up."),
        ("before" = Option<String>, Query, description = "`next` of the page before."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200,
            description = "Rows on a page, 1 to 200; 50 when absent."),
    ),
    responses((status = 200, description = "A page of notifications.", body = NotificationPage), Faults))]
async fn notifications(
    State(engine): State<Arc<Engine>>,
    Segments(tenant): Segments<String>,
    Asked(pairs): Asked,
) -> Answer<NotificationPage> {
    let (query, limit) = query::notifications(known(&engine, &tenant)?, &pairs)?;
    let Page::Notifications(rows) = engine.search(&query).await? else {
        return Err(Fault::wrong_page());
    };
    Ok(Json(map::notifications(&rows, limit)))
}

/// A notification with its attempts.
#[utoipa::path(get, path = "/admin/v1/tenants/{tenant}/notifications/{notification}", tag = "notifications",
    params(
        ("tenant" = String, Path, description = "The tenant's id."),
        ("notification" = String, Path, description = "The notification's id, 18 digits."),
    ),
    responses((status = 200, description = "The notification.", body = Notification), Faults))]
async fn notification(
    State(engine): State<Arc<Engine>>,
    Segments((tenant, notification)): Segments<(String, String)>,
    Asked(pairs): Asked,
) -> Answer<Notification> {
    query::none(&pairs)?;
    let tenant = known(&engine, &tenant)?;
    found(&engine, tenant, query::notification_id(&notification)?).await
}

/// Sends a notification again, whatever became of it, from the start of its schedule.
#[utoipa::path(post, path = "/admin/v1/tenants/{tenant}/notifications/{notification}/replay",
    tag = "notifications",
    params(
        ("tenant" = String, Path, description = "The tenant's id."),
        ("notification" = String, Path, description = "The notification's id, 18 digits."),
    ),
    responses(
        (status = 202, description = "It will be sent.", body = Notification),
        (status = 409, description = "A rule refused it.", body = ErrorBody),
        Faults
    ))]
async fn replay_notification(
    State(engine): State<Arc<Engine>>,
    Segments((tenant, notification)): Segments<(String, String)>,
    Asked(pairs): Asked,
) -> Result<(StatusCode, Json<Notification>), Fault> {
    query::none(&pairs)?;
    let tenant = known(&engine, &tenant)?;
    let notification = query::notification_id(&notification)?;
    let command = Command::ReplayNotification { tenant: tenant.clone(), notification };
    engine.handle(Caller::Operator(Arc::from(OPERATOR)), command).await?;
    Ok((StatusCode::ACCEPTED, found(&engine, tenant, notification).await?))
}

/// What needs a person, newest first: words of a channel that contradict an order or are about
/// nothing of ours, money that came too late or twice, refunds that a channel finally refused.
#[utoipa::path(get, path = "/admin/v1/tenants/{tenant}/attention", tag = "attention",
    params(
        ("tenant" = String, Path, description = "The tenant's id."),
        ("before" = Option<String>, Query, description = "`next` of the page before."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200,
            description = "Rows on a page, 1 to 200; 50 when absent."),
    ),
    responses((status = 200, description = "A page of events.", body = AttentionPage), Faults))]
async fn attention(
    State(engine): State<Arc<Engine>>,
    Segments(tenant): Segments<String>,
    Asked(pairs): Asked,
) -> Answer<AttentionPage> {
    let (query, limit) = query::attention(known(&engine, &tenant)?, &pairs)?;
    let Page::Events(events) = engine.search(&query).await? else {
        return Err(Fault::wrong_page());
    };
    Ok(Json(map::attention(&events, limit)))
}

async fn found(
    engine: &Engine,
    tenant: TenantId,
    id: Id<kinds::Notification>,
) -> Answer<Notification> {
    let Page::Notifications(rows) = engine.search(&Query::Notification { tenant, id }).await?
    else {
        return Err(Fault::wrong_page());
    };
    let row = rows.first().ok_or(Fault::NotFound { what: "notification" })?;
    Ok(Json(map::notification(row)))
}

/// A tenant of the installation.
fn known(engine: &Engine, tenant: &str) -> Result<TenantId, Fault> {
    let id = TenantId::new(tenant);
    let known = engine.directory().tenant(&id).map(|tenant| tenant.id.clone());
    known.ok_or(Fault::NotFound { what: "tenant" })
}

type Answer<T> = Result<Json<T>, Fault>;

/// Path segments, decoded; refused in our words when they are no text.
struct Segments<T>(T);

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
struct Asked(Vec<(String, String)>);

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
