//! Operators: who they are, what they may do, how often they may call.
//!
//! Each holds a token with a name, under which events record what was done, and a role. A handler that
//! changes something takes [`MayOperate`] or [`MayConfigure`]: it gets the name from there and nowhere
//! else, so it cannot be called by a role that is too low.

use crate::faults::Fault;
use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use crypto::Secret;
use dialect::{Budgets, Peer};
use http::request::Parts;
use http::{HeaderMap, header};
use kernel::Caller;
use std::fmt;
use std::sync::Arc;

/// What an operator may do; each role may do what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Read everything that the API shows.
    Read,
    /// Carry out commands about orders, refunds, notifications, and accounts that need a person.
    Operate,
    /// Change tenants, merchants, callers' keys and channel accounts.
    Configure,
}

impl Role {
    /// Every role, the lowest first.
    pub const ALL: [Role; 3] = [Role::Read, Role::Operate, Role::Configure];

    /// The word in configuration and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Role::Read => "read",
            Role::Operate => "operate",
            Role::Configure => "configure",
        }
    }

    /// The role with this name.
    pub fn from_name(name: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.name() == name)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How many people it takes to move money by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManualRule {
    /// An operator's command is carried out at once.
    OnePerson,
    /// A command is kept until a second operator approves it.
    TwoPeople,
}

/// A token that admits an operator.
#[derive(Clone)]
pub struct AdminToken {
    /// Who holds it.
    pub name: Arc<str>,
    /// What the holder may do.
    pub role: Role,
    /// The bearer token; an empty one admits nobody.
    pub token: Secret,
}

/// Who called, proven by a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Operator {
    pub(crate) name: Arc<str>,
    pub(crate) role: Role,
    /// The rule that holds for the commands of all operators.
    pub(crate) manual_rule: ManualRule,
}

impl Operator {
    /// The operator as the caller of a command.
    pub(crate) fn caller(&self) -> Caller {
        Caller::Operator(self.name.clone())
    }

    /// Refuses a role that is lower.
    fn with(self, wanted: Role) -> Result<Operator, Fault> {
        match self.role >= wanted {
            true => Ok(self),
            false => Err(Fault::Forbidden { role: self.role, wanted }),
        }
    }

    fn of(parts: &Parts) -> Result<Operator, Fault> {
        parts.extensions.get::<Operator>().cloned().ok_or(Fault::Unauthenticated)
    }
}

/// An operator who may carry out commands.
pub(crate) struct MayOperate(pub(crate) Operator);

impl<S: Send + Sync> FromRequestParts<S> for MayOperate {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fault> {
        Operator::of(parts)?.with(Role::Operate).map(MayOperate)
    }
}

/// An operator who may change the directory.
pub(crate) struct MayConfigure(pub(crate) Operator);

impl<S: Send + Sync> FromRequestParts<S> for MayConfigure {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fault> {
        Operator::of(parts)?.with(Role::Configure).map(MayConfigure)
    }
}

/// Everyone who may call.
#[derive(Clone)]
pub(crate) struct Operators {
    tokens: Arc<[AdminToken]>,
    manual_rule: ManualRule,
    budgets: Arc<Budgets>,
}

impl Operators {
    pub(crate) fn new(
        tokens: Vec<AdminToken>,
        manual_rule: ManualRule,
        budgets: Arc<Budgets>,
    ) -> Operators {
        Operators { tokens: tokens.into(), manual_rule, budgets }
    }

    /// The operator behind a request. An address that tried wrong tokens too often has to wait before
    /// the next one is compared.
    fn admit(&self, request: &Request) -> Result<Operator, Fault> {
        let peer = request.extensions().get::<Peer>().copied();
        self.budgets.check_failures(peer)?;
        let Some(operator) = self.holder(request.headers()) else {
            self.budgets.draw_failure(peer)?;
            return Err(Fault::Unauthenticated);
        };
        self.budgets.draw_operation(&operator.name)?;
        Ok(operator)
    }

    /// Who holds the token of these headers. Every token is compared, also
    /// after one was found equal, so that the time tells nothing.
    fn holder(&self, headers: &HeaderMap) -> Option<Operator> {
        let given = bearer(headers)?.as_bytes();
        let mut found = None;
        for known in self.tokens.iter() {
            let token = known.token.expose().as_bytes();
            let is_equal = crypto::hash::equal(given, token);
            if is_equal && !token.is_empty() {
                let (name, role) = (known.name.clone(), known.role);
                found = Some(Operator { name, role, manual_rule: self.manual_rule });
            }
        }
        found
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Lets only operators pass.
pub(crate) async fn admit(
    State(operators): State<Operators>,
    mut request: Request,
    next: Next,
) -> Response {
    match operators.admit(&request) {
        Ok(operator) => {
            request.extensions_mut().insert(operator);
            next.run(request).await
        }
        Err(fault) => fault.into_response(),
    }
}
