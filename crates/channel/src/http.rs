//! Requests and responses as values.

use std::fmt;

/// The request methods that payment protocols use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// `GET`
    Get,
    /// `POST`
    Post,
}

impl Method {
    /// The method in upper case.
    pub const fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
        }
    }
}

/// A request, on its way out or as received.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// Its method.
    pub method: Method,
    /// Going out: the full URL. As received: path and query, beginning with `/`.
    pub url: String,
    /// Name and value; names compare without case.
    pub headers: Vec<(String, String)>,
    /// The raw body, as signed.
    pub body: Vec<u8>,
}

/// An answer.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Name and value; names compare without case.
    pub headers: Vec<(String, String)>,
    /// The raw body, as signed.
    pub body: Vec<u8>,
}

impl Request {
    /// The value of a header, by name without case.
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// Path and query: what stands after scheme and host.
    pub fn target(&self) -> &str {
        let after_scheme = self.url.find("://").map_or(0, |at| at + 3);
        let rest = self.url.get(after_scheme..).unwrap_or_default();
        match rest.find('/') {
            Some(at) => rest.get(at..).unwrap_or("/"),
            None => "/",
        }
    }
}

impl Response {
    /// The value of a header, by name without case.
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }
}

fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
}

/// Bodies and headers can hold secrets and personal data: debug output shows neither.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({} bytes)", self.method.name(), self.url, self.body.len())
    }
}

/// As for [`Request`].
impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.status, self.body.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_is_what_follows_the_host() {
        for (url, want) in [
            ("https://a.example/v3/pay?x=1", "/v3/pay?x=1"),
            ("http://127.0.0.1:80", "/"),
            ("/v3/pay", "/v3/pay"),
        ] {
            let request =
                Request { method: Method::Get, url: url.into(), headers: vec![], body: vec![] };
            assert_eq!(request.target(), want);
        }
    }
}
