//! How soon the hotline 12351 answers (DOMAIN section 1).

use crate::time::Term;
use serde::{Deserialize, Serialize};

/// The limits of work orders. From dispatch to reply they count by the hour: seven days are 168 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HotlineRules {
    /// What was received is answered at once or dispatched.
    pub dispatch: Term,
    /// The unit signs for what was dispatched to it.
    pub sign_for: Term,
    /// So long it may return what is not its own.
    pub return_within: Term,
    /// From dispatch to reply: a question.
    pub consult: Term,
    /// From dispatch to reply: a call for help.
    pub help: Term,
    /// From dispatch to reply: a complaint.
    pub complaint: Term,
    /// From dispatch to reply: a suggestion.
    pub suggestion: Term,
    /// An extension that was asked for is granted or refused.
    pub extension: Term,
    /// From reply to visit.
    pub visit: Term,
    /// From visit to closing.
    pub close: Term,
    /// Whoever is not satisfied has it reopened so many times; afterwards it is supervised.
    pub reopenings: u8,
}

impl HotlineRules {
    /// The programme's.
    pub const PROGRAMME: Self = Self {
        dispatch: Term::Hours(2),
        sign_for: Term::Hours(2),
        return_within: Term::WorkingDays(1),
        consult: Term::Hours(24),
        help: Term::Hours(7 * 24),
        complaint: Term::Hours(7 * 24),
        suggestion: Term::Hours(15 * 24),
        extension: Term::WorkingDays(1),
        visit: Term::WorkingDays(2),
        close: Term::WorkingDays(1),
        reopenings: 2,
    };

    /// Whether they are [`Self::PROGRAMME`]: then a charter's text does not hold them, as none did before they were a rule.
    pub fn are_the_programmes(&self) -> bool {
        *self == Self::PROGRAMME
    }
}

impl Default for HotlineRules {
    fn default() -> Self {
        Self::PROGRAMME
    }
}
