//! For tests: the failure matrix of a definition, generated from the definition itself, as data.
//!
//! A core's tests run the same rows through real cores; this crate runs them through a toy world. A new step thereby
//! brings its own tests. Nothing here decides or drives anything.

use std::fmt;

use crate::definition::{Class, Definition, Kind, StepDescription, UndoKind};
use crate::world::World;

/// What goes wrong at a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// It is refused (a child saga: unwinds).
    Refused,
    /// The pivot is not done this time.
    NotDone,
    /// The pivot is not done, and only a person can have it tried again.
    Blocked,
    /// Its first answer never comes.
    AnswerLost,
    /// Its answer comes twice.
    AnswerDoubled,
    /// Its answer comes after the run has turned back (a pivot's: after the withdrawal).
    AnswerLate,
    /// The party does not know at first.
    Unknown,
    /// A later step is refused, and this one's undo is refused too.
    UndoFailed,
    /// The applicant withdraws while it is open.
    CancelledThere,
    /// An expiry passes while it is open.
    ExpiredThere,
}

impl Fault {
    /// All faults.
    pub const ALL: [Self; 10] = [
        Self::Refused,
        Self::NotDone,
        Self::Blocked,
        Self::AnswerLost,
        Self::AnswerDoubled,
        Self::AnswerLate,
        Self::Unknown,
        Self::UndoFailed,
        Self::CancelledThere,
        Self::ExpiredThere,
    ];
}

/// Where a run with that fault must come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Expected {
    /// It completes, as if nothing had been.
    Completes,
    /// It ends refused at this step, all before it undone.
    EndsRefused,
    /// It ends withdrawn, all before it undone.
    EndsWithdrawn,
    /// It ends expired, all before it undone.
    EndsExpired,
    /// It waits for a named person to repair, and ends once that is done.
    WaitsForRepair,
}

/// One row of the matrix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// The step.
    pub step: &'static str,
    /// What goes wrong there.
    pub fault: Fault,
    /// For [`Fault::UndoFailed`]: the later step that is refused. For [`Fault::ExpiredThere`]: the expiries that run while
    /// the step is open, of which the first to fall due names the ending. Else empty.
    pub with: Vec<&'static str>,
    /// Where it must come to.
    pub expected: Expected,
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {:?}", self.step, self.fault)?;
        if !self.with.is_empty() {
            write!(f, " with {}", self.with.join(" or "))?;
        }
        write!(f, ", expected {:?}", self.expected)
    }
}

/// The failure matrix: every fault that can befall each step, in the order of steps and faults.
#[must_use]
pub fn scenarios<W: World>(definition: &Definition<W>) -> Vec<Scenario> {
    let steps = definition.steps();
    let mut rows = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        for fault in Fault::ALL {
            if let Some((with, expected)) = row(definition, &steps, index, step, fault) {
                rows.push(Scenario { step: step.name, fault, with, expected });
            }
        }
    }
    rows
}

type Row = (Vec<&'static str>, Expected);

fn row<W: World>(
    definition: &Definition<W>,
    steps: &[StepDescription<W::Role>],
    index: usize,
    step: &StepDescription<W::Role>,
    fault: Fault,
) -> Option<Row> {
    let remote = matches!(step.kind, Kind::Ask(_));
    let child = step.kind == Kind::Child;
    let stays_open = remote || matches!(step.kind, Kind::Decide(_));
    match (fault, step.class) {
        (Fault::Refused, Class::Compensatable | Class::Pivot) => Some((Vec::new(), Expected::EndsRefused)),
        (Fault::Refused, Class::Retriable) if remote || child => Some((Vec::new(), Expected::WaitsForRepair)),
        (Fault::NotDone, Class::Pivot) if remote => Some((Vec::new(), Expected::Completes)),
        (Fault::Blocked, Class::Pivot) if remote => Some((Vec::new(), Expected::WaitsForRepair)),
        (Fault::AnswerLost | Fault::AnswerDoubled | Fault::Unknown, _) if remote => {
            Some((Vec::new(), Expected::Completes))
        }
        (Fault::AnswerLate, Class::Compensatable) if remote => Some((Vec::new(), Expected::EndsWithdrawn)),
        // The party did it before it heard of the withdrawal: its answer decides.
        (Fault::AnswerLate, Class::Pivot) if remote => Some((Vec::new(), Expected::Completes)),
        (Fault::AnswerLate, Class::Retriable) if remote => Some((Vec::new(), Expected::Completes)),
        (Fault::UndoFailed, Class::Compensatable) if step.undo == UndoKind::Asked => {
            refused_after(steps, index).map(|later| (vec![later], Expected::WaitsForRepair))
        }
        (Fault::CancelledThere, Class::Compensatable | Class::Pivot) if stays_open => {
            Some((Vec::new(), Expected::EndsWithdrawn))
        }
        (Fault::CancelledThere, Class::Retriable) if stays_open || child => Some((Vec::new(), Expected::Completes)),
        (Fault::ExpiredThere, Class::Compensatable | Class::Pivot) if stays_open => {
            let running = definition.running_at(index);
            (!running.is_empty()).then_some((running, Expected::EndsExpired))
        }
        _ => None,
    }
}

/// The first later step that depends on the one at `index` and can be refused.
fn refused_after<Role>(steps: &[StepDescription<Role>], index: usize) -> Option<&'static str> {
    let mut behind = vec![steps.get(index)?.name];
    for step in steps.iter().skip(index + 1) {
        if step.after.iter().any(|before| behind.contains(before)) {
            if step.class != Class::Retriable {
                return Some(step.name);
            }
            behind.push(step.name);
        }
    }
    None
}
