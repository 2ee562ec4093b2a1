//! JSON as wires allow it: no member twice at any level, no U+0000, no deep nesting, nothing
//! behind the value.
//!
//! The text becomes a tree that borrows from it, so that fields can be checked by name with messages
//! that name them, and members that are only kept can be written again as they came.

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Objects and lists inside each other.
const DEPTH_MAX: usize = 16;
/// The most members that are compared pair by pair; more are sorted first.
const PAIRWISE_LEN_MAX: usize = 16;

/// A value.
pub enum Json<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Flag(bool),
    /// An integer of 64 bits.
    Integer(i64),
    /// An integer beyond `i64`.
    Large(u64),
    /// A number with a fraction or an exponent, or too large; kept as it came, never computed with.
    Decimal(&'a RawValue),
    /// Text, decoded.
    Text(Cow<'a, str>),
    /// A list.
    List(Vec<Json<'a>>),
    /// An object.
    Object(Object<'a>),
}

/// Members in the order in which they came.
pub struct Object<'a>(Vec<(Cow<'a, str>, Json<'a>)>);

/// An object without some of its members.
pub struct Rest<'o, 'a> {
    object: &'o Object<'a>,
    without: &'o [&'static str],
}

/// Reads one JSON object.
///
/// # Errors
/// Text about the JSON, without a field's name.
pub fn read_object(text: &[u8]) -> Result<Object<'_>, String> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let json = Node { depth: 0 }.deserialize(&mut reader).map_err(|fault| fault.to_string())?;
    reader.end().map_err(|fault| fault.to_string())?;
    match json {
        Json::Object(object) => Ok(object),
        Json::Null
        | Json::Flag(_)
        | Json::Integer(_)
        | Json::Large(_)
        | Json::Decimal(_)
        | Json::Text(_)
        | Json::List(_) => Err("want a JSON object".to_owned()),
    }
}

impl<'a> Object<'a> {
    /// A member. `null` is the same as absent.
    pub fn get(&self, name: &str) -> Option<&Json<'a>> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
        (!matches!(value, Json::Null)).then_some(value)
    }

    /// What remains when these members are left out; `None` when nothing does.
    pub fn without<'o>(&'o self, names: &'o [&'static str]) -> Option<Rest<'o, 'a>> {
        let rest = Rest { object: self, without: names };
        rest.members().next().is_some().then_some(rest)
    }
}

impl<'o, 'a> Rest<'o, 'a> {
    fn members(&self) -> impl Iterator<Item = &'o (Cow<'a, str>, Json<'a>)> + use<'o, 'a> {
        let without = self.without;
        self.object.0.iter().filter(move |(name, _)| !without.contains(&&**name))
    }
}

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Json::Null => serializer.serialize_unit(),
            Json::Flag(flag) => serializer.serialize_bool(*flag),
            Json::Integer(number) => serializer.serialize_i64(*number),
            Json::Large(number) => serializer.serialize_u64(*number),
            Json::Decimal(number) => number.serialize(serializer),
            Json::Text(text) => serializer.serialize_str(text),
            Json::List(list) => serializer.collect_seq(list),
            Json::Object(object) => object.serialize(serializer),
        }
    }
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl Serialize for Rest<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.members() {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// Reads a value at a depth.
#[derive(Clone, Copy)]
struct Node {
    depth: usize,
}

impl Node {
    fn deeper<E: Error>(self) -> Result<Node, E> {
        let depth = self.depth + 1;
        if depth > DEPTH_MAX {
            return Err(E::custom(format_args!("deeper than {DEPTH_MAX} levels")));
        }
        Ok(Node { depth })
    }
}

/// A value is taken as raw text first: only there has a number all its digits.
impl<'de> DeserializeSeed<'de> for Node {
    type Value = Json<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json<'de>, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        match raw.get().as_bytes() {
            [b'-' | b'0'..=b'9', ..] => Ok(number(raw)),
            _ => {
                let mut reader = serde_json::Deserializer::from_str(raw.get());
                reader.deserialize_any(self).map_err(D::Error::custom)
            }
        }
    }
}

fn number(raw: &RawValue) -> Json<'_> {
    let text = raw.get();
    match (text.parse(), text.parse()) {
        // As an integer it would lose its sign.
        _ if text == "-0" => Json::Decimal(raw),
        (Ok(number), _) => Json::Integer(number),
        (Err(_), Ok(large)) => Json::Large(large),
        (Err(_), Err(_)) => Json::Decimal(raw),
    }
}

impl<'de> Visitor<'de> for Node {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Json<'de>, E> {
        Ok(Json::Flag(flag))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Json<'de>, E> {
        Text.visit_borrowed_str(text).map(Json::Text)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Json<'de>, E> {
        Text.visit_str(text).map(Json::Text)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json<'de>, A::Error> {
        let node = self.deeper()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(node)? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json<'de>, A::Error> {
        let node = self.deeper()?;
        let mut members = Vec::new();
        while let Some(name) = entries.next_key_seed(Text)? {
            let value = entries.next_value_seed(node)?;
            members.push((name, value));
        }
        if repeats_a_name(&members) {
            return Err(A::Error::custom("an object has the same member twice"));
        }
        Ok(Json::Object(Object(members)))
    }
}

/// Reads text, borrowed where it has no escapes. No database keeps U+0000 in text everywhere, so
/// nobody may send it.
struct Text;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Text {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        if text.contains('\0') {
            return Err(E::custom("text with U+0000"));
        }
        Ok(Cow::Owned(text.to_owned()))
    }
}

fn repeats_a_name(members: &[(Cow<'_, str>, Json<'_>)]) -> bool {
    if members.len() <= PAIRWISE_LEN_MAX {
        return members
            .iter()
            .enumerate()
            .any(|(at, (name, _))| members.iter().take(at).any(|(other, _)| other == name));
    }
    let mut names: Vec<&str> = members.iter().map(|(name, _)| &**name).collect();
    names.sort_unstable();
    names.windows(2).any(|pair| matches!(pair, [one, other] if one == other))
}
