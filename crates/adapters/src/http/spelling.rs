//! How the names of headers are spelled on the wire.
//!
//! Names compare without case, yet some programs look a name up exactly as the other side is known to
//! write it. hyper writes lower case, or else the spelling that it remembers of a message that it read.
//! What it remembers is of a private type, and so a message with the names is read here to get it.

use bytes::Bytes;
use http::{Extensions, Request, Response};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::sync::Mutex;
use tokio::io::AsyncWriteExt;

/// Names that hyper adds by itself.
const ADDED: [&str; 3] = ["Content-Length", "Date", "Host"];
/// The longest head that is read, in bytes.
const HEAD_LEN_MAX: usize = 16 * 1024;

/// The extensions of a message whose headers are to be written with these names as they are spelled.
/// Empty, and the names in lower case, when there are too many of them.
pub async fn spelled<'a>(names: impl IntoIterator<Item = &'a str>) -> Extensions {
    let mut head = String::from("GET / HTTP/1.1\r\n");
    for name in names.into_iter().chain(ADDED) {
        head.push_str(name);
        // Also a valid length.
        head.push_str(": 0\r\n");
    }
    head.push_str("\r\n");
    read(head.as_bytes()).await
}

/// What hyper remembers of a message.
async fn read(head: &[u8]) -> Extensions {
    let remembered = Mutex::new(Extensions::new());
    let (mut near, far) = tokio::io::duplex(HEAD_LEN_MAX);
    let service = service_fn(|request: Request<Incoming>| {
        if let Ok(mut remembered) = remembered.lock() {
            remembered.extend(request.extensions().clone());
        }
        std::future::ready(Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())))
    });
    let reading = http1::Builder::new()
        .preserve_header_case(true)
        .max_buf_size(HEAD_LEN_MAX)
        .keep_alive(false)
        .serve_connection(TokioIo::new(far), service);
    let writing = async { near.write_all(head).await };
    // A head that cannot be read leaves nothing to remember.
    let _ = tokio::join!(reading, writing);
    remembered.into_inner().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::Full;
    use tokio::io::AsyncReadExt;

    /// The head that hyper writes of an answer with these headers.
    async fn written(names: &[&str]) -> String {
        let extensions = spelled(names.iter().copied()).await;
        let service = service_fn(|_: Request<Incoming>| {
            let mut answer = Response::new(Full::new(Bytes::from_static(b"ok")));
            for name in names {
                let name = http::HeaderName::from_bytes(name.as_bytes()).expect("a name");
                answer.headers_mut().insert(name, http::HeaderValue::from_static("1"));
            }
            answer.extensions_mut().extend(extensions.clone());
            std::future::ready(Ok::<_, Infallible>(answer))
        });
        let (mut near, far) = tokio::io::duplex(HEAD_LEN_MAX);
        near.write_all(b"GET / HTTP/1.1\r\n\r\n").await.expect("it is written");
        http1::Builder::new()
            .keep_alive(false)
            .serve_connection(TokioIo::new(far), service)
            .await
            .expect("it is served");
        let mut text = String::new();
        near.read_to_string(&mut text).await.expect("it is read");
        text
    }

    #[tokio::test]
    async fn names_are_written_as_they_are_spelled() {
        let text = written(&["Request-ID", "Wechatpay-Signature-Type", "eTag"]).await;
        for line in ["Request-ID: 1\r\n", "Wechatpay-Signature-Type: 1\r\n", "eTag: 1\r\n"] {
            assert!(text.contains(line), "{line:?} in {text:?}");
        }
        assert!(text.contains("\r\nContent-Length: 2\r\n"), "{text:?}");
        assert!(text.contains("\r\nDate: "), "{text:?}");
    }

    #[tokio::test]
    async fn a_head_that_is_too_long_is_spelled_in_lower_case() {
        let long = format!("X-{}", "Y".repeat(HEAD_LEN_MAX));
        assert!(spelled([&*long]).await.is_empty());
        assert!(!spelled([]).await.is_empty());
    }
}
