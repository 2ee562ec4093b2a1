//! What signatures by RSA cost: most of the processor time of an order through a channel that signs so.

use super::processor::own_ms;
use anyhow::{Context, Result, ensure};
use crypto::rsa::{self, Signer, Verifier};

/// How often one is made to measure it, and is verified ten times as often. Processor time is counted in
/// steps of ten milliseconds.
const TIMES: u32 = 1000;
const VERIFIED_TIMES: u32 = 10 * TIMES;
/// Of the length of a request's signed text.
const MESSAGE_LEN: usize = 1024;

/// How many signatures an order takes, in the gateway and in the simulated channel together.
#[derive(Clone, Copy)]
pub(super) struct Signatures {
    /// How many are made.
    pub(super) made: u32,
    /// How many are verified.
    pub(super) verified: u32,
}

impl Signatures {
    /// None at all.
    pub(super) const NONE: Signatures = Signatures { made: 0, verified: 0 };

    /// The microseconds of processor time that they cost on this machine, measured now.
    ///
    /// # Errors
    /// When no key can be made.
    pub(super) fn cost_us(self) -> Result<u64> {
        let key = rsa::generate().context("RSA key not made")?;
        let signer = Signer::from_pem(&key)?;
        let verifier = Verifier::from_public_pem(&signer.public_pem())?;
        let message = vec![b'm'; MESSAGE_LEN];
        let signature = signer.sign(&message)?;
        let begun = own_ms();
        for _ in 0..TIMES {
            signer.sign(&message)?;
        }
        let signed = own_ms();
        for _ in 0..VERIFIED_TIMES {
            ensure!(verifier.verify(&message, &signature), "an own signature does not verify");
        }
        let us_each = |from: u64, to: u64, times| to.saturating_sub(from) * 1000 / u64::from(times);
        let made = us_each(begun, signed, TIMES) * u64::from(self.made);
        Ok(made + us_each(signed, own_ms(), VERIFIED_TIMES) * u64::from(self.verified))
    }
}
