//! Relief policies: dated permission to move due dates without penalty or downgrade (延期还本付息, DOMAIN section 1).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::time::Date;

/// A policy in force between two days. Outside it no relief request and no green filing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReliefPolicy {
    /// First day.
    pub from: Date,
    /// Last day.
    pub to: Date,
    /// How far due dates may move, by due date, ascending.
    pub windows: Vec<DeferralWindow>,
    /// Sections of GB/T 4754 that count as hit.
    pub hit_industries: BTreeSet<String>,
}

/// Due dates up to a day may move to another at the latest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeferralWindow {
    /// Last due date of the window.
    pub due_to: Date,
    /// Where it may move to at the latest.
    pub moved_to: Date,
}

impl ReliefPolicy {
    /// Whether it is in force on a day.
    pub fn in_force_on(&self, day: Date) -> bool {
        self.from <= day && day <= self.to
    }

    /// Where a due date may move to at the latest; `None` when it lies before the policy or past its windows.
    pub fn latest_for(&self, due_on: Date) -> Option<Date> {
        let inside = self.windows.iter().find(|window| due_on <= window.due_to);
        inside.filter(|_| due_on >= self.from).map(|window| window.moved_to)
    }

    /// Whether an industry code (section and division, `H62`) is of a hit section.
    pub fn is_hit(&self, industry_code: &str) -> bool {
        self.hit_industries.iter().any(|section| industry_code.starts_with(section.as_str()))
    }
}
