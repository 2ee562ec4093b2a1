//! Sending many requests before the first answer.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

/// A request that is sent when it is first polled.
pub(crate) type Sending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Sends all, one behind the other and with nothing between them, and waits for all answers.
pub(crate) async fn all<T>(requests: Vec<Sending<'_, T>>) -> Vec<T> {
    let mut waiting: Vec<(Sending<'_, T>, Option<T>)> =
        requests.into_iter().map(|request| (request, None)).collect();
    poll_fn(|context| {
        let mut open = false;
        for (request, answer) in waiting.iter_mut().filter(|(_, answer)| answer.is_none()) {
            match request.as_mut().poll(context) {
                Poll::Ready(ready) => *answer = Some(ready),
                Poll::Pending => open = true,
            }
        }
        if open { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    waiting.into_iter().filter_map(|(_, answer)| answer).collect()
}
