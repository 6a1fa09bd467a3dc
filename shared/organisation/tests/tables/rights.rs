//! Who may do what, as text. The caller asks a real core for every cell; nothing here knows a rule.

use std::{collections::BTreeMap, fmt::Write as _};

/// Whether the person took part in the state that the application is in.
pub const PERSONS: [&str; 2] = ["own", "other"];

/// A table with a cell for every state, command, person and role: `ask(state, command, person, role)` says what came of it. Roles
/// of which the same comes share a line's entry, and persons between whom there is no difference share a line.
pub fn table(
    states: &[&str],
    commands: &[&str],
    roles: &[&str],
    ask: impl Fn(&str, &str, &str, &str) -> String,
) -> String {
    let mut text = String::new();
    for state in states {
        writeln!(text, "## {state}").unwrap();
        for command in commands {
            let [own, other] = PERSONS.map(|person| line(roles, |role| ask(state, command, person, role)));
            if own == other {
                writeln!(text, "{command:<18} any    {own}").unwrap();
            } else {
                writeln!(text, "{command:<18} own    {own}\n{command:<18} other  {other}").unwrap();
            }
        }
        text.push('\n');
    }
    text
}

fn line(roles: &[&str], ask: impl Fn(&str) -> String) -> String {
    let mut said: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for role in roles {
        said.entry(ask(role)).or_default().push(role);
    }
    // What is allowed is written in small letters and so sorts last; it is what is looked for.
    let entries: Vec<String> =
        said.into_iter().rev().map(|(code, roles)| format!("{code}: {}", roles.join(" "))).collect();
    entries.join("; ")
}
