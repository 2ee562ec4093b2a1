//! The only list of what ships: a row per channel.

use channel::Channel;
use channel_none::NoChannel;

/// The channels that an account can be opened at.
pub(crate) const CHANNELS: &[&dyn Channel] =
    &[&channel_wxpay::Wxpay, &NoChannel::Unpaid, &NoChannel::Paid];
