//! The black-box tests of `tests/it` with every house on PostgreSQL, and those that only a database
//! beside the processes makes possible. With no PostgreSQL all of this is skipped; in CI that fails.
//!
//! Left out: `cli`, which is about files, and `rooms`, which starts nothing.
//!
//! - `database_faults`: the database goes, hangs up, gives up and fills up.
//! - `processes`: several gateways on one database, killed one after another.

#[path = "../it/admin.rs"]
mod admin;
#[path = "../it/crash.rs"]
mod crash;
mod database_faults;
#[path = "../it/dice.rs"]
mod dice;
#[path = "../it/envelope.rs"]
mod envelope;
#[path = "../it/faults.rs"]
mod faults;
#[path = "../it/house.rs"]
mod house;
#[path = "../it/idempotency.rs"]
mod idempotency;
#[path = "../it/life.rs"]
mod life;
#[path = "../it/merchant.rs"]
mod merchant;
#[path = "../it/pay_types.rs"]
mod pay_types;
mod processes;
#[path = "../it/query_close.rs"]
mod query_close;
mod shops;
#[path = "../it/signature.rs"]
mod signature;
#[path = "../it/unified_order.rs"]
mod unified_order;

/// Where the houses of this suite keep their state: each in a fresh database.
const ON_POSTGRES: bool = true;
