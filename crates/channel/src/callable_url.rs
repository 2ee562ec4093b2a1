//! URLs that may be called, each parsed once, where it comes in.
//!
//! The parser that browsers use mends much in silence: it drops line feeds, takes `https:/host` and
//! `https:\host`, and reads `https:///path` as a host. A person who writes these has made a mistake, so
//! they are refused by name before it is asked.

use std::fmt;
use url::{ParseError, Position, Url};

/// Why a URL may not be called: what is wanted of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlFault {
    /// It holds a space or a control character.
    #[error("want a URL without spaces and control characters")]
    Blank,
    /// Its scheme is missing or another one.
    #[error("want an http or https URL")]
    Scheme,
    /// It names no host.
    #[error("want a URL with a host")]
    NoHost,
    /// What stands in the place of a host cannot be one.
    #[error("want a URL with a host name or an address")]
    Host,
    /// It names a user.
    #[error("want a URL without a user name")]
    Credentials,
    /// Its port is none.
    #[error("want a URL with a port of 1 to 65535")]
    Port,
    /// It has a part behind `#`.
    #[error("want a URL without #")]
    Fragment,
    /// Paths are appended to it, and it has a part behind `?`.
    #[error("want a URL without ?")]
    Query,
    /// Its host is an address to listen on.
    #[error("want a URL that can be called: 0.0.0.0 and [::] are addresses to listen on")]
    Wildcard,
    /// It cannot be parsed.
    #[error("want a URL")]
    Other,
}

/// A URL that may be called: http or https, with a host, without user name and fragment. Its text is
/// plain ASCII with the host in lower case, without the port that its scheme implies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallableUrl(Url);

impl CallableUrl {
    /// Reads a URL.
    ///
    /// # Errors
    /// When it may not be called.
    pub fn read(text: &str) -> Result<CallableUrl, UrlFault> {
        if text.contains(|letter: char| letter.is_whitespace() || letter.is_control()) {
            return Err(UrlFault::Blank);
        }
        let authority = authority(text).ok_or(UrlFault::Scheme)?;
        if authority.is_empty() {
            return Err(UrlFault::NoHost);
        }
        if authority.contains('@') {
            return Err(UrlFault::Credentials);
        }
        if text.contains('#') {
            return Err(UrlFault::Fragment);
        }
        let url = Url::parse(text).map_err(unparsed)?;
        match url.port() {
            Some(0) => Err(UrlFault::Port),
            Some(_) | None => Ok(CallableUrl(url)),
        }
    }

    /// The whole URL.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// What stands in the `Host` header: the host, and the port where the scheme does not imply it.
    pub fn host(&self) -> &str {
        &self.0[Position::BeforeHost..Position::AfterPort]
    }

    /// The path; `/` when it was written without one.
    pub fn path(&self) -> &str {
        self.0.path()
    }

    /// What follows `?`; empty without one.
    pub fn query(&self) -> &str {
        self.0.query().unwrap_or_default()
    }

    fn is_wildcard(&self) -> bool {
        match self.0.host() {
            Some(url::Host::Ipv4(address)) => address.is_unspecified(),
            Some(url::Host::Ipv6(address)) => address.to_canonical().is_unspecified(),
            Some(url::Host::Domain(_)) | None => false,
        }
    }
}

/// What stands between `http://` or `https://` and the path, if one of these begins the text.
fn authority(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once("://")?;
    let is_known = ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    is_known.then(|| rest.split(['/', '\\', '?', '#']).next().unwrap_or_default())
}

fn unparsed(fault: ParseError) -> UrlFault {
    match fault {
        ParseError::EmptyHost => UrlFault::NoHost,
        ParseError::IdnaError
        | ParseError::InvalidIpv4Address
        | ParseError::InvalidIpv6Address
        | ParseError::InvalidDomainCharacter => UrlFault::Host,
        ParseError::InvalidPort => UrlFault::Port,
        _ => UrlFault::Other,
    }
}

/// A URL that paths are appended to: callable, without a query, and without slashes at its end, which
/// are dropped. Its host can be called: it is not an address to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl(String);

impl BaseUrl {
    /// Reads a URL.
    ///
    /// # Errors
    /// When it may not be called, or no path can be appended to it.
    pub fn read(text: &str) -> Result<BaseUrl, UrlFault> {
        let url = CallableUrl::read(text)?;
        if text.contains('?') {
            return Err(UrlFault::Query);
        }
        if url.is_wildcard() {
            return Err(UrlFault::Wildcard);
        }
        Ok(BaseUrl(url.as_str().trim_end_matches('/').to_owned()))
    }

    /// The URL, without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callable_url_has_one_spelling() {
        for (text, want) in [
            ("http://pay.example", "http://pay.example/"),
            ("HTTPS://Pay.Example:443/N?a=1&b", "https://pay.example/N?a=1&b"),
            ("http://pay.example:8080/%7e/x", "http://pay.example:8080/%7e/x"),
            (
                "https://支付.example/通知?q=中",
                "https://xn--bnq875c.example/%E9%80%9A%E7%9F%A5?q=%E4%B8%AD",
            ),
            ("http://127.1/", "http://127.0.0.1/"),
            ("http://0x7f000001/", "http://127.0.0.1/"),
            ("http://[::0:1]:80/n", "http://[::1]/n"),
            ("http://pay.example/a@b:c", "http://pay.example/a@b:c"),
            ("http://pay.example./n", "http://pay.example./n"),
        ] {
            assert_eq!(
                CallableUrl::read(text).as_ref().map(CallableUrl::as_str),
                Ok(want),
                "{text}"
            );
        }
    }

    #[test]
    fn what_may_not_be_called_is_refused_by_name() {
        use UrlFault::{Blank, Credentials, Fragment, Host, NoHost, Port, Scheme};
        for (text, want) in [
            ("", Scheme),
            ("pay.example.com", Scheme),
            ("/notify", Scheme),
            ("//pay.example/notify", Scheme),
            ("ftp://pay.example/", Scheme),
            ("file:///etc/passwd", Scheme),
            ("http:/pay.example", Scheme),
            ("https:\\\\pay.example\\n", Scheme),
            ("javascript:alert(1)", Scheme),
            ("https://", NoHost),
            ("https:///notify", NoHost),
            ("https://\\notify", NoHost),
            ("https://?x=1", NoHost),
            ("https://user@pay.example/", Credentials),
            ("https://user:word@pay.example/", Credentials),
            ("https://@pay.example/", Credentials),
            ("https://pay.example/#top", Fragment),
            ("https://pay.example#", Fragment),
            (" https://pay.example/", Blank),
            ("https://pay.example/ ", Blank),
            ("https://pay.example/a b", Blank),
            ("https://pay.ex\tample/", Blank),
            ("https://pay.example/\n", Blank),
            ("https://pay.example/\u{7f}", Blank),
            ("https://pay.example/\u{3000}", Blank),
            ("https://pay.example:0/", Port),
            ("https://pay.example:65536/", Port),
            ("https://pay.example:eighty/", Port),
            ("https://[::1/", Host),
            ("https://1.2.3.999/", Host),
            ("https://pay<.example/", Host),
            ("https://pay%00.example/", Host),
        ] {
            assert_eq!(CallableUrl::read(text), Err(want), "{text:?}");
        }
    }

    #[test]
    fn a_base_has_no_query_and_no_slash_at_its_end() {
        for (text, want) in [
            ("https://pay.example", "https://pay.example"),
            ("https://pay.example/", "https://pay.example"),
            ("https://pay.example/tongbao//", "https://pay.example/tongbao"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ] {
            assert_eq!(BaseUrl::read(text).as_ref().map(BaseUrl::as_str), Ok(want), "{text}");
        }
        for (text, want) in [
            ("https://pay.example/?a=1", UrlFault::Query),
            ("https://pay.example?", UrlFault::Query),
            ("http://0.0.0.0:8080", UrlFault::Wildcard),
            ("http://0/", UrlFault::Wildcard),
            ("http://[::]:8080", UrlFault::Wildcard),
            ("http://[::ffff:0.0.0.0]", UrlFault::Wildcard),
            ("pay.example", UrlFault::Scheme),
        ] {
            assert_eq!(BaseUrl::read(text), Err(want), "{text}");
        }
    }
}
