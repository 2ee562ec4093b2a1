//! Requests and answers between the wire and the values that channels read.
//!
//! A header whose value is not text is left out: no channel writes one, and half a value proves nothing.

use bytes::Bytes;
use channel::{Method, Request, Response};
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};

/// Why a message is not converted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConversionFault {
    /// A method that no channel uses.
    #[error("method: want GET or POST")]
    Method,
    /// The body is larger than what is read.
    #[error("body: want at most {0} bytes")]
    TooLarge(usize),
    /// The body did not come whole.
    #[error("body: broken off")]
    BrokenOff,
    /// A URL, header or status that cannot be written.
    #[error("not written: {0}")]
    Unwritable(String),
}

impl ConversionFault {
    /// The status that tells the sender of a request; what we cannot write is our own trouble.
    pub fn status(&self) -> StatusCode {
        match self {
            ConversionFault::Method => StatusCode::METHOD_NOT_ALLOWED,
            ConversionFault::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            ConversionFault::BrokenOff => StatusCode::BAD_REQUEST,
            ConversionFault::Unwritable(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// Reads a request to its end, unless it is larger than `len_max` bytes.
///
/// # Errors
/// When it is too large, breaks off, or has another method.
pub async fn receive<B>(
    request: http::Request<B>,
    len_max: usize,
) -> Result<Request, ConversionFault>
where
    B: hyper::body::Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (head, body) = request.into_parts();
    // A method that nobody answers costs no reading.
    method_from(&head.method)?;
    let body = Limited::new(body, len_max).collect().await.map_err(|fault| match fault
        .is::<LengthLimitError>(
    ) {
        true => ConversionFault::TooLarge(len_max),
        false => ConversionFault::BrokenOff,
    })?;
    request_from(&head, &body.to_bytes())
}

/// A request as received: its URL is path and query.
///
/// # Errors
/// When it has another method than channels use.
pub fn request_from(head: &http::request::Parts, body: &[u8]) -> Result<Request, ConversionFault> {
    Ok(Request {
        method: method_from(&head.method)?,
        url: head.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned(),
        headers: headers_from(&head.headers),
        body: body.to_vec(),
    })
}

/// An answer on its way out.
///
/// # Errors
/// When its status or a header cannot be written. Nothing is left out: an answer without its signature
/// would say something else.
pub fn response_into<B: From<Vec<u8>>>(
    response: Response,
) -> Result<http::Response<B>, ConversionFault> {
    let mut builder = http::Response::builder().status(response.status);
    for (name, value) in response.headers {
        builder = builder.header(name, value);
    }
    builder.body(B::from(response.body)).map_err(unwritable)
}

/// A request on its way out.
pub(crate) fn request_into(
    request: &Request,
) -> Result<http::Request<Full<Bytes>>, ConversionFault> {
    let mut builder = http::Request::builder().method(request.method.name()).uri(&request.url);
    for (name, value) in &request.headers {
        builder = builder.header(name, value);
    }
    builder.body(Full::new(Bytes::from(request.body.clone()))).map_err(unwritable)
}

/// An answer as received.
pub(crate) fn response_from(head: &http::response::Parts, body: &[u8]) -> Response {
    let headers = headers_from(&head.headers);
    Response { status: head.status.as_u16(), headers, body: body.to_vec() }
}

fn method_from(method: &http::Method) -> Result<Method, ConversionFault> {
    match *method {
        http::Method::GET => Ok(Method::Get),
        http::Method::POST => Ok(Method::Post),
        _ => Err(ConversionFault::Method),
    }
}

fn headers_from(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &http::HeaderValue| String::from_utf8(value.as_bytes().to_vec()).ok();
    headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), text(value)?)))
        .collect()
}

fn unwritable(fault: http::Error) -> ConversionFault {
    ConversionFault::Unwritable(fault.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(method: &str, value: &[u8]) -> http::Request<Full<Bytes>> {
        http::Request::builder()
            .method(method)
            .uri("http://a.example/pay?x=1")
            .header("X-Sign", value)
            .body(Full::new(Bytes::from_static(b"12345")))
            .expect("a request")
    }

    #[tokio::test]
    async fn a_request_is_read_as_it_came() {
        let want = Request {
            method: Method::Post,
            url: "/pay?x=1".to_owned(),
            headers: vec![("x-sign".to_owned(), "通".to_owned())],
            body: b"12345".to_vec(),
        };
        assert_eq!(receive(received("POST", "通".as_bytes()), 5).await, Ok(want.clone()));
        let without = Request { headers: vec![], ..want };
        assert_eq!(receive(received("POST", b"\xff"), 5).await, Ok(without));
    }

    #[tokio::test]
    async fn what_channels_do_not_send_is_refused() {
        let large = receive(received("POST", b"1"), 4).await;
        assert_eq!(large, Err(ConversionFault::TooLarge(4)));
        let put = receive(received("PUT", b"1"), 4).await;
        assert_eq!(put, Err(ConversionFault::Method));
    }

    #[test]
    fn an_answer_is_written_whole_or_not_at_all() {
        let answer = |status, name: &str| Response {
            status,
            headers: vec![(name.to_owned(), "1".to_owned())],
            body: b"ok".to_vec(),
        };
        let written: http::Response<Vec<u8>> =
            response_into(answer(201, "X-Sign")).expect("it is written");
        assert_eq!((written.status().as_u16(), &**written.body()), (201, &b"ok"[..]));
        assert_eq!(written.headers()["x-sign"], "1");
        for broken in [answer(99, "X-Sign"), answer(200, "X Sign")] {
            let fault = response_into::<Vec<u8>>(broken).expect_err("it cannot be written");
            assert_eq!(fault.status(), StatusCode::INTERNAL_SERVER_ERROR);
        }
    }
}
