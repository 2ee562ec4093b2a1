//! Messages on the wire: texts under names, in one flat XML element.
//!
//! What a message of this channel never has is refused: document types, entities of one's own, comments,
//! attributes, elements within members, a name twice.

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};
use std::collections::BTreeMap;

/// The element around a message.
pub(crate) const MESSAGE: &str = "xml";
/// The element around what a callback of a refund seals.
pub(crate) const SEALED: &str = "root";

/// Bytes of a message: a query answers for 50 refunds at most, with less than 4 KiB for each.
const LEN_MAX: usize = 256 * 1024;
/// Members of a message.
const MEMBERS_MAX: usize = 4_096;

/// Texts by name. An empty text is an absent one.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Members(BTreeMap<String, String>);

/// Where in a message the reader is.
enum Within {
    Nothing,
    Message,
    Member { name: String, text: String },
    Ended,
}

impl Members {
    /// The same with this member; an empty text adds nothing.
    pub(crate) fn with(mut self, name: &str, text: impl Into<String>) -> Members {
        let text = text.into();
        if !text.is_empty() {
            self.0.insert(name.to_owned(), text);
        }
        self
    }

    /// The same with a member that is written and has no text, which no signature covers.
    pub(crate) fn with_empty(mut self, name: &str) -> Members {
        self.0.insert(name.to_owned(), String::new());
        self
    }

    /// The same with this member, where there is one.
    pub(crate) fn with_some(self, name: &str, text: Option<impl Into<String>>) -> Members {
        match text {
            Some(text) => self.with(name, text),
            None => self,
        }
    }

    /// The text under a name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// The text under a name that must be there.
    pub(crate) fn want(&self, name: &str) -> Result<&str, String> {
        self.get(name).ok_or_else(|| format!("{name} wanted"))
    }

    /// Names and texts, sorted by name in the order of ASCII.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &str)> {
        let filled = self.0.iter().filter(|(_, text)| !text.is_empty());
        filled.map(|(name, text)| (&**name, &**text))
    }

    /// All names and texts, also empty ones.
    pub(crate) fn all(&self) -> impl DoubleEndedIterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, text)| (&**name, &**text))
    }

    /// The message.
    pub(crate) fn write(&self) -> Vec<u8> {
        write(MESSAGE, self.all())
    }

    /// Reads a message.
    pub(crate) fn read(bytes: &[u8]) -> Result<Members, String> {
        Members::read_in(MESSAGE, bytes)
    }

    /// Reads a message in this element.
    pub(crate) fn read_in(element: &str, bytes: &[u8]) -> Result<Members, String> {
        if bytes.len() > LEN_MAX {
            return Err(format!("{} bytes found, at most {LEN_MAX} wanted", bytes.len()));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| "UTF-8 wanted")?;
        let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
        let (mut members, mut within) = (Members::default(), Within::Nothing);
        loop {
            let event = reader.read_event().map_err(|fault| format!("XML: {fault}"))?;
            if matches!(event, Event::Eof) {
                break;
            }
            within = members.step(element, within, event)?;
        }
        match within {
            Within::Ended => Ok(members),
            Within::Nothing | Within::Message | Within::Member { .. } => {
                Err(format!("a whole <{element}> wanted"))
            }
        }
    }

    fn step(&mut self, element: &str, within: Within, event: Event<'_>) -> Result<Within, String> {
        match (within, event) {
            (Within::Nothing, Event::Decl(_)) => Ok(Within::Nothing),
            (Within::Nothing, Event::Start(start)) if start.name().into_inner() == element => {
                plain(&start).map(|_| Within::Message)
            }
            (Within::Message, Event::Start(start)) => {
                Ok(Within::Member { name: plain(&start)?, text: String::new() })
            }
            (Within::Message, Event::Empty(start)) => {
                self.insert(plain(&start)?, String::new())?;
                Ok(Within::Message)
            }
            // The reader has compared the names.
            (Within::Member { name, text }, Event::End(_)) => {
                self.insert(name, text)?;
                Ok(Within::Message)
            }
            (Within::Message, Event::End(_)) => Ok(Within::Ended),
            (Within::Member { name, text }, Event::Text(more)) => {
                Ok(Within::Member { name, text: text + &more.xml10_content() })
            }
            (Within::Member { name, text }, Event::CData(more)) => {
                Ok(Within::Member { name, text: text + &more.xml10_content() })
            }
            (Within::Member { name, mut text }, Event::GeneralRef(reference)) => {
                text.push(char_of(&reference)?);
                Ok(Within::Member { name, text })
            }
            (within, Event::Text(between)) if between.trim().is_empty() => Ok(within),
            _ => Err("a flat message of members alone wanted".to_owned()),
        }
    }

    fn insert(&mut self, name: String, text: String) -> Result<(), String> {
        if self.0.len() >= MEMBERS_MAX {
            return Err(format!("at most {MEMBERS_MAX} members wanted"));
        }
        match self.0.insert(name, text) {
            None => Ok(()),
            Some(_) => Err("a member stands twice".to_owned()),
        }
    }
}

/// The name of an element without attributes.
fn plain(start: &BytesStart<'_>) -> Result<String, String> {
    match start.attributes_raw().trim().is_empty() {
        true => Ok(start.name().into_inner().to_owned()),
        false => Err("no attributes wanted".to_owned()),
    }
}

/// The character that a reference stands for: one of the five of XML, or a number.
fn char_of(reference: &BytesRef<'_>) -> Result<char, String> {
    match &**reference {
        "amp" => Ok('&'),
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        _ => match reference.resolve_char_ref() {
            Ok(Some(char)) => Ok(char),
            Ok(None) | Err(_) => Err("no entities wanted".to_owned()),
        },
    }
}

/// A message in this element, its members in this order, each in CDATA.
pub(crate) fn write<'a>(
    element: &str,
    members: impl Iterator<Item = (&'a str, &'a str)>,
) -> Vec<u8> {
    let mut text = format!("<{element}>");
    for (name, value) in members {
        // The end of CDATA cannot stand in it.
        let value = value.replace("]]>", "]]]]><![CDATA[>");
        text.push_str(&format!("<{name}><![CDATA[{value}]]></{name}>"));
    }
    text.push_str(&format!("</{element}>"));
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let members = Members::default().with("b", "1 < 2 & ]]> 3").with("a", "币").with("c", "");
        let text = String::from_utf8(members.write()).expect("text");
        let want = "<xml><a><![CDATA[币]]></a><b><![CDATA[1 < 2 & ]]]]><![CDATA[> 3]]></b></xml>";
        assert_eq!(text, want);
        assert!(Members::read(text.as_bytes()) == Ok(members));
    }

    #[test]
    fn text_and_cdata_and_the_five_references_are_read_in_any_order() {
        let text = "\u{feff}<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<xml>\n\
                    <z>1</z> <a><![CDATA[x]]>&amp;&#65;&lt;</a><empty/><none></none>\n</xml>\n";
        let read = Members::read(text.as_bytes()).unwrap_or_else(|why| panic!("{why}"));
        assert_eq!((read.get("z"), read.get("a")), (Some("1"), Some("x&A<")));
        assert_eq!((read.get("empty"), read.get("none")), (None, None));
        assert_eq!(read.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["a", "z"]);
    }

    #[test]
    fn what_a_message_never_has_is_refused() {
        let deep = format!("<xml>{}</xml>", "<a>".repeat(10_000));
        let long = format!("<xml><a>{}</a></xml>", "1".repeat(LEN_MAX));
        let many: String = (0..=MEMBERS_MAX).map(|at| format!("<a{at}/>")).collect();
        let many = format!("<xml>{many}</xml>");
        for bad in [
            "",
            "{}",
            "text",
            "<xml>",
            "<xml></xml><xml></xml>",
            "<xml></xml>x",
            "<other></other>",
            "<xml>loose</xml>",
            "<xml><a>1</b></xml>",
            "<xml><a>1</a><a>1</a></xml>",
            "<xml><a><b>1</b></a></xml>",
            "<xml><a b=\"1\">1</a></xml>",
            "<xml><!-- c --><a>1</a></xml>",
            "<xml><?pi x?><a>1</a></xml>",
            "<xml><a>&unknown;</a></xml>",
            "<xml><a>&#0;</a></xml>",
            "<xml><a>&#xD800;</a></xml>",
            "<!DOCTYPE xml [<!ENTITY e \"x\">]><xml><a>&e;</a></xml>",
            "<!DOCTYPE xml SYSTEM \"file:///etc/passwd\"><xml></xml>",
            &deep,
            &long,
            &many,
        ] {
            assert!(Members::read(bad.as_bytes()).is_err(), "{:.80}", bad);
        }
        assert!(Members::read(b"<xml><a>\xff</a></xml>").is_err());
    }
}
