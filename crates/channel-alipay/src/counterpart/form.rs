//! A form that submits itself, as clients write it for a browser.

use crate::counterpart::PATH;
use crate::wire::{self, Parameters};

/// The parameters of a form: those of its address, and its fields.
pub(super) fn parameters(html: &str) -> Option<Parameters> {
    let (_, form) = html.split_once("<form ")?;
    let address = attribute(form, "action")?;
    let (_, query) = address.split_once('?').filter(|(url, _)| url.ends_with(PATH))?;
    let mut parameters = wire::read_form(query.as_bytes());
    let fields = form.split("<input ").skip(1);
    parameters.extend(
        fields.filter_map(|field| Some((attribute(field, "name")?, attribute(field, "value")?))),
    );
    Some(parameters)
}

/// The first value of this name in a tag, between double quotes.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&*format!("{name}=\""))?;
    let (value, _) = rest.split_once('"')?;
    Some(plain(value))
}

/// The text of a value; `&amp;` is the last, so that nothing is read twice.
fn plain(value: &str) -> String {
    let signs = [("&quot;", "\""), ("&#39;", "'"), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")];
    signs.iter().fold(value.to_owned(), |text, (written, sign)| text.replace(written, sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_and_fields_are_read_together() {
        let html = r#"<form name="punchout_form" method="post" action="http://a/gateway.do?app_id=1&method=x">
            <input type="hidden" name="biz_content" value="{&quot;a&quot;:&quot;b&amp;quot;&quot;}">
            <input type="submit" value="立即支付" style="display:none" ></form>"#;
        let found = parameters(html).expect("a form");
        let pairs: Vec<_> = found.iter().map(|(name, value)| (&**name, &**value)).collect();
        let wanted = [("app_id", "1"), ("biz_content", r#"{"a":"b&quot;"}"#), ("method", "x")];
        assert_eq!(pairs, wanted);
    }

    #[test]
    fn what_leads_elsewhere_is_none() {
        for html in [
            "",
            "<form >",
            "<form action=\"http://a/pay?x=1\">",
            "<form action=\"http://a/gateway.do\">",
        ] {
            assert_eq!(parameters(html), None, "{html}");
        }
    }
}
