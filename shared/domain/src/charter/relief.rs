//! Relief policies: dated permission to move due dates without penalty or downgrade (延期还本付息, DOMAIN section 1).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::time::{Date, Term};

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

/// The terms of a request for relief (DOMAIN section 2, S7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReliefRules {
    /// Step 2: the union looks at it.
    pub triage_deadline: Term,
    /// Step 3: the bank proposes a plan.
    pub proposal_deadline: Term,
    /// Step 4: the guarantor consents.
    pub consent_deadline: Term,
    /// Step 6: a plan that the borrower has not signed lapses.
    pub signature_expiry: Term,
    /// What falls due after the request is not called overdue for so long.
    pub publication_held_for: Term,
}

impl ReliefRules {
    /// The programme's.
    pub const PROGRAMME: Self = Self {
        triage_deadline: Term::SameDay,
        proposal_deadline: Term::WorkingDays(3),
        consent_deadline: Term::WorkingDays(3),
        signature_expiry: Term::WorkingDays(5),
        publication_held_for: Term::WorkingDays(10),
    };

    /// Whether they are [`Self::PROGRAMME`]: then a charter's text does not hold them, as none did before they were a rule.
    pub fn are_the_programmes(&self) -> bool {
        *self == Self::PROGRAMME
    }
}

impl Default for ReliefRules {
    fn default() -> Self {
        Self::PROGRAMME
    }
}
