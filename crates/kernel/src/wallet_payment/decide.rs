//! What can be requested of what an order took from a wallet: nothing.

use crate::aggregate::{AggregateCommand, Reads};
use crate::directory::TenantId;

/// What can be requested of it by itself: nothing. The order takes it, and its refunds put it back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WalletPaymentCommand {}

impl AggregateCommand for WalletPaymentCommand {
    fn tenant(&self) -> &TenantId {
        match *self {}
    }

    fn name(&self) -> &'static str {
        match *self {}
    }

    fn reads(&self, _: &mut Reads) {
        match *self {}
    }
}
