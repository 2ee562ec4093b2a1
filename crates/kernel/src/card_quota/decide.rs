//! What can be requested of a quota: nothing.

use crate::aggregate::{AggregateCommand, Reads};
use crate::directory::TenantId;

/// What can be requested of a quota by itself: nothing. Purchases take from it and put back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CardQuotaCommand {}

impl AggregateCommand for CardQuotaCommand {
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
