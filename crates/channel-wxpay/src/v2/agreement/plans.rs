//! The plans (扣款模板) that the channel gave the account, by the names that callers use.

use channel::BadSettings;

/// The setting that lists them.
pub(crate) const SETTING: &str = "agreements";
/// Characters of a plan's name here.
const NAME_LEN_MAX: usize = 32;
/// Digits of a plan's number at the channel.
const PLAN_ID_LEN_MAX: usize = 28;

/// A plan: what it allows is known to the channel alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// How callers name it.
    pub(crate) name: String,
    pub(crate) plan_id: String,
}

/// Reads the setting: `name=plan_id`, cut by semicolons.
pub(crate) fn read(text: &str) -> Result<Vec<Plan>, BadSettings> {
    let entries = text.split(';').map(str::trim).filter(|entry| !entry.is_empty());
    let plans: Vec<Plan> = entries.map(entry).collect::<Result<_, BadSettings>>()?;
    let is_twice = |plan: &&Plan| plans.iter().filter(|other| other.name == plan.name).count() > 1;
    match plans.iter().find(is_twice) {
        Some(twice) => Err(bad(&format!("plan {} stands twice", twice.name))),
        None => Ok(plans),
    }
}

fn entry(entry: &str) -> Result<Plan, BadSettings> {
    let (name, plan_id) = entry.split_once('=').ok_or_else(|| bad("name=plan_id wanted"))?;
    let (name, plan_id) = (name.trim(), plan_id.trim());
    let is_name = |char: char| char.is_ascii_alphanumeric() || char == '_' || char == '-';
    if !(1..=NAME_LEN_MAX).contains(&name.len()) || !name.chars().all(is_name) {
        return Err(bad("a plan's name has 1 to 32 letters, digits, _ and -"));
    }
    let is_number = plan_id.bytes().all(|digit| digit.is_ascii_digit());
    match is_number && (1..=PLAN_ID_LEN_MAX).contains(&plan_id.len()) {
        true => Ok(Plan { name: name.to_owned(), plan_id: plan_id.to_owned() }),
        false => Err(bad(&format!("plan {name}: a plan_id of 1 to 28 digits wanted"))),
    }
}

fn bad(why: &str) -> BadSettings {
    BadSettings { name: SETTING.to_owned(), why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_are_read_by_name() {
        let read = read(" club = 12535 ;rent=1;").expect("good plans");
        let words: Vec<_> = read.iter().map(|plan| (&*plan.name, &*plan.plan_id)).collect();
        assert_eq!(words, [("club", "12535"), ("rent", "1")]);
    }

    #[test]
    fn other_words_are_refused() {
        let long = format!("club={}", "1".repeat(29));
        for text in ["club", "=1", "a b=1", "club=", "club=x1", "club=1;club=2", &long] {
            assert_eq!(read(text).expect_err(text).name, "agreements");
        }
    }
}
