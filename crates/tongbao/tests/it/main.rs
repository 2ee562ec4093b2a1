//! Black-box tests: the real program, driven over HTTP as its users drive it.
//!
//! - [`test_gateway`]: starts, kills and restarts `tongbao dev`, and speaks to it.
//! - [`merchant`]: a merchant's server that receives notifications.
//! - `admin`: the administration and operations.
//! - `agreements`: payers sign, and are debited from then on.
//! - `papay`: the same at WeChat Pay, where a debit is accepted first.
//! - `alipay`: the simulated Alipay.
//! - `allocation`: a paid order's money is divided.
//! - `archive`: what leaves the database for files, and is proved by them.
//! - `bill`: bills and what differs from them. `bills`: our own, of a merchant's day.
//! - `cards`: gift cards are sold and issued. `card_crash`: the power goes off while they are.
//! - `share`: payees get parts of a paid order.
//! - `settlement`, `withdrawal`: what a merchant has, had, and takes out.
//! - `cli`: the command line.
//! - `cpay`: the API of 腾讯云支付.
//! - `crash`: the power goes off under load.
//! - `doctor`: an installation is examined.
//! - [`rng`]: chance that can be repeated.
//! - `envelope`: transport and envelope.
//! - `fairness`: what one tenant's merchants do not answer delays no other.
//! - `faults`: channels, merchants and strangers at their worst.
//! - `first_day`: a channel that differs from the sandbox.
//! - `gate`: budgets, limits and roles.
//! - `idempotency`: the same number again.
//! - `inputs`: addresses, paths, encodings and files as people really give them.
//! - `life`: from placing to the last notification.
//! - `pay_table`: every pair of PayType and PayChannel, as the documents have it. `pay_types`: every way to pay.
//! - `query_close`: asking for an order, and closing it.
//! - `refund`: refunds that merchants request.
//! - `sandbox`: the simulated WeChat Pay, seen by SDKs that know nothing of this program.
//! - `signature`: who calls, and who is not believed.
//! - `tls`: the simulated channels by TLS, and certificates of clients.
//! - `unified_order`: every row of the table of an order.
//! - `wxpay_v2`: the older interface of WeChat Pay.

mod admin;
mod agreements;
mod alipay;
mod allocation;
mod approvals;
mod archive;
mod attention;
mod bill;
mod bills;
mod bound_cards;
mod card_crash;
mod card_life;
mod cards;
mod cli;
mod code_pay;
mod contradiction;
mod coupons;
mod cpay;
mod crash;
mod doctor;
mod envelope;
mod fairness;
mod faults;
mod first_day;
mod gate;
mod idempotency;
mod inputs;
mod life;
mod merchant;
mod papay;
mod pay_table;
mod pay_types;
mod query_close;
mod refund;
mod refund_of_shares;
mod refusals;
mod rng;
mod sandbox;
mod settlement;
mod share;
mod signature;
mod test_gateway;
mod tls;
mod unified_order;
mod wallets;
mod withdrawal;
mod wxpay_v2;

/// Where the gateways of this suite keep their state: each in a file. `tests/it_postgres` has them on
/// PostgreSQL.
const ON_POSTGRES: bool = false;
