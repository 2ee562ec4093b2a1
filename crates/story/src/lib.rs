//! An order explained: what happened, who did it, what the channel said, where the money is, and what
//! comes next.
//!
//! Pure: the present comes in. It never shows what opens a cashier, and shows a payer's id masked.
//!
//! - `text`: the whole story as text, for the command line and the console.
//! - `change`: one event, as a sentence and as facts; a module for each aggregate.
//! - `attention`: what needs a person.
//! - [`words`]: amounts, times, spans and text from outside.
//! - `samples`: orders with a past, for tests.

mod attention;
mod change;
#[cfg(any(test, feature = "samples"))]
pub mod samples;
#[cfg(test)]
mod tests;
mod text;
pub mod words;

pub use change::{Fact, Facts, call_line, facts, what, who};
pub use text::render;
