//! Faults injected at the sandbox: durable, counted down by each request or callback that they meet.

use crate::schema::fault;
use channel::{DocumentFault, FailedItems, FaultMode, RefundStatus};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// The operation that asks for a refund.
const REFUND: &str = "refund";
/// The operations that ask for a share and for the return of one.
const SHARES: [&str; 2] = ["share", "return_share"];
/// The operation that stands for outgoing callbacks.
pub(crate) const NOTIFY: &str = "notify";

/// The words of the control API.
pub(crate) const WORDS: [&str; 13] = [
    "lose_request",
    "lose_answer",
    "delay",
    "duplicate",
    "bad_signature",
    "error",
    "wrong_amount",
    "refund_closed",
    "refund_abnormal",
    "unsigned",
    "signtest",
    "share_failed",
    "share_partly_failed",
];

/// The words that need a code.
pub(crate) const CODED: [&str; 3] = ["error", "share_failed", "share_partly_failed"];

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The request is never seen; the connection breaks. A callback is not sent.
    LoseRequest,
    /// The work is done; the connection breaks. A callback's answer is not heard.
    LoseAnswer,
    /// The answer, or the callback, comes later.
    Delay {
        /// By how much.
        ms: i64,
    },
    /// The work is done twice. A callback is sent twice.
    Duplicate,
    /// The counterpart signs wrongly.
    BadSignature,
    /// The counterpart refuses.
    Error {
        /// The channel's code.
        code: String,
    },
    /// The counterpart lies about the amount.
    WrongAmount,
    /// The counterpart takes the refund, and closes it without giving money back.
    RefundClosed,
    /// The counterpart takes the refund, and the payer's account refuses the money.
    RefundAbnormal,
    /// The counterpart does not sign.
    Unsigned,
    /// The counterpart sends a signature that must not be believed, to see whether it is.
    Probe,
    /// The counterpart takes the share or the return, and it fails.
    ShareFailed {
        /// Which items of a share.
        failed: FailedItems,
        /// The channel's code of why.
        reason: String,
    },
}

impl Fault {
    /// The fault with this word; `None` when the word is unknown or lacks what it needs.
    pub(crate) fn from_word(
        word: &str,
        code: Option<String>,
        delay_ms: Option<i64>,
    ) -> Option<Fault> {
        match word {
            "lose_request" => Some(Fault::LoseRequest),
            "lose_answer" => Some(Fault::LoseAnswer),
            "delay" => delay_ms.map(|ms| Fault::Delay { ms }),
            "duplicate" => Some(Fault::Duplicate),
            "bad_signature" => Some(Fault::BadSignature),
            "error" => code.map(|code| Fault::Error { code }),
            "wrong_amount" => Some(Fault::WrongAmount),
            "refund_closed" => Some(Fault::RefundClosed),
            "refund_abnormal" => Some(Fault::RefundAbnormal),
            "unsigned" => Some(Fault::Unsigned),
            "signtest" => Some(Fault::Probe),
            "share_failed" => code.map(|reason| share_failed(FailedItems::All, reason)),
            "share_partly_failed" => code.map(|reason| share_failed(FailedItems::First, reason)),
            _ => None,
        }
    }

    /// The word of the control API.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Fault::LoseRequest => WORDS[0],
            Fault::LoseAnswer => WORDS[1],
            Fault::Delay { .. } => WORDS[2],
            Fault::Duplicate => WORDS[3],
            Fault::BadSignature => WORDS[4],
            Fault::Error { .. } => WORDS[5],
            Fault::WrongAmount => WORDS[6],
            Fault::RefundClosed => WORDS[7],
            Fault::RefundAbnormal => WORDS[8],
            Fault::Unsigned => WORDS[9],
            Fault::Probe => WORDS[10],
            Fault::ShareFailed { failed: FailedItems::All, .. } => WORDS[11],
            Fault::ShareFailed { failed: FailedItems::First, .. } => WORDS[12],
        }
    }

    /// What the counterpart hears of it: faults of the wire are none of its business.
    pub(crate) fn mode(&self) -> FaultMode {
        match self {
            Fault::LoseRequest | Fault::LoseAnswer | Fault::Delay { .. } | Fault::Duplicate => {
                FaultMode::Honest
            }
            Fault::BadSignature => FaultMode::BadSignature,
            Fault::Unsigned => FaultMode::Unsigned,
            Fault::Probe => FaultMode::Probe,
            Fault::Error { code } => FaultMode::Error { code: code.clone() },
            Fault::WrongAmount => FaultMode::WrongAmount,
            Fault::RefundClosed => FaultMode::Refund { status: RefundStatus::Closed },
            Fault::RefundAbnormal => FaultMode::Refund { status: RefundStatus::Abnormal },
            Fault::ShareFailed { failed, reason } => {
                FaultMode::Share { failed: *failed, reason: reason.clone() }
            }
        }
    }

    /// Why it cannot meet an operation, if it cannot.
    pub(crate) fn misfit(&self, operation: &str) -> Option<&'static str> {
        match self {
            Fault::Error { .. } if operation == NOTIFY => {
                Some("operation: a callback cannot carry the fault error")
            }
            Fault::RefundClosed | Fault::RefundAbnormal if operation != REFUND => {
                Some("operation: want refund with this fault")
            }
            Fault::ShareFailed { failed: FailedItems::First, .. } if operation != SHARES[0] => {
                Some("operation: want share with this fault")
            }
            Fault::ShareFailed { .. } if !SHARES.contains(&operation) => {
                Some("operation: want share or return_share with this fault")
            }
            Fault::LoseRequest
            | Fault::LoseAnswer
            | Fault::Delay { .. }
            | Fault::Duplicate
            | Fault::BadSignature
            | Fault::Unsigned
            | Fault::Probe
            | Fault::Error { .. }
            | Fault::WrongAmount
            | Fault::RefundClosed
            | Fault::RefundAbnormal
            | Fault::ShareFailed { .. } => None,
        }
    }

    pub(crate) fn code(&self) -> Option<&str> {
        match self {
            Fault::Error { code } | Fault::ShareFailed { reason: code, .. } => Some(code),
            Fault::LoseRequest
            | Fault::LoseAnswer
            | Fault::Delay { .. }
            | Fault::Duplicate
            | Fault::BadSignature
            | Fault::Unsigned
            | Fault::Probe
            | Fault::WrongAmount
            | Fault::RefundClosed
            | Fault::RefundAbnormal => None,
        }
    }

    pub(crate) fn delay_ms(&self) -> Option<i64> {
        match self {
            Fault::Delay { ms } => Some(*ms),
            Fault::LoseRequest
            | Fault::LoseAnswer
            | Fault::Duplicate
            | Fault::BadSignature
            | Fault::Unsigned
            | Fault::Probe
            | Fault::Error { .. }
            | Fault::WrongAmount
            | Fault::RefundClosed
            | Fault::RefundAbnormal
            | Fault::ShareFailed { .. } => None,
        }
    }
}

const fn share_failed(failed: FailedItems, reason: String) -> Fault {
    Fault::ShareFailed { failed, reason }
}

/// A fault that waits for the operation that it meets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InjectedFault {
    /// At which channel.
    pub(crate) channel: String,
    /// Which operation it meets.
    pub(crate) operation: String,
    /// What goes wrong.
    pub(crate) fault: Fault,
    /// How many more times.
    pub(crate) times: u32,
}

/// Keeps a fault until its operation comes.
pub(crate) fn inject(
    connection: &Connection,
    injected: &InjectedFault,
) -> Result<(), DocumentFault> {
    let InjectedFault { channel, operation, fault: what, times } = injected;
    connection
        .execute(
            "INSERT INTO faults (channel, operation, fault, code, delay_ms, times)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![channel, operation, what.word(), what.code(), what.delay_ms(), times],
        )
        .map(drop)
        .map_err(fault)
}

/// Takes the oldest fault that meets this operation, and counts it down.
pub(crate) fn take(
    connection: &Connection,
    channel: &str,
    operation: &str,
) -> Result<Option<Fault>, DocumentFault> {
    let found = connection
        .prepare_cached(
            "SELECT channel, operation, fault, code, delay_ms, times, row FROM faults
             WHERE channel = ?1 AND operation = ?2 ORDER BY row LIMIT 1",
        )
        .and_then(|mut statement| {
            statement
                .query_row([channel, operation], |row| Ok((read(row)?, row.get::<_, i64>(6)?)))
                .optional()
        })
        .map_err(fault)?;
    let Some((injected, row)) = found else {
        return Ok(None);
    };
    count_down(connection, row).map_err(fault)?;
    Ok(Some(injected.fault))
}

/// What is left, oldest first.
pub(crate) fn left(connection: &Connection) -> Result<Vec<InjectedFault>, DocumentFault> {
    let sql = "SELECT channel, operation, fault, code, delay_ms, times FROM faults ORDER BY row";
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.query_map([], read)?.collect())
        .map_err(fault)
}

/// Forgets all faults.
pub(crate) fn clear(connection: &Connection) -> Result<(), DocumentFault> {
    connection.execute("DELETE FROM faults", []).map(drop).map_err(fault)
}

fn count_down(connection: &Connection, row: i64) -> rusqlite::Result<()> {
    connection.execute("UPDATE faults SET times = times - 1 WHERE row = ?1", [row])?;
    connection.execute("DELETE FROM faults WHERE row = ?1 AND times <= 0", [row]).map(drop)
}

fn read(row: &Row<'_>) -> rusqlite::Result<InjectedFault> {
    let word: String = row.get(2)?;
    let fault = Fault::from_word(&word, row.get(3)?, row.get(4)?);
    let unknown = || rusqlite::Error::InvalidColumnType(2, word, rusqlite::types::Type::Text);
    Ok(InjectedFault {
        channel: row.get(0)?,
        operation: row.get(1)?,
        fault: fault.ok_or_else(unknown)?,
        times: row.get(5)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back() {
        for word in WORDS {
            let fault = Fault::from_word(word, Some("X".to_owned()), Some(1));
            assert_eq!(fault.expect("a known word").word(), word);
        }
        assert_eq!(Fault::from_word("lost", None, None), None);
        assert_eq!(Fault::from_word("delay", None, None), None);
        assert_eq!(Fault::from_word("error", None, None), None);
        assert_eq!(Fault::from_word("share_failed", None, None), None);
    }

    #[test]
    fn a_fault_is_refused_where_it_means_nothing() {
        for (word, operation, fits) in [
            ("error", "create", true),
            ("error", NOTIFY, false),
            ("wrong_amount", NOTIFY, true),
            ("refund_closed", "refund", true),
            ("refund_abnormal", "refund", true),
            ("refund_closed", "query_refund", false),
            ("refund_abnormal", NOTIFY, false),
            ("share_failed", "share", true),
            ("share_failed", "return_share", true),
            ("share_failed", "refund", false),
            ("share_partly_failed", "share", true),
            ("share_partly_failed", "return_share", false),
        ] {
            let fault = Fault::from_word(word, Some("X".to_owned()), None).expect("a known word");
            assert_eq!(fault.misfit(operation).is_none(), fits, "{word} {operation}");
        }
    }

    #[test]
    fn a_fault_meets_its_operation_as_often_as_injected() {
        let connection =
            crate::schema::open(std::path::Path::new(":memory:")).expect("memory opens");
        let injected = InjectedFault {
            channel: "till".to_owned(),
            operation: "create".to_owned(),
            fault: Fault::Delay { ms: 7 },
            times: 2,
        };
        inject(&connection, &injected).expect("injected");
        let take = |operation| take(&connection, "till", operation).expect("takes");
        assert_eq!(take("query"), None);
        assert_eq!(take("create"), Some(Fault::Delay { ms: 7 }));
        assert_eq!(take("create"), Some(Fault::Delay { ms: 7 }));
        assert_eq!(take("create"), None);
        assert_eq!(left(&connection), Ok(vec![]));
    }
}
