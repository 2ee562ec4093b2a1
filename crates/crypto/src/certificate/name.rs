//! Names of parties as text (RFC 2253): the most specific part first, short names of attributes, signs
//! that mean something escaped.

use x509_parser::x509::{AttributeTypeAndValue, X509Name};

/// The attributes that have a short name; any other is written as its number.
const SHORT: [(&str, &str); 9] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.6", "C"),
    ("2.5.4.9", "STREET"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("0.9.2342.19200300.100.1.1", "UID"),
];

/// The whole name.
pub(super) fn text(name: &X509Name<'_>) -> String {
    let mut parts: Vec<String> = name
        .iter_rdn()
        .map(|part| part.iter().map(attribute).collect::<Vec<_>>().join("+"))
        .collect();
    parts.reverse();
    parts.join(",")
}

fn attribute(attribute: &AttributeTypeAndValue<'_>) -> String {
    let id = attribute.attr_type().to_id_string();
    let short = SHORT.iter().find(|(known, _)| *known == id).map(|(_, short)| *short);
    let value = attribute.as_str().unwrap_or_default();
    format!("{}={}", short.unwrap_or(&id), escaped(value))
}

fn escaped(value: &str) -> String {
    let last = value.chars().count().saturating_sub(1);
    let is_escaped = |at: usize, char: char| match char {
        ',' | '+' | '"' | '\\' | '<' | '>' | ';' => true,
        '#' => at == 0,
        ' ' => at == 0 || at == last,
        _ => false,
    };
    let mut text = String::with_capacity(value.len());
    for (at, char) in value.chars().enumerate() {
        if is_escaped(at, char) {
            text.push('\\');
        }
        text.push(char);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_that_mean_something_are_escaped() {
        for (value, want) in [
            ("Ant Financial", "Ant Financial"),
            ("a,b+c", "a\\,b\\+c"),
            ("#1", "\\#1"),
            (" a ", "\\ a\\ "),
            ("", ""),
        ] {
            assert_eq!(escaped(value), want);
        }
    }
}
