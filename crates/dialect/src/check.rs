//! Reading fields: type, presence, length in characters; the fault names the field.

use crate::json::{Json, Object};
use std::fmt;
use std::ops::RangeInclusive;

/// Input that breaks a rule of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The field, with its owners: `SceneInfo.DeviceId`.
    field: String,
    /// What was found and what was wanted; never the value.
    why: String,
}

impl Malformed {
    /// A fault of a field: what was found and what was wanted, never the value.
    pub fn new(field: &str, why: impl Into<String>) -> Malformed {
        Malformed { field: field.to_owned(), why: why.into() }
    }

    /// The same fault, seen from the owner of the field.
    pub fn inside(self, owner: &str) -> Malformed {
        let field = match self.field.as_str() {
            "" => owner.to_owned(),
            field if field.starts_with('[') => format!("{owner}{field}"),
            field => format!("{owner}.{field}"),
        };
        Malformed { field, why: self.why }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.why)
    }
}

/// What a field brings, or why it does not.
pub type Read<T> = Result<T, Malformed>;

/// A field that must be there.
///
/// # Errors
/// When it is missing.
pub fn required<T>(name: &str, value: Option<T>) -> Read<T> {
    value.ok_or_else(|| Malformed::new(name, "missing"))
}

impl<'a> Object<'a> {
    /// Text of a length in this range, in characters (Unicode scalar values).
    ///
    /// # Errors
    /// When it is something else.
    pub fn text(&self, name: &str, length: RangeInclusive<usize>) -> Read<Option<&str>> {
        match self.get(name) {
            None => Ok(None),
            Some(Json::Text(text)) => {
                fits(text, length).map(Some).map_err(|fault| fault.inside(name))
            }
            Some(other) => Err(wrong(name, other, "a string")),
        }
    }

    /// Text of a length in this range that must be there.
    ///
    /// # Errors
    /// When it is something else.
    pub fn required_text(&self, name: &str, length: RangeInclusive<usize>) -> Read<&str> {
        required(name, self.text(name, length)?)
    }

    /// One of these words.
    ///
    /// # Errors
    /// When it is something else.
    pub fn word(&self, name: &str, words: &[&'static str]) -> Read<Option<&'static str>> {
        let Some(text) = self.text(name, 0..=usize::MAX)? else { return Ok(None) };
        match words.iter().find(|word| **word == text) {
            Some(word) => Ok(Some(word)),
            None => Err(Malformed::new(name, format!("want one of {}", words.join(", ")))),
        }
    }

    /// A JSON integer within bounds. `1.0`, `"1"` and what does not fit 64 bits are none.
    ///
    /// # Errors
    /// When it is something else.
    pub fn integer(&self, name: &str, bounds: RangeInclusive<i64>) -> Read<Option<i64>> {
        match self.get(name) {
            None => Ok(None),
            Some(Json::Integer(number)) if bounds.contains(number) => Ok(Some(*number)),
            Some(Json::Integer(_) | Json::Large(_)) => {
                let (from, to) = (bounds.start(), bounds.end());
                Err(Malformed::new(name, format!("out of range, want {from} to {to}")))
            }
            Some(other) => Err(wrong(name, other, "an integer")),
        }
    }

    /// A JSON boolean.
    ///
    /// # Errors
    /// When it is something else.
    pub fn flag(&self, name: &str) -> Read<Option<bool>> {
        match self.get(name) {
            None => Ok(None),
            Some(Json::Flag(flag)) => Ok(Some(*flag)),
            Some(other) => Err(wrong(name, other, "a boolean")),
        }
    }

    /// A JSON object.
    ///
    /// # Errors
    /// When it is something else.
    pub fn object(&self, name: &str) -> Read<Option<&Object<'a>>> {
        self.get(name).map(|value| as_object(value).map_err(|fault| fault.inside(name))).transpose()
    }

    /// A list of at most `len_max` items, each read with `item`.
    ///
    /// # Errors
    /// When it is something else.
    pub fn list<'o, T>(
        &'o self,
        name: &str,
        len_max: usize,
        item: impl Fn(&'o Json<'a>) -> Read<T>,
    ) -> Read<Option<Vec<T>>> {
        let items = match self.get(name) {
            None => return Ok(None),
            Some(Json::List(items)) => items,
            Some(other) => return Err(wrong(name, other, "an array")),
        };
        if items.len() > len_max {
            return Err(Malformed::new(
                name,
                format!("{} items, want at most {len_max}", items.len()),
            ));
        }
        let numbered = items.iter().enumerate();
        let read = numbered
            .map(|(at, value)| item(value).map_err(|fault| fault.inside(&format!("{name}[{at}]"))));
        read.collect::<Read<Vec<T>>>().map(Some)
    }
}

/// An item that must be an object.
///
/// # Errors
/// When it is something else.
pub fn as_object<'o, 'a>(value: &'o Json<'a>) -> Read<&'o Object<'a>> {
    match value {
        Json::Object(object) => Ok(object),
        other => Err(wrong("", other, "an object")),
    }
}

/// An item that must be text of a length in this range.
///
/// # Errors
/// When it is something else.
pub fn as_text<'o>(value: &'o Json<'_>, length: RangeInclusive<usize>) -> Read<&'o str> {
    match value {
        Json::Text(text) => fits(text, length),
        other => Err(wrong("", other, "a string")),
    }
}

fn fits(text: &str, length: RangeInclusive<usize>) -> Read<&str> {
    let characters = text.chars().count();
    if length.contains(&characters) {
        return Ok(text);
    }
    let (from, to) = (length.start(), length.end());
    Err(Malformed::new("", format!("{characters} characters, want {from} to {to}")))
}

fn wrong(name: &str, found: &Json<'_>, wanted: &str) -> Malformed {
    let found = match found {
        Json::Null => "null",
        Json::Flag(_) => "a boolean",
        Json::Integer(_) | Json::Large(_) => "an integer",
        Json::Decimal(_) => "a number with a fraction or exponent",
        Json::Text(_) => "a string",
        Json::List(_) => "an array",
        Json::Object(_) => "an object",
    };
    Malformed::new(name, format!("{found}, want {wanted}"))
}
