//! Names that are unique in the installation, whichever tenant has them: ids of callers' keys, because
//! a caller names its key and not its tenant, and names of channel accounts, because channels call back
//! under them. A new row claims its name in its own commit.
//!
//! It is the one key that the tenant does not lead; a distributed PostgreSQL keeps the table on every
//! node.

use super::cells::{Table, Value, text};
use kernel::{Changed, TenantId, Write};

/// The claims; the kind and the name are the key.
pub static CLAIMED_NAMES: Table =
    Table { name: "installation_names", columns: &[text("tenant"), text("kind"), text("name")] };

/// A name that a new row claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClaimedName<'b> {
    /// What has the name.
    pub kind: &'static str,
    /// The name.
    pub name: &'b str,
}

/// The names that the new rows of a batch claim. Rows keep their names and are never deleted.
pub fn claimed(changed: &Changed) -> impl Iterator<Item = ClaimedName<'_>> {
    let keys =
        new(&changed.caller_keys).map(|row| ClaimedName { kind: "caller_key", name: &row.key_id });
    let accounts = new(&changed.channel_accounts)
        .map(|row| ClaimedName { kind: "channel_account", name: &row.name });
    keys.chain(accounts)
}

fn new<A: kernel::Aggregate>(writes: &[Write<A>]) -> impl Iterator<Item = &A> {
    writes.iter().filter(|write| write.expected.is_none()).map(|write| &write.row)
}

/// The cells of a claim.
pub fn row<'b>(tenant: &'b TenantId, claimed: ClaimedName<'b>) -> [Value<'b>; 3] {
    [Value::text(tenant.as_str()), Value::text(claimed.kind), Value::text(claimed.name)]
}
