//! Bodies on their way in take from a common room, and from the share of their address: a client that
//! sends halves of bodies and pauses holds a bounded amount of memory.

use axum::body::{Bytes, HttpBody};
use dialect::NoRoom;
use hyper::body::{Frame, Incoming, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Room is counted in KiB.
const UNIT: usize = 1024;

type Fault = Box<dyn std::error::Error + Send + Sync>;

/// A body that takes room while it is read.
pub(super) struct RoomyBody {
    body: Incoming,
    rooms: Vec<Arc<Semaphore>>,
    held: Vec<OwnedSemaphorePermit>,
    /// How much has come, and how much room is held, in bytes.
    seen: usize,
    taken: usize,
}

impl RoomyBody {
    /// A body that takes from each of these rooms.
    pub(super) fn new(body: Incoming, rooms: Vec<Arc<Semaphore>>) -> RoomyBody {
        RoomyBody { body, rooms, held: vec![], seen: 0, taken: 0 }
    }

    /// Takes room for some more bytes, without waiting: a body that waits would hold the room that
    /// others wait for.
    fn take(&mut self, len: usize) -> Result<(), NoRoom> {
        self.seen = self.seen.saturating_add(len);
        let missing = self.seen.saturating_sub(self.taken).div_ceil(UNIT);
        let units = u32::try_from(missing).map_err(|_| NoRoom)?;
        for room in &self.rooms {
            self.held.push(room.clone().try_acquire_many_owned(units).map_err(|_| NoRoom)?);
        }
        self.taken += missing * UNIT;
        Ok(())
    }
}

impl HttpBody for RoomyBody {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let frame = match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => frame,
            Poll::Ready(Some(Err(fault))) => return Poll::Ready(Some(Err(fault.into()))),
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Pending => return Poll::Pending,
        };
        let taken = self.take(frame.data_ref().map_or(0, Bytes::len));
        Poll::Ready(Some(taken.map(|()| frame).map_err(Fault::from)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
