//! The black-box tests of `tests/it` with every gateway on PostgreSQL, and those that only a database
//! beside the processes makes possible. With no PostgreSQL all of this is skipped; in CI that fails.
//!
//! Left out: `cli`, which is about files.
//!
//! - `database_faults`: the database goes, hangs up, gives up and fills up.
//! - `processes`: several gateways on one database, killed one after another.

#[path = "../it/admin.rs"]
mod admin;
#[path = "../it/agreements.rs"]
mod agreements;
#[path = "../it/alipay.rs"]
mod alipay;
#[path = "../it/allocation.rs"]
mod allocation;
#[path = "../it/approvals.rs"]
mod approvals;
#[path = "../it/archive.rs"]
mod archive;
#[path = "../it/bill.rs"]
mod bill;
#[path = "../it/bills.rs"]
mod bills;
#[path = "../it/bound_cards.rs"]
mod bound_cards;
#[path = "../it/card_crash.rs"]
mod card_crash;
#[path = "../it/card_life.rs"]
mod card_life;
#[path = "../it/cards.rs"]
mod cards;
#[path = "../it/code_pay.rs"]
mod code_pay;
#[path = "../it/contradiction.rs"]
mod contradiction;
#[path = "../it/coupons.rs"]
mod coupons;
#[path = "../it/cpay.rs"]
mod cpay;
#[path = "../it/crash.rs"]
mod crash;
mod database_faults;
#[path = "../it/envelope.rs"]
mod envelope;
#[path = "../it/fairness.rs"]
mod fairness;
#[path = "../it/faults.rs"]
mod faults;
#[path = "../it/gate.rs"]
mod gate;
#[path = "../it/idempotency.rs"]
mod idempotency;
#[path = "../it/life.rs"]
mod life;
mod load;
#[path = "../it/merchant.rs"]
mod merchant;
#[path = "../it/papay.rs"]
mod papay;
#[path = "../it/pay_table.rs"]
mod pay_table;
#[path = "../it/pay_types.rs"]
mod pay_types;
mod processes;
#[path = "../it/query_close.rs"]
mod query_close;
#[path = "../it/refund.rs"]
mod refund;
#[path = "../it/refund_of_shares.rs"]
mod refund_of_shares;
#[path = "../it/refusals.rs"]
mod refusals;
#[path = "../it/rng.rs"]
mod rng;
#[path = "../it/settlement.rs"]
mod settlement;
#[path = "../it/share.rs"]
mod share;
#[path = "../it/signature.rs"]
mod signature;
#[path = "../it/test_gateway.rs"]
mod test_gateway;
#[path = "../it/unified_order.rs"]
mod unified_order;
#[path = "../it/wallets.rs"]
mod wallets;
#[path = "../it/withdrawal.rs"]
mod withdrawal;
#[path = "../it/wxpay_v2.rs"]
mod wxpay_v2;

/// Where the gateways of this suite keep their state: each in a fresh database.
const ON_POSTGRES: bool = true;
