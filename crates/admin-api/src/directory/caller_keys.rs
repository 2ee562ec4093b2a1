//! Callers' keys of a tenant.

use super::body::Wanted;
use super::{SealedShown, check_name, enabled, malformed, put_of, put_read, rows};
use crate::faults::Fault;
use crate::operators::{MayConfigure, Operator};
use crate::query::{self, Malformed};
use crate::routes::{Answer, Asked, Faults, Segments, TenantPath, known};
use crate::wire::{ErrorBody, rfc3339};
use axum::Json;
use axum::extract::State;
use crypto::Secret;
use engine::{DeclarationFault, DeclaredCallerKey, DeclaredProof, Engine, Failure};
use http::header::{CACHE_CONTROL, HeaderName};
use http::{HeaderMap, StatusCode};
use kernel::{CallerKey, CallerKeyCommand, CallerProof, DirectoryRefusal, Put, TenantId};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use store::DirectoryRows;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Bytes of a generated secret; it is written in hex.
const GENERATED_LEN: usize = 32;

pub(super) fn described() -> OpenApiRouter<Arc<Engine>> {
    OpenApiRouter::new()
        .routes(routes!(caller_keys))
        .routes(routes!(caller_key, put_caller_key))
        .routes(routes!(rotate_caller_key))
        .routes(routes!(disable_caller_key))
        .routes(routes!(enable_caller_key))
}

/// A caller's key of a tenant.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "describes a part of paths")]
struct CallerKeyPath {
    /// The key's id on the wire (SecretId); unique in the installation.
    key_id: String,
}

/// The callers' keys of a tenant.
#[derive(Serialize, ToSchema)]
struct CallerKeyList {
    /// In the order of their creation.
    caller_keys: Vec<CallerKeyShown>,
}

/// A caller's key.
#[derive(Serialize, ToSchema)]
#[schema(as = CallerKey)]
pub(super) struct CallerKeyShown {
    /// Its id on the wire (SecretId).
    key_id: String,
    /// What proves the caller.
    proof: ProofShown,
    /// False when it is not accepted any more.
    enabled: bool,
    /// When it was created.
    #[schema(format = DateTime)]
    created_at: String,
}

/// What proves a caller.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Proof)]
enum ProofShown {
    /// A shared secret: `TC3-HMAC-SHA256`.
    Hmac {
        /// That there is one; it is not shown.
        secret: SealedShown,
    },
    /// The caller's public key: `SHA256withRSA`.
    Rsa {
        /// PEM.
        public_key_pem: String,
    },
}

impl CallerKeyShown {
    pub(super) fn of(row: &CallerKey) -> CallerKeyShown {
        let proof = match &row.proof {
            CallerProof::Hmac(sealed) => ProofShown::Hmac { secret: SealedShown::of(sealed) },
            CallerProof::Rsa { public_key_pem } => {
                ProofShown::Rsa { public_key_pem: public_key_pem.to_string() }
            }
        };
        CallerKeyShown {
            key_id: row.key_id.to_string(),
            proof,
            enabled: row.is_enabled,
            created_at: rfc3339(row.made_at),
        }
    }
}

/// What a caller's key shall be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CallerKeyPut {
    /// What proves the caller. When absent it stays as it is; a new key needs it.
    proof: Option<ProofPut>,
    /// False to stop accepting the key. When absent it stays as it is; a new one is enabled.
    enabled: Option<bool>,
}

/// What shall prove a caller.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum ProofPut {
    /// A shared secret: `TC3-HMAC-SHA256`.
    Hmac {
        /// At least 16 characters.
        secret: String,
    },
    /// The caller's public key: `SHA256withRSA`.
    Rsa {
        /// PEM.
        public_key_pem: String,
    },
}

/// The key that takes over from another.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Rotation {
    /// The id of the new key.
    key_id: String,
    /// The caller's new public key, PEM, when the old key is one; a secret is generated otherwise.
    public_key_pem: Option<String>,
}

/// The key that was made by a rotation.
#[derive(Serialize, ToSchema)]
struct Rotated {
    /// The new key.
    #[serde(flatten)]
    caller_key: CallerKeyShown,
    /// The generated secret. It is in this answer and cannot be had again.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

fn find<'r>(rows: &'r DirectoryRows, tenant: &TenantId, key_id: &str) -> Option<&'r CallerKey> {
    rows.caller_keys.iter().find(|row| row.tenant == *tenant && *row.key_id == *key_id)
}

async fn shown(engine: &Engine, tenant: &TenantId, key_id: &str) -> Result<CallerKeyShown, Fault> {
    let rows = rows(engine).await?;
    let row = find(&rows, tenant, key_id).ok_or(Fault::NotFound { what: "caller_key" })?;
    Ok(CallerKeyShown::of(row))
}

/// The callers' keys of a tenant.
#[utoipa::path(get, path = "/admin/v1/tenants/{tenant}/caller-keys", tag = "directory",
    params(TenantPath),
    responses((status = 200, description = "The keys.", body = CallerKeyList), Faults))]
async fn caller_keys(
    State(engine): State<Arc<Engine>>,
    Segments(tenant): Segments<String>,
    Asked(pairs): Asked,
) -> Answer<CallerKeyList> {
    query::none(&pairs)?;
    let tenant = known(&engine, &tenant)?;
    let rows = rows(&engine).await?;
    let own = rows.caller_keys.iter().filter(|row| row.tenant == tenant);
    Ok(Json(CallerKeyList { caller_keys: own.map(CallerKeyShown::of).collect() }))
}

/// A caller's key.
#[utoipa::path(get, path = "/admin/v1/tenants/{tenant}/caller-keys/{key_id}", tag = "directory",
    params(TenantPath, CallerKeyPath),
    responses((status = 200, description = "The key.", body = CallerKeyShown), Faults))]
async fn caller_key(
    State(engine): State<Arc<Engine>>,
    Segments((tenant, key_id)): Segments<(String, String)>,
    Asked(pairs): Asked,
) -> Answer<CallerKeyShown> {
    query::none(&pairs)?;
    shown(&engine, &known(&engine, &tenant)?, &key_id).await.map(Json)
}

/// Creates or changes a caller's key. Several may be active at once.
#[utoipa::path(put, path = "/admin/v1/tenants/{tenant}/caller-keys/{key_id}", tag = "directory",
    params(TenantPath, CallerKeyPath), request_body = CallerKeyPut,
    responses(
        (status = 200, description = "As it is now.", body = CallerKeyShown),
        (status = 409, description = "Another tenant has a key of this id; or, with \
            `If-None-Match: *`, it exists with other content.", body = ErrorBody),
        Faults
    ))]
async fn put_caller_key(
    State(engine): State<Arc<Engine>>,
    MayConfigure(operator): MayConfigure,
    Segments((tenant, key_id)): Segments<(String, String)>,
    Asked(pairs): Asked,
    headers: HeaderMap,
    Wanted(wanted): Wanted<CallerKeyPut>,
) -> Answer<CallerKeyShown> {
    query::none(&pairs)?;
    let tenant = known(&engine, &tenant)?;
    check_name("key_id", &key_id)?;
    let put = put_of(&headers)?;
    let proof = match wanted.proof {
        Some(ProofPut::Hmac { secret }) => DeclaredProof::Hmac(Secret::new(secret)),
        Some(ProofPut::Rsa { public_key_pem }) => DeclaredProof::Rsa(Arc::from(public_key_pem)),
        None => DeclaredProof::Keep,
    };
    super::put(&engine, &operator, |rows| {
        let stored = find(rows, &tenant, &key_id);
        let declared = DeclaredCallerKey {
            tenant: tenant.clone(),
            key_id: Arc::from(key_id.as_str()),
            proof: proof.clone(),
            is_enabled: enabled(wanted.enabled, put, stored.map(|row| row.is_enabled)),
            put: put_read(put, stored.map(|row| row.version)),
        };
        Ok(engine.put_caller_key(declared, stored).map_err(in_proof)?)
    })
    .await?;
    shown(&engine, &tenant, &key_id).await.map(Json)
}

/// A declared key's member, where it stands in the body of a `PUT`.
fn in_proof(fault: DeclarationFault) -> Malformed {
    let Malformed { field, why } = Malformed::from(fault);
    let field = match field.as_str() {
        "secret" => "proof.hmac.secret".to_owned(),
        "public_key_pem" => "proof.rsa.public_key_pem".to_owned(),
        _ => field,
    };
    Malformed { field, why }
}

/// Makes a second key of the same kind that is active at once. The old key stays active until it is
/// disabled, so that callers can change over without a pause.
#[utoipa::path(post, path = "/admin/v1/tenants/{tenant}/caller-keys/{key_id}/rotate",
    tag = "directory",
    params(TenantPath, CallerKeyPath), request_body = Rotation,
    responses(
        (status = 201, description = "The new key; a generated secret is shown this once.",
            body = Rotated),
        (status = 409, description = "A key of the new id exists.", body = ErrorBody),
        Faults
    ))]
async fn rotate_caller_key(
    State(engine): State<Arc<Engine>>,
    MayConfigure(operator): MayConfigure,
    Segments((tenant, key_id)): Segments<(String, String)>,
    Asked(pairs): Asked,
    Wanted(rotation): Wanted<Rotation>,
) -> Result<(StatusCode, [(HeaderName, &'static str); 1], Json<Rotated>), Fault> {
    query::none(&pairs)?;
    let tenant = known(&engine, &tenant)?;
    check_name("key_id", &rotation.key_id)?;
    let rows = rows(&engine).await?;
    let old = find(&rows, &tenant, &key_id).ok_or(Fault::NotFound { what: "caller_key" })?;
    if find(&rows, &tenant, &rotation.key_id).is_some() {
        let refusal = DirectoryRefusal::Exists { noun: "caller_key" };
        return Err(Failure::Refused(refusal.into()).into());
    }
    let (proof, secret) = successor(&old.proof, rotation.public_key_pem)?;
    let declared = DeclaredCallerKey {
        tenant: tenant.clone(),
        key_id: Arc::from(rotation.key_id.as_str()),
        proof,
        is_enabled: true,
        put: Put::read(None),
    };
    let command = engine.put_caller_key(declared, None)?;
    engine.handle(operator.caller(), command).await?;
    let caller_key = shown(&engine, &tenant, &rotation.key_id).await?;
    let secret = secret.map(|secret| secret.expose().to_owned());
    let not_kept = [(CACHE_CONTROL, "no-store")];
    Ok((StatusCode::CREATED, not_kept, Json(Rotated { caller_key, secret })))
}

/// A proof of the same kind as the old one, and the secret when one is generated.
fn successor(
    old: &CallerProof,
    public_key_pem: Option<String>,
) -> Result<(DeclaredProof, Option<Secret>), Malformed> {
    match (old, public_key_pem) {
        (CallerProof::Hmac(_), None) => {
            let bytes = crypto::random::bytes::<GENERATED_LEN>();
            let secret = Secret::new(crypto::text::hex(&bytes));
            Ok((DeclaredProof::Hmac(secret.clone()), Some(secret)))
        }
        (CallerProof::Rsa { .. }, Some(pem)) => Ok((DeclaredProof::Rsa(Arc::from(pem)), None)),
        (CallerProof::Hmac(_), Some(_)) => {
            Err(malformed("public_key_pem", "the old key is a shared secret; want none"))
        }
        (CallerProof::Rsa { .. }, None) => {
            Err(malformed("public_key_pem", "the old key is a public key; want the new one"))
        }
    }
}

/// Stops accepting a caller's key at once.
#[utoipa::path(post, path = "/admin/v1/tenants/{tenant}/caller-keys/{key_id}/disable",
    tag = "directory",
    params(TenantPath, CallerKeyPath),
    responses((status = 200, description = "As it is now.", body = CallerKeyShown), Faults))]
async fn disable_caller_key(
    State(engine): State<Arc<Engine>>,
    MayConfigure(operator): MayConfigure,
    Segments(path): Segments<(String, String)>,
    Asked(pairs): Asked,
) -> Answer<CallerKeyShown> {
    query::none(&pairs)?;
    switch(&engine, &operator, path, false).await
}

/// Accepts a caller's key again.
#[utoipa::path(post, path = "/admin/v1/tenants/{tenant}/caller-keys/{key_id}/enable",
    tag = "directory",
    params(TenantPath, CallerKeyPath),
    responses((status = 200, description = "As it is now.", body = CallerKeyShown), Faults))]
async fn enable_caller_key(
    State(engine): State<Arc<Engine>>,
    MayConfigure(operator): MayConfigure,
    Segments(path): Segments<(String, String)>,
    Asked(pairs): Asked,
) -> Answer<CallerKeyShown> {
    query::none(&pairs)?;
    switch(&engine, &operator, path, true).await
}

async fn switch(
    engine: &Engine,
    operator: &Operator,
    (tenant, key_id): (String, String),
    is_enabled: bool,
) -> Answer<CallerKeyShown> {
    let tenant = known(engine, &tenant)?;
    super::put(engine, operator, |rows| {
        let row = find(rows, &tenant, &key_id).cloned();
        let row = row.ok_or(Fault::NotFound { what: "caller_key" })?;
        Ok(CallerKeyCommand::Put {
            tenant: row.tenant,
            key_id: row.key_id,
            proof: row.proof,
            is_enabled,
            put: Put::read(Some(row.version)),
        })
    })
    .await?;
    shown(engine, &tenant, &key_id).await.map(Json)
}
