//! Forms as data: what a person fills in, and the JSON body of the interface that it becomes.
//!
//! What is right is the interface's to say, field by field; here only amounts and rates are read, because people write
//! yuan and per cent where the interface has fen and ppm.

use crate::lang::{fill, t};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// How a loan is repaid.
pub const METHODS: &[(&str, &str)] =
    &[("BULLET", "按期付息、到期还本"), ("EQUAL_PAYMENT", "等额本息"), ("EQUAL_PRINCIPAL", "等额本金")];
/// Why something is done.
pub const BECAUSE: Field = Field { name: "because", label: "理由", kind: Kind::Text, hint: "" };

/// What a browser sent.
pub(crate) type Sent = BTreeMap<String, String>;

/// A decision on one kind of task.
#[derive(Clone, Copy, Debug)]
pub struct TaskForm {
    /// The field that the body hangs in, e.g. `counter_guarantee`; empty: it is the body.
    pub inside: &'static str,
    /// The field that names the choice, e.g. `verdict`; empty: there is one choice, which has no name.
    pub tag: &'static str,
    /// What can be decided.
    pub choices: &'static [Choice],
}

/// One way to decide.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    /// Its code.
    pub code: &'static str,
    /// Its name for people.
    pub label: &'static str,
    /// What has to be filled in.
    pub fields: &'static [Field],
}

/// What is filled in.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name in the body.
    pub name: &'static str,
    /// Its name for people.
    pub label: &'static str,
    /// How it is filled in.
    pub kind: Kind,
    /// A word of help; may be empty.
    pub hint: &'static str,
}

/// How a field is filled in.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A line of text.
    Text,
    /// A line of text, or nothing: `null`.
    TextOrNothing,
    /// One item a line: a list of strings.
    Lines,
    /// A day.
    Day,
    /// A day, or nothing: `null`.
    DayOrNothing,
    /// A whole number.
    Number,
    /// Whole numbers, set off by commas or blanks, or from one to another: `1-3, 7`. A list.
    Numbers,
    /// Yuan, with or without thousands and fen: fen.
    Yuan,
    /// Per cent a year: ppm.
    Percent,
    /// One of these codes, each with its name, or nothing: `null`.
    OneOrNothing(&'static [(&'static str, &'static str)]),
    /// One of these codes, each with its name.
    One(&'static [(&'static str, &'static str)]),
}

/// Something that is done beside tasks.
#[derive(Clone, Copy, Debug)]
pub struct Action {
    /// Its name for people.
    pub title: &'static str,
    /// Path below `/api/v1/` that it is posted to.
    pub path: &'static str,
    /// Who may do it, one of these roles.
    pub roles: &'static [&'static str],
    /// What to know before it is done.
    pub hint: &'static str,
    /// What has to be filled in.
    pub fields: &'static [Field],
}

/// Something that is done about one application beside tasks, by whoever files: applicants and the officers who do it for them.
#[derive(Clone, Copy, Debug)]
pub struct CaseAction {
    /// Its name for people.
    pub title: &'static str,
    /// Path below `/api/v1/applications/{id}/` that it is posted to.
    pub path: &'static str,
    /// Whether it can be done about an application, as the interface shows that.
    pub when: fn(&Value) -> bool,
    /// What to know before it is done.
    pub hint: &'static str,
    /// What has to be filled in.
    pub fields: &'static [Field],
}

/// The form that an applicant files with, in steps.
#[derive(Debug)]
pub struct Application {
    /// Title and fields of each step.
    pub steps: &'static [(&'static str, &'static [Field])],
    /// The consents: code, text, whether nothing goes without it.
    pub consents: &'static [(&'static str, &'static str, bool)],
    /// The version of their text.
    pub consents_version: &'static str,
    /// What every body has besides.
    pub constant: &'static [(&'static str, &'static str)],
    /// Kinds of papers that are handed in: code and name.
    pub papers: &'static [(&'static str, &'static str)],
    /// The reasons for which it can be withdrawn.
    pub withdrawals: &'static [(&'static str, &'static str)],
}

impl Field {
    /// What was typed, as the body has it.
    ///
    /// # Errors
    /// What is wrong with it, in Chinese.
    pub(crate) fn read(&self, typed: &str) -> Result<Value, &'static str> {
        let typed = typed.trim();
        Ok(match self.kind {
            Kind::Text | Kind::Day | Kind::One(_) => json!(typed),
            Kind::TextOrNothing | Kind::DayOrNothing | Kind::OneOrNothing(_) if typed.is_empty() => Value::Null,
            Kind::TextOrNothing | Kind::DayOrNothing | Kind::OneOrNothing(_) => json!(typed),
            Kind::Lines => typed.lines().map(str::trim).filter(|line| !line.is_empty()).collect(),
            Kind::Numbers => {
                json!(numbers(typed).ok_or("应为序号，例如 1-10 或 1, 2, 5。")?)
            }
            Kind::Number => json!(typed.parse::<i64>().map_err(|_| "应为整数。")?),
            Kind::Yuan => json!(scaled(typed, 2).ok_or("应为金额，单位元，至多两位小数，例如 480,000 或 480000.50。")?),
            Kind::Percent => {
                json!(scaled(typed.trim_end_matches(['%', '％']), 4).ok_or("应为百分数，至多四位小数，例如 4.35。")?)
            }
        })
    }
}

/// Numbers of a list: each by itself, or from one to another; not more than a thousand.
fn numbers(typed: &str) -> Option<Vec<u32>> {
    let mut all = Vec::new();
    for part in typed.split([',', '，', '、', ' ', ';']).filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once(['-', '–', '～']).unwrap_or((part, part));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        if first > last || last - first >= 1_000 || all.len() > 1_000 {
            return None;
        }
        all.extend(first..=last);
    }
    Some(all)
}

/// A decimal number with at most so many places, times ten to their number. Thousands may be set off.
fn scaled(typed: &str, places: usize) -> Option<i64> {
    let typed = typed.trim().replace([',', '，', ' '], "");
    let (whole, fraction) = typed.split_once('.').unwrap_or((&typed, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || fraction.len() > places || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    format!("{whole}{fraction:0<places$}").parse().ok()
}

/// What is wrong with fields, by name.
pub(crate) type Wrong = BTreeMap<String, String>;

/// Reads these fields into a body. In the form each is named with `prefix` before its name.
pub(crate) fn read(fields: &[Field], prefix: &str, sent: &Sent, body: &mut Map<String, Value>, wrong: &mut Wrong) {
    for field in fields {
        let typed = sent.get(&format!("{prefix}{}", field.name)).map_or("", String::as_str);
        match field.read(typed) {
            Ok(value) => {
                body.insert(field.name.to_owned(), value);
            }
            Err(why) => {
                wrong.insert(field.name.to_owned(), why.to_owned());
            }
        }
    }
}

/// A field as a page shows it.
pub(crate) struct Shown {
    pub name: String,
    pub label: &'static str,
    pub hint: &'static str,
    pub kind: Kind,
    pub value: String,
    /// How much it may be at most, in words; may be empty.
    pub most: String,
    pub wrong: String,
}

impl Shown {
    pub fn of(field: &Field, prefix: &str, sent: &Sent, wrong: &Wrong) -> Self {
        let name = format!("{prefix}{}", field.name);
        Shown {
            value: sent.get(&name).cloned().unwrap_or_default(),
            name,
            label: field.label,
            hint: field.hint,
            kind: field.kind,
            most: String::new(),
            wrong: wrong.get(field.name).cloned().unwrap_or_default(),
        }
    }

    /// What was typed, as the page on which it is confirmed shows it.
    pub fn confirmed(&self) -> String {
        match self.kind {
            Kind::One(options) | Kind::OneOrNothing(options) => options
                .iter()
                .find(|(code, _)| *code == self.value)
                .map_or(self.value.clone(), |(_, label)| t(label).to_owned()),
            Kind::Yuan => {
                scaled(&self.value, 2).map_or(self.value.clone(), |fen| fill("{} 元", &[&crate::words::yuan(fen)]))
            }
            Kind::Percent => {
                scaled(self.value.trim_end_matches(['%', '％']), 4).map_or(self.value.clone(), crate::words::percent)
            }
            _ => self.value.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn yuan_and_per_cent_are_read_exactly_or_refused() {
        let yuan = Field { name: "amount_fen", label: "", kind: Kind::Yuan, hint: "" };
        for (typed, fen) in [("480000", 48_000_000), ("480,000.5", 48_000_050), (" 0.01 ", 1), ("1，000", 100_000)] {
            assert_eq!(yuan.read(typed), Ok(json!(fen)), "{typed}");
        }
        for typed in ["", "-1", "1.001", "1e3", ".5", "一千", "92233720368547758.08", "0x10", "1.2.3"] {
            assert!(yuan.read(typed).is_err(), "{typed}");
        }
        let rate = Field { name: "rate_ppm", label: "", kind: Kind::Percent, hint: "" };
        assert_eq!(rate.read("4.35%"), Ok(json!(43_500)));
        assert_eq!(rate.read("4.35"), Ok(json!(43_500)));
        assert!(rate.read("4.35001").is_err());
    }

    #[test]
    fn lists_and_absent_days_are_read() {
        let lines = Field { name: "conditions", label: "", kind: Kind::Lines, hint: "" };
        assert_eq!(lines.read(" 甲 \r\n\r\n乙"), Ok(json!(["甲", "乙"])));
        assert_eq!(lines.read(""), Ok(json!([])));
        let vouchers = Field { name: "vouchers", label: "", kind: Kind::Numbers, hint: "" };
        assert_eq!(vouchers.read("1-3, 7，9"), Ok(json!([1, 2, 3, 7, 9])));
        assert_eq!(vouchers.read(""), Ok(json!([])));
        for typed in ["3-1", "a", "1-", "1-99999", "-1"] {
            assert!(vouchers.read(typed).is_err(), "{typed}");
        }
        let day = Field { name: "licence_valid_to", label: "", kind: Kind::DayOrNothing, hint: "" };
        assert_eq!(day.read(""), Ok(Value::Null));
        assert_eq!(day.read("2030-01-01"), Ok(json!("2030-01-01")));
    }
}
