//! The templates by which payers sign (签约模板): products and scenes that the account was given.

use channel::BadSettings;

/// The setting that lists them.
pub(crate) const SETTING: &str = "agreements";
/// The product of debits at any time, within the limits of the account (商家扣款).
pub(crate) const FREE_DEBITS: &str = "GENERAL_WITHHOLDING";
/// The product of debits by period (周期扣款).
pub(crate) const PERIODIC_DEBITS: &str = "CYCLE_PAY_AUTH";
/// Characters of a template's name.
const NAME_LEN_MAX: usize = 32;
/// Characters of a scene or product.
const WORD_LEN_MAX: usize = 64;
/// The scene under which the channel takes no number of ours.
const NAMELESS_SCENE: &str = "DEFAULT|DEFAULT";

/// A template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    /// How callers name it.
    pub(crate) name: String,
    pub(crate) sign_scene: String,
    /// Of debits.
    pub(crate) product_code: String,
    /// Of what the payer signs.
    pub(crate) personal_product_code: String,
}

impl Template {
    /// Whether debits follow a plan.
    pub(crate) fn is_periodic(&self) -> bool {
        self.product_code == PERIODIC_DEBITS
    }
}

/// Reads the setting: `name=sign_scene`, then, after commas, a product of debits and one of signing;
/// templates are cut by semicolons.
pub(crate) fn read(text: &str) -> Result<Vec<Template>, BadSettings> {
    let entries = text.split(';').map(str::trim).filter(|entry| !entry.is_empty());
    let templates: Vec<Template> = entries.map(entry).collect::<Result<_, BadSettings>>()?;
    let is_twice = |template: &&Template| {
        templates.iter().filter(|other| other.name == template.name).count() > 1
    };
    match templates.iter().find(is_twice) {
        Some(twice) => Err(bad(&format!("template {} stands twice", twice.name))),
        None => Ok(templates),
    }
}

fn entry(entry: &str) -> Result<Template, BadSettings> {
    let (name, words) = entry.split_once('=').ok_or_else(|| bad("name=sign_scene wanted"))?;
    let name = name.trim();
    let is_name = |char: char| char.is_ascii_alphanumeric() || char == '_' || char == '-';
    if !(1..=NAME_LEN_MAX).contains(&name.len()) || !name.chars().all(is_name) {
        return Err(bad("a template's name has 1 to 32 letters, digits, _ and -"));
    }
    let words: Vec<&str> = words.split(',').map(str::trim).collect();
    let (sign_scene, product, personal) = match *words {
        [scene] => (scene, FREE_DEBITS, None),
        [scene, product] => (scene, product, None),
        [scene, product, personal] => (scene, product, Some(personal)),
        _ => return Err(bad(&format!("template {name}: at most two products wanted"))),
    };
    if sign_scene == NAMELESS_SCENE || !sign_scene.contains('|') || !is_word(sign_scene) {
        return Err(bad(&format!("template {name}: a sign_scene such as INDUSTRY|… wanted")));
    }
    let personal = personal.map_or_else(|| format!("{product}_P"), str::to_owned);
    if !is_word(product) || !is_word(&personal) {
        return Err(bad(&format!("template {name}: product codes in capitals wanted")));
    }
    Ok(Template {
        name: name.to_owned(),
        sign_scene: sign_scene.to_owned(),
        product_code: product.to_owned(),
        personal_product_code: personal,
    })
}

/// What the channel names things by: capitals, digits, `_` and `|`.
fn is_word(text: &str) -> bool {
    let good = |char: char| {
        char.is_ascii_uppercase() || char.is_ascii_digit() || char == '_' || char == '|'
    };
    (1..=WORD_LEN_MAX).contains(&text.len()) && text.chars().all(good)
}

fn bad(why: &str) -> BadSettings {
    BadSettings { name: SETTING.to_owned(), why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_have_usual_products() {
        let read = read(" club = INDUSTRY|CLUB ; rent=INDUSTRY|RENT,CYCLE_PAY_AUTH;x=A|B,P,Q; ");
        let read = read.expect("good templates");
        let words: Vec<[&str; 4]> = read
            .iter()
            .map(|it| [&*it.name, &*it.sign_scene, &*it.product_code, &*it.personal_product_code])
            .collect();
        assert_eq!(
            words,
            [
                ["club", "INDUSTRY|CLUB", "GENERAL_WITHHOLDING", "GENERAL_WITHHOLDING_P"],
                ["rent", "INDUSTRY|RENT", "CYCLE_PAY_AUTH", "CYCLE_PAY_AUTH_P"],
                ["x", "A|B", "P", "Q"],
            ]
        );
    }

    #[test]
    fn what_the_channel_would_not_take_is_refused() {
        for text in [
            "club",
            "=INDUSTRY|CLUB",
            "a b=INDUSTRY|CLUB",
            "club=",
            "club=INDUSTRY",
            "club=industry|club",
            "club=DEFAULT|DEFAULT",
            "club=INDUSTRY|CLUB,",
            "club=INDUSTRY|CLUB,P,Q,R",
            "club=INDUSTRY|CLUB;club=INDUSTRY|OTHER",
        ] {
            let fault = read(text).expect_err(text);
            assert_eq!(fault.name, "agreements", "{text}");
        }
    }
}
