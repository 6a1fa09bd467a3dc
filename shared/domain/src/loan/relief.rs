//! S7: what a relief plan changes, measure by measure, and how far a policy lets due dates move (DOMAIN sections 1 and 2).
//!
//! Deferred is not waived: no measure takes anything from what is owed. It refuses what no policy covers, what moves further than the
//! policy or the extension of a loan allows, and a plan that would come into force too late.

use super::{ChangeError, Loan};
use crate::{
    charter::ReliefPolicy,
    money::Fen,
    schedule::{add_months, days_between, deferral},
    time::Date,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One measure of a relief plan, 一企一策.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub enum Measure {
    /// The maturity is moved onwards, 展期.
    Extend {
        /// The new last day.
        #[schemars(with = "String")]
        to: Date,
    },
    /// Only interest falls due for a while, 只付利息.
    InterestOnly {
        /// The last day of that time.
        #[schemars(with = "String")]
        until: Date,
        /// The later due date on which the principal of that time falls due.
        #[schemars(with = "String")]
        principal_on: Date,
    },
    /// The interest of one due date is paid in parts, 延期付息.
    DeferInterest {
        /// The due date.
        #[schemars(with = "String")]
        due_on: Date,
        /// The days of the parts, in order; each has the same amount, the last one takes the rest.
        #[schemars(with = "Vec<String>")]
        parts_on: Vec<Date>,
    },
}

impl Measure {
    /// The last day to which it moves something.
    pub fn last_day(&self) -> Option<Date> {
        match self {
            Measure::Extend { to } => Some(*to),
            Measure::InterestOnly { principal_on, .. } => Some(*principal_on),
            Measure::DeferInterest { parts_on, .. } => parts_on.iter().max().copied(),
        }
    }

    /// The measure as people read it.
    pub fn zh(&self) -> String {
        match self {
            Measure::Extend { to } => format!("展期至 {to}"),
            Measure::InterestOnly { until, principal_on } => {
                format!("{until} 前只付利息，其间本金于 {principal_on} 归还")
            }
            Measure::DeferInterest { due_on, parts_on } => {
                let days: Vec<String> = parts_on.iter().map(ToString::to_string).collect();
                format!("{due_on} 应付利息分 {} 期于 {} 归还", parts_on.len(), days.join("、"))
            }
        }
    }
}

/// Why a plan is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReliefError {
    /// It has no measure.
    #[error("a plan has at least one measure")]
    Empty,
    /// The policy does not cover a due date.
    #[error("the policy does not cover what falls due on {due_on}")]
    NotCovered {
        /// The due date.
        due_on: Date,
    },
    /// The policy does not let it move so far.
    #[error("what falls due on {due_on} may move to {latest} at the latest")]
    TooFar {
        /// The due date.
        due_on: Date,
        /// The last day possible.
        latest: Date,
    },
    /// A loan of at most a year is extended by at most its term, a longer one by at most half of it.
    #[error("the loan may be extended by {days} days in all")]
    ExtendedTooLong {
        /// Days in all.
        days: u32,
    },
    /// It does not fit what falls due.
    #[error(transparent)]
    Change(#[from] ChangeError),
}

impl Loan {
    /// Puts a plan into force: every measure, in order. `today` is the day on which it comes into force.
    ///
    /// # Errors
    /// [`ReliefError`]; nothing is changed.
    pub fn relieve(&mut self, today: Date, plan: &[Measure], policy: &ReliefPolicy) -> Result<(), ReliefError> {
        if plan.is_empty() {
            return Err(ReliefError::Empty);
        }
        let mut after = self.clone();
        for measure in plan {
            after.take(today, measure, policy)?;
        }
        *self = after;
        Ok(())
    }

    fn take(&mut self, today: Date, measure: &Measure, policy: &ReliefPolicy) -> Result<(), ReliefError> {
        match measure {
            Measure::Extend { to } => {
                let maturity = self.maturity().ok_or(ChangeError::Overflow)?;
                self.extend(today, *to)?;
                may_move(policy, maturity, *to)?;
                self.not_too_long(*to)
            }
            Measure::InterestOnly { until, principal_on } => {
                let moved: Vec<Date> = self
                    .current()
                    .filter(|(_, due)| today < due.on && due.on <= *until && due.principal_fen > Fen::ZERO)
                    .map(|(_, due)| due.on)
                    .collect();
                self.rest(today, *until, *principal_on)?;
                moved.into_iter().try_for_each(|due_on| may_move(policy, due_on, *principal_on))
            }
            Measure::DeferInterest { due_on, parts_on } => {
                let due = self.current().find(|(_, due)| due.on == *due_on && !due.deferred);
                let interest = due.map(|(_, due)| due.interest_fen).filter(|interest| *interest > Fen::ZERO);
                let interest = interest.ok_or(ChangeError::NothingToDefer { on: *due_on })?;
                let n = u16::try_from(parts_on.len()).map_err(|_| ChangeError::WrongParts)?;
                let amounts = deferral(interest, n).ok_or(ChangeError::WrongParts)?;
                let in_order = parts_on.iter().zip(parts_on.iter().skip(1)).all(|(one, next)| one < next);
                if !in_order {
                    return Err(ChangeError::WrongParts.into());
                }
                let parts: Vec<(Date, Fen)> = parts_on.iter().copied().zip(amounts).collect();
                self.defer(today, *due_on, &parts)?;
                parts_on.iter().try_for_each(|part_on| may_move(policy, *due_on, *part_on))
            }
        }
    }

    /// Loans of at most a year: by the original term; longer ones: by half of it (DOMAIN section 1), counted in days from the last day
    /// that the contract had at first.
    fn not_too_long(&self, to: Date) -> Result<(), ReliefError> {
        let from = self.terms.from;
        let original = self.extended_from.or_else(|| self.maturity()).ok_or(ChangeError::Overflow)?;
        let term = days_between(from, original);
        let is_short = add_months(from, 12).is_ok_and(|year| original <= year);
        let days = if is_short { term } else { term / 2 };
        if days_between(original, to) > days { Err(ReliefError::ExtendedTooLong { days }) } else { Ok(()) }
    }
}

fn may_move(policy: &ReliefPolicy, due_on: Date, to: Date) -> Result<(), ReliefError> {
    let latest = policy.latest_for(due_on).ok_or(ReliefError::NotCovered { due_on })?;
    if to > latest { Err(ReliefError::TooFar { due_on, latest }) } else { Ok(()) }
}
