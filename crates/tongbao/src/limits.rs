//! How often callers may call and how many may connect, as a configuration states it or by default.

use crate::server::{Admission, Network};
use anyhow::{Context, Result, ensure};
use dialect::{Rate, Rates};
use serde::Deserialize;
use std::num::NonZeroU32;

/// Rates that no caller meets who does not flood: one tenant gets what a small machine can do.
pub(crate) const RATES: Rates = Rates {
    caller_key: rate(1000, 2000),
    tenant: rate(2000, 4000),
    operator: rate(100, 200),
    failure: rate(5, 50),
};

/// Rates that nothing meets, to measure what the machine can do.
pub(crate) const UNLIMITED: Rates = {
    let unlimited = rate(1_000_000, 1_000_000);
    Rates { caller_key: unlimited, tenant: unlimited, ..RATES }
};

/// Connections of one address at once.
const CONNECTIONS_PER_ADDRESS: NonZeroU32 = number(512);
/// The highest rate that can be configured: tokens are counted in nanoseconds.
const RATE_MAX: u32 = 1_000_000;
/// Without a burst of its own, a bucket holds the calls of this number of seconds.
const BURST_SECONDS: u32 = 2;
/// The highest burst that can be configured.
const BURST_MAX: u32 = RATE_MAX * BURST_SECONDS;

const fn number(number: u32) -> NonZeroU32 {
    match NonZeroU32::new(number) {
        Some(number) => number,
        None => NonZeroU32::MIN,
    }
}

const fn rate(per_second: u32, burst: u32) -> Rate {
    Rate { per_second: number(per_second), burst: number(burst) }
}

/// `[limits]` of a configuration.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LimitsTable {
    caller_key_per_second: Option<NonZeroU32>,
    caller_key_burst: Option<NonZeroU32>,
    tenant_per_second: Option<NonZeroU32>,
    tenant_burst: Option<NonZeroU32>,
    operator_per_second: Option<NonZeroU32>,
    operator_burst: Option<NonZeroU32>,
    failures_per_second: Option<NonZeroU32>,
    failures_burst: Option<NonZeroU32>,
    connections_per_address: Option<NonZeroU32>,
}

impl LimitsTable {
    /// The rates, what is not stated by default.
    pub(crate) fn rates(&self) -> Result<Rates> {
        let caller_key = (self.caller_key_per_second, self.caller_key_burst);
        let tenant = (self.tenant_per_second, self.tenant_burst);
        let operator = (self.operator_per_second, self.operator_burst);
        let failures = (self.failures_per_second, self.failures_burst);
        Ok(Rates {
            caller_key: stated("caller_key", caller_key, RATES.caller_key)?,
            tenant: stated("tenant", tenant, RATES.tenant)?,
            operator: stated("operator", operator, RATES.operator)?,
            failure: stated("failures", failures, RATES.failure)?,
        })
    }

    /// Who may connect.
    pub(crate) fn admission(&self, trusted_proxies: &[String]) -> Result<Admission> {
        let networks = trusted_proxies.iter().map(|text| text.parse::<Network>());
        let each_max = self.connections_per_address.unwrap_or(CONNECTIONS_PER_ADDRESS);
        Ok(Admission {
            connections_each_max: each_max.get(),
            trusted_proxies: networks.collect::<Result<_>>().context("trusted_proxies")?,
        })
    }
}

/// A rate, with its burst, as it is stated.
fn stated(
    name: &str,
    (per_second, burst): (Option<NonZeroU32>, Option<NonZeroU32>),
    default: Rate,
) -> Result<Rate> {
    let burst_by_default = match per_second {
        Some(per_second) => per_second.saturating_mul(number(BURST_SECONDS)),
        None => default.burst,
    };
    for (member, number, highest) in
        [("per_second", per_second, RATE_MAX), ("burst", burst, BURST_MAX)]
    {
        let found = number.map_or(0, NonZeroU32::get);
        ensure!(found <= highest, "limits: {name}_{member}: found {found}, want at most {highest}");
    }
    Ok(Rate {
        per_second: per_second.unwrap_or(default.per_second),
        burst: burst.unwrap_or(burst_by_default),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> LimitsTable {
        toml::from_str(text).expect("a table")
    }

    #[test]
    fn what_is_not_stated_is_by_default() {
        assert_eq!(table("").rates().expect("good"), RATES);
        let rates = table("tenant_per_second = 10\ncaller_key_burst = 7").rates().expect("good");
        assert_eq!((rates.tenant, rates.caller_key), (rate(10, 20), rate(1000, 7)));
        assert!(table("tenant_per_second = 4000000000").rates().is_err());
        assert!(toml::from_str::<LimitsTable>("tenant_burst = 0").is_err());
        assert!(toml::from_str::<LimitsTable>("tenant = 1").is_err());
    }

    #[test]
    fn proxies_are_named_by_address() {
        let admission = table("connections_per_address = 9").admission(&["10.0.0.0/8".to_owned()]);
        assert_eq!(admission.expect("good").connections_each_max, 9);
        let fault = table("").admission(&["proxy.example".to_owned()]).expect_err("a name");
        assert!(format!("{fault:#}").contains("trusted_proxies"), "{fault:#}");
    }
}
