//! Taking a body in, up to a limit.

use crate::NoRoom;
use axum::body::{Body, Bytes, HttpBody as _};
use std::future::poll_fn;
use std::pin::Pin;

/// How much of a body that is too large is still taken in and dropped, in bytes, so that the caller gets
/// to read the answer.
const DRAIN_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Why a body is not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyFault {
    /// It is larger than the endpoint takes.
    #[error("larger than {bytes_max} bytes")]
    TooLarge {
        /// The limit, in bytes.
        bytes_max: usize,
    },
    /// Its sender went away.
    #[error("broken off")]
    BrokenOff,
    /// The memory for bodies is used up.
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
}

/// Takes a body in.
///
/// # Errors
/// When it is larger than `bytes_max`, does not come whole, or there is no room for it now.
pub async fn take_body(mut body: Body, bytes_max: usize) -> Result<Bytes, BodyFault> {
    let mut taken = Vec::new();
    let mut seen: usize = 0;
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let frame = frame.map_err(unread)?;
        let Ok(part) = frame.into_data() else { continue };
        seen = seen.saturating_add(part.len());
        if seen <= bytes_max {
            taken.extend_from_slice(&part);
        }
        if seen > DRAIN_BYTES_MAX {
            break;
        }
    }
    if seen > bytes_max {
        return Err(BodyFault::TooLarge { bytes_max });
    }
    Ok(taken.into())
}

fn unread(fault: axum::Error) -> BodyFault {
    match fault.into_inner().downcast::<NoRoom>() {
        Ok(no_room) => (*no_room).into(),
        Err(_) => BodyFault::BrokenOff,
    }
}
