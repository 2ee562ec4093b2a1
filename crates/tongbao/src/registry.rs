//! The only list of what ships: a row per channel.

use anyhow::{Result, ensure};
use channel::Channel;
use channel_none::NoChannel;

/// The channels that move money.
pub(crate) const CHANNELS: &[&dyn Channel] =
    &[&channel_wxpay::Wxpay, &channel_alipay::Alipay, &channel_wallet::WalletChannel];

/// Channels of `dev` and `bench` alone: through one nobody ever pays, through the other every order is
/// paid at once, without money.
pub(crate) const DEVELOPMENT_CHANNELS: &[&dyn Channel] = &[&NoChannel::Unpaid, &NoChannel::Paid];

/// Refuses an account at a channel of development.
pub(crate) fn refuse_development(account: &str, channel: &str) -> Result<()> {
    let is_of_development = DEVELOPMENT_CHANNELS.iter().any(|it| it.about().name == channel);
    ensure!(
        !is_of_development,
        "channel account {account}: the channel {channel} is for `tongbao dev` and \
         `tongbao bench` alone"
    );
    Ok(())
}
