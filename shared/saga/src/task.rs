//! A human task with its deadline, as a value: used by the engine's own steps and by participants alike.
//!
//! Pure. A deadline reminds at 50 and 80 % and escalates at 100 % (DOMAIN.md section 2); it never decides.

use std::collections::BTreeSet;
use std::fmt;

use domain::{Calendar, CalendarError, Moment, Term};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Who acted: an opaque identifier of a person or of a service identity, never a name (no personal data in a core). A deputy
/// acts as `person:li for person:wang`: wherever two persons are asked for, that is both of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Person(pub String);

impl Person {
    /// A person by identifier.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// `deputy`, who acts for `absent`.
    #[must_use]
    pub fn deputy(deputy: &str, absent: &str) -> Self {
        Self(format!("{deputy}{FOR}{absent}"))
    }

    /// Whether both are the same person, or one of them acts for whom the other is or acts for.
    #[must_use]
    pub fn is_also(&self, other: &Self) -> bool {
        self.0.split(FOR).any(|one| other.0.split(FOR).any(|another| one == another))
    }
}

/// Stands between a deputy and who is absent. No identifier has blanks in it.
const FOR: &str = " for ";

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a deadline tells its role when a share of the time has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Notice {
    /// Half of the time has gone: reminder.
    Half,
    /// 80 % of the time has gone: second reminder.
    Most,
    /// All of it has gone: escalation.
    Overdue,
}

impl Notice {
    /// In the order in which they fall due.
    pub const ALL: [Self; 3] = [Self::Half, Self::Most, Self::Overdue];

    /// The share of the time that has gone, in percent: 50, 80 or 100.
    #[must_use]
    pub const fn percent(self) -> u8 {
        match self {
            Self::Half => 50,
            Self::Most => 80,
            Self::Overdue => 100,
        }
    }
}

/// Until when a role should have seen to something, and what it was told so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadline<Role> {
    /// Who is reminded.
    pub role: Role,
    /// From when the shares are counted.
    pub opened_at: Moment,
    /// When all the time has gone.
    pub due_at: Moment,
    /// The last notice given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noticed: Option<Notice>,
}

impl<Role: Copy> Deadline<Role> {
    /// A deadline `term` from `now`, counted in `calendar`.
    ///
    /// # Errors
    /// The calendar lacks a year that the term needs.
    pub fn open(role: Role, term: Term, now: Moment, calendar: &Calendar) -> Result<Self, CalendarError> {
        Ok(Self { role, opened_at: now, due_at: calendar.due(term, now)?, noticed: None })
    }

    /// When `notice` falls due: the share of the elapsed time between opening and due, in milliseconds, rounded up.
    #[must_use]
    pub fn falls_due(&self, notice: Notice) -> Moment {
        let (from, to) = (i128::from(self.opened_at.millis()), i128::from(self.due_at.millis()));
        let spent = ((to - from).max(0) * i128::from(notice.percent()) + 99) / 100;
        Moment::from_millis(i64::try_from(from + spent).unwrap_or(i64::MAX))
    }

    /// The next notice and when it falls due; none after the escalation.
    #[must_use]
    pub fn next_notice(&self) -> Option<(Moment, Notice)> {
        Notice::ALL.into_iter().find(|n| self.noticed.is_none_or(|last| *n > last)).map(|n| (self.falls_due(n), n))
    }

    /// When to look at it again.
    #[must_use]
    pub fn next_wake(&self) -> Option<Moment> {
        self.next_notice().map(|(at, _)| at)
    }

    /// The notices due at `now` and not given yet, in order. Give them, then call [`Deadline::give`] for each.
    #[must_use]
    pub fn tick(&self, now: Moment) -> Vec<Notice> {
        Notice::ALL
            .into_iter()
            .filter(|n| self.noticed.is_none_or(|last| *n > last) && self.falls_due(*n) <= now)
            .collect()
    }

    /// Remembers that `notice` was given; an earlier one than the last changes nothing.
    pub fn give(&mut self, notice: Notice) {
        self.noticed = self.noticed.max(Some(notice));
    }
}

/// Papers were asked for: the task rests under an expiry of its own (DOMAIN.md S10, e.g. NEED_DOCS).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspension {
    /// The expiry that ends the case if the papers do not come.
    pub expiry: String,
    /// When it does.
    pub due_at: Moment,
}

/// Why a person may not decide a task, in order of precedence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Error)]
pub enum TaskRefusal {
    /// Four eyes: the person acted in the step before it, under whatever account.
    #[error("{0} took part before and may not decide this too")]
    Excluded(Person),
    /// Papers were asked for and have not come.
    #[error("the task rests until papers come")]
    Suspended,
    /// Someone else has taken the task.
    #[error("the task is claimed by {0}")]
    ClaimedBy(Person),
}

/// A decision that a role owes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task<Role> {
    /// Unique within its case; the engine uses the step's name.
    pub id: String,
    /// Role, opening, due time and notices.
    pub deadline: Deadline<Role>,
    /// Four eyes, by person: who may not decide it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub excluded: BTreeSet<Person>,
    /// Who has taken it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed_by: Option<Person>,
    /// Papers asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended: Option<Suspension>,
}

impl<Role: Copy> Task<Role> {
    /// Opens a task for `role`, due `term` from `now`.
    ///
    /// # Errors
    /// The calendar lacks a year that the term needs.
    pub fn open(
        id: impl Into<String>,
        role: Role,
        term: Term,
        now: Moment,
        calendar: &Calendar,
        excluded: BTreeSet<Person>,
    ) -> Result<Self, CalendarError> {
        Ok(Self::until(id, role, now, calendar.due(term, now)?, excluded))
    }

    /// A task for `role` from `now` until `due_at`.
    #[must_use]
    pub fn until(id: impl Into<String>, role: Role, now: Moment, due_at: Moment, excluded: BTreeSet<Person>) -> Self {
        let deadline = Deadline { role, opened_at: now, due_at, noticed: None };
        Self { id: id.into(), deadline, excluded, claimed_by: None, suspended: None }
    }

    /// Whose task it is.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.deadline.role
    }

    /// When it should be decided.
    #[must_use]
    pub const fn due_at(&self) -> Moment {
        self.deadline.due_at
    }

    /// When to look at it again: its next notice, or its suspension's expiry.
    #[must_use]
    pub fn next_wake(&self) -> Option<Moment> {
        match &self.suspended {
            Some(rest) => Some(rest.due_at),
            None => self.deadline.next_wake(),
        }
    }

    /// The notices due at `now` and not given yet; none while it is suspended.
    #[must_use]
    pub fn tick(&self, now: Moment) -> Vec<Notice> {
        if self.suspended.is_some() { Vec::new() } else { self.deadline.tick(now) }
    }

    /// The expiry that has passed at `now`, if papers were asked for and did not come.
    #[must_use]
    pub fn expired(&self, now: Moment) -> Option<&str> {
        self.suspended.as_ref().filter(|rest| rest.due_at <= now).map(|rest| rest.expiry.as_str())
    }

    /// Whether `person` may decide it now.
    ///
    /// # Errors
    /// The first refusal that holds.
    pub fn may_decide(&self, person: &Person) -> Result<(), TaskRefusal> {
        self.may_touch(person)?;
        match &self.suspended {
            Some(_) => Err(TaskRefusal::Suspended),
            None => self.not_another_s(person),
        }
    }

    /// Whether `person` may claim it now.
    ///
    /// # Errors
    /// The first refusal that holds.
    pub fn may_claim(&self, person: &Person) -> Result<(), TaskRefusal> {
        self.may_touch(person)?;
        self.not_another_s(person)
    }

    /// Takes the task, or gives it back with `None`. Check [`Task::may_claim`] first.
    pub fn claim(&mut self, by: Option<Person>) {
        self.claimed_by = by;
    }

    /// Papers are asked for: reminders stop and `expiry` runs until `due_at`.
    pub fn suspend(&mut self, expiry: impl Into<String>, due_at: Moment) {
        self.suspended = Some(Suspension { expiry: expiry.into(), due_at });
    }

    /// The papers came: a fresh deadline runs from `now` to `due_at`.
    pub fn resume(&mut self, now: Moment, due_at: Moment) {
        self.suspended = None;
        self.deadline = Deadline { role: self.deadline.role, opened_at: now, due_at, noticed: None };
    }

    /// Whether `person`, or whom the person acts for, has taken part before.
    #[must_use]
    pub fn excludes(&self, person: &Person) -> bool {
        self.excluded.iter().any(|excluded| excluded.is_also(person))
    }

    fn may_touch(&self, person: &Person) -> Result<(), TaskRefusal> {
        if self.excludes(person) { Err(TaskRefusal::Excluded(person.clone())) } else { Ok(()) }
    }

    fn not_another_s(&self, person: &Person) -> Result<(), TaskRefusal> {
        match &self.claimed_by {
            Some(other) if !other.is_also(person) => Err(TaskRefusal::ClaimedBy(other.clone())),
            _ => Ok(()),
        }
    }
}
