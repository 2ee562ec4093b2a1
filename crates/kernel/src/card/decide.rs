//! What can be requested of a card.

use crate::aggregate::{AggregateCommand, Reads};
use crate::directory::TenantId;

/// What can be requested of a card by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CardCommand {}

impl AggregateCommand for CardCommand {
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
