//! A definition drawn as a Mermaid flowchart: forward edges solid, undo dotted, the pivot marked, expiries as notes.

use std::fmt::Write as _;

use crate::definition::{Class, Definition, Kind, UndoKind};
use crate::world::World;

impl<W: World> Definition<W> {
    /// The definition as a Mermaid flowchart, stable for the same definition.
    #[must_use]
    pub fn mermaid(&self) -> String {
        let mut out = String::new();
        // Writing into a String cannot fail.
        let _ = self.draw(&mut out);
        out
    }

    fn draw(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "flowchart TD")?;
        writeln!(out, "  begin([\"{} v{}\"])", self.name, self.version)?;
        let steps = self.steps();
        for (index, step) in steps.iter().enumerate() {
            let who = match step.kind {
                Kind::Decide(role) => format!("{role} decides"),
                Kind::Here => "here".to_owned(),
                Kind::Ask(party) => format!("{party}"),
                Kind::Child => "child saga".to_owned(),
            };
            let label = format!("{}<br/><i>{who}</i>", step.name);
            match step.class {
                Class::Compensatable => writeln!(out, "  s{index}[\"{label}\"]")?,
                Class::Pivot => writeln!(out, "  s{index}{{{{\"{label}<br/>point of no return\"}}}}:::pivot")?,
                Class::Retriable => writeln!(out, "  s{index}([\"{label}\"])")?,
            }
        }
        writeln!(out, "  done([\"completed\"])")?;
        writeln!(out, "  undone([\"unwound\"])")?;
        for (index, step) in self.steps.iter().enumerate() {
            if step.after.is_empty() {
                writeln!(out, "  begin --> s{index}")?;
            }
            for before in &step.after {
                writeln!(out, "  s{before} --> s{index}")?;
            }
        }
        for index in self.ends() {
            writeln!(out, "  s{index} --> done")?;
        }
        for (index, step) in self.steps.iter().enumerate().filter(|(_, s)| s.class != Class::Retriable) {
            let back: Vec<String> = match step.after.as_slice() {
                [] => vec!["undone".to_owned()],
                before => before.iter().map(|i| format!("s{i}")).collect(),
            };
            let edge = match steps.get(index).map(|s| s.undo) {
                Some(UndoKind::Here | UndoKind::Asked) => "undo",
                Some(UndoKind::NotNeeded(_)) => "no undo needed",
                _ => "refused or closed",
            };
            for to in back {
                writeln!(out, "  s{index} -. {edge} .-> {to}")?;
            }
        }
        for (index, expiry) in self.expiries.iter().enumerate() {
            writeln!(out, "  e{index}>\"{}: from {} until {}\"]", expiry.name, expiry.since, expiry.until)?;
            if let Some(until) = self.index(expiry.until) {
                writeln!(out, "  e{index} -.- s{until}")?;
            }
        }
        writeln!(out, "  classDef pivot stroke-width:4px")
    }

    /// The steps that nothing follows.
    fn ends(&self) -> Vec<usize> {
        (0..self.steps.len()).filter(|index| !self.steps.iter().any(|step| step.after.contains(index))).collect()
    }
}
