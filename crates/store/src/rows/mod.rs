//! How aggregates and events become rows, once for every engine.
//!
//! An aggregate's row is described once, by [`Stored`]: a table, its cells, and the bodies of its
//! events. Both databases generate their statements by id from that. Tables whose rows are only added
//! ([`event`], [`transfer`], [`task`], [`claimed_name`], [`archive`]) have a name and columns. An engine
//! binds cells to its statements and knows nothing of what they mean.
//!
//! - `order`, `refund`, `notification`, `tenant`, `merchant`, `caller_key`, `channel_account`,
//!   `approval`, `payee`, `share`, `share_return`, `allocation`, `allocation_release`, `withdrawal`,
//!   `card_batch`, `card_quota`, `recharge`, `card`, `card_transfer`, `card_binding`, `wallet`,
//!   `wallet_payment`, `wallet_freeze`, `agreement`: an aggregate each.
//! - `numbers`: a list of numbers in one cell. `value_parts`: a cell that two of them have.
//! - `object`: a row as a JSON object, outside the database.

mod agreement;
mod allocation;
mod allocation_release;
mod approval;
pub mod archive;
mod attention;
pub mod booked;
mod call;
mod caller_key;
mod card;
mod card_batch;
mod card_binding;
mod card_quota;
mod card_transfer;
mod cells;
mod channel_account;
pub mod claimed_name;
pub mod event;
pub mod liability;
mod merchant;
mod need;
mod notification;
mod numbers;
mod object;
mod order;
mod payee;
mod recharge;
mod refund;
mod share;
mod share_items;
mod share_return;
mod stored;
pub mod task;
mod tenant;
pub mod transfer;
mod value_parts;
mod wallet;
pub mod wallet_flow;
mod wallet_freeze;
mod wallet_payment;
mod withdrawal;

pub use attention::attention_count;
pub use cells::{Cells, Column, Source, StandingCells, Table, Type, Value, list};
pub use object::Object;
pub use stored::{
    Body, KEY_LEN, NumberColumns, Parts, RowTable, STANDING, Stored, cells, expected_cells,
    from_json, logged_cells, merged, mutable_cells, noun, parts, read, to_json,
};
