//! What signatures by RSA cost: most of the processor time of an order through a channel that signs so.

use anyhow::{Context, Result, ensure};
use crypto::rsa::{self, Signer, Verifier};
use std::time::Duration;

use adapters::Stopwatch;

/// How often each is done to measure it.
const TIMES: u32 = 200;
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

    /// What they cost on this machine, measured now.
    ///
    /// # Errors
    /// When no key can be made.
    pub(super) fn cost(self) -> Result<Duration> {
        let key = rsa::generate().context("RSA key not made")?;
        let signer = Signer::from_pem(&key)?;
        let verifier = Verifier::from_public_pem(&signer.public_pem())?;
        let message = vec![b'm'; MESSAGE_LEN];
        let signature = signer.sign(&message)?;
        let begun = Stopwatch::start();
        for _ in 0..TIMES {
            signer.sign(&message)?;
        }
        let signing = begun.elapsed() / TIMES;
        let begun = Stopwatch::start();
        for _ in 0..TIMES {
            ensure!(verifier.verify(&message, &signature), "an own signature does not verify");
        }
        Ok(signing * self.made + begun.elapsed() / TIMES * self.verified)
    }
}
