//! What falls due is changed before its day: interest deferred, the maturity moved, the whole loan repaid early. Each makes another
//! version; what has fallen due stays as it is.

use super::{Due, Loan, Row, due};
use crate::{
    money::{Amount, Fen},
    schedule::{EarlyPart, End, Rest, ScheduleError, Terms, days_between, interest, prepay_after, schedule_after},
    time::Date,
};

/// Why what falls due stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// The terms that would hold have no schedule.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// No interest of its own falls due on that day, or only with the last row.
    #[error("no interest that can be deferred falls due on {on}")]
    NothingToDefer {
        /// The day.
        on: Date,
    },
    /// The plan has to be in force before the day that it moves.
    #[error("{on} has come already")]
    TooLate {
        /// The day.
        on: Date,
    },
    /// The parts are not the interest, or fall due before it or after the maturity.
    #[error("the parts do not make up the interest between its day and the maturity")]
    WrongParts,
    /// The maturity would not move onwards, or what has fallen due would change.
    #[error("the maturity cannot be moved to {to}")]
    CannotExtend {
        /// The day asked for.
        to: Date,
    },
    /// No principal falls due in that time, or it would not fall due on a later due date.
    #[error("no principal can rest until {until} to fall due on {principal_on}")]
    CannotRest {
        /// The last day asked for.
        until: Date,
        /// The day on which it should fall due.
        principal_on: Date,
    },
    /// Interest that was deferred is still owed.
    #[error("deferred interest is still owed")]
    Deferred,
    /// A sum does not fit.
    #[error("a sum of the loan is too large")]
    Overflow,
}

impl Loan {
    /// Defers the interest that falls due on a day into parts on later days: deferred, not waived (DOMAIN section 2, S7). `today` is the
    /// day on which the plan comes into force.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing is changed.
    pub fn defer(&mut self, today: Date, on: Date, parts: &[(Date, Fen)]) -> Result<(), ChangeError> {
        if on <= today {
            return Err(ChangeError::TooLate { on });
        }
        let maturity = self.maturity().ok_or(ChangeError::Overflow)?;
        let is_it = |due: &Due| due.on == on && !due.deferred && due.interest_fen > Fen::ZERO && due.on < maturity;
        let found = self.current().find(|(_, due)| is_it(due)).map(|(at, due)| (at, due.clone()));
        let (at, moved) = found.ok_or(ChangeError::NothingToDefer { on })?;
        let in_time = parts.iter().all(|(day, part)| *day > on && *day <= maturity && *part > Fen::ZERO);
        let sum = Fen::sum(parts.iter().map(|(_, part)| *part)).ok_or(ChangeError::Overflow)?;
        if !in_time || sum != moved.interest_fen {
            return Err(ChangeError::WrongParts);
        }
        let without = Due { interest_fen: Fen::ZERO, ..moved.clone() };
        let deferred = |&(on, interest_fen): &(Date, Fen)| Due {
            on,
            principal_fen: Fen::ZERO,
            interest_fen,
            deferred: true,
            ..moved.clone()
        };
        let new = [without].into_iter().filter(|due| due.principal_fen > Fen::ZERO);
        let new: Vec<Due> = new.chain(parts.iter().map(deferred)).collect();
        self.replace(|place, _| place == at, new);
        Ok(())
    }

    /// Moves the maturity onwards, on the same terms otherwise.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing is changed.
    pub fn extend(&mut self, today: Date, to: Date) -> Result<(), ChangeError> {
        let maturity = self.terms.maturity()?;
        if maturity <= today {
            return Err(ChangeError::TooLate { on: maturity });
        }
        if to <= maturity {
            return Err(ChangeError::CannotExtend { to });
        }
        let terms = Terms { end: End::On(to), ..self.terms.clone() };
        let before = schedule_after(&self.terms, &self.parts, &self.rests)?;
        let after = schedule_after(&terms, &self.parts, &self.rests)?;
        let fallen = before.iter().filter(|row| row.to <= today).count();
        if before.get(..fallen) != after.get(..fallen) {
            return Err(ChangeError::CannotExtend { to });
        }
        self.falls_due_by(today, &after);
        self.extended_from.get_or_insert(maturity);
        self.terms = terms;
        Ok(())
    }

    /// Only interest falls due until a day; the principal of that time falls due on a later due date.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing is changed.
    pub fn rest(&mut self, today: Date, until: Date, principal_on: Date) -> Result<(), ChangeError> {
        let cannot = ChangeError::CannotRest { until, principal_on };
        let rest = Rest { after: today, until, principal_on };
        let before = schedule_after(&self.terms, &self.parts, &self.rests)?;
        let (last, rows) = before.split_last().ok_or(cannot)?;
        let is_moved = rows.iter().any(|row| rest.holds(row.to) && row.principal_fen > Fen::ZERO);
        let falls_due = principal_on > until && before.iter().any(|row| row.to == principal_on);
        if !is_moved || !falls_due || until >= last.to {
            return Err(cannot);
        }
        let mut rests = self.rests.clone();
        rests.push(rest);
        let after = schedule_after(&self.terms, &self.parts, &rests)?;
        self.falls_due_by(today, &after);
        self.rests = rests;
        Ok(())
    }

    /// What falls due after today falls due by these rows. Deferred parts stay where they are, and a row whose interest was deferred
    /// has none.
    fn falls_due_by(&mut self, today: Date, rows: &[Row]) {
        let was_deferred = |row: u16| self.current().any(|(_, due)| due.deferred && due.row == row);
        let new = rows.iter().filter(|row| row.to > today).map(|row| {
            let interest_fen = if was_deferred(row.no) { Fen::ZERO } else { row.interest_fen };
            Due { interest_fen, ..due(row) }
        });
        let new: Vec<Due> = new.collect();
        self.replace(|_, due| due.on > today && !due.deferred, new);
    }

    /// The whole loan falls due on a day before its maturity: the balance, the interest until then, and every part that was deferred.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing is changed.
    pub fn fall_due(&mut self, on: Date) -> Result<(), ChangeError> {
        let rows = prepay_after(&self.terms, &self.parts, &self.rests, on)?;
        let last = rows.last().map(due).ok_or(ChangeError::Overflow)?;
        if self.is_touched(|due| due.on >= on) {
            return Err(ChangeError::TooLate { on });
        }
        let parts = self.current().filter(|(_, due)| due.deferred && due.on >= on);
        let parts = parts.map(|(_, due)| Due { on, ..due.clone() });
        let new: Vec<Due> = [last].into_iter().chain(parts).collect();
        self.replace(|_, due| due.on >= on, new);
        Ok(())
    }

    /// A part of the principal falls due on a day before the maturity, with the interest on it since the last due date; what falls due
    /// after that is less ([`schedule_after`]).
    ///
    /// # Errors
    /// [`ChangeError`]; nothing is changed.
    pub fn part_falls_due(&mut self, on: Date, principal_fen: Amount) -> Result<(), ChangeError> {
        let (from, end) = (self.terms.from, self.terms.maturity()?);
        if on <= from || on >= end {
            return Err(ScheduleError::OutsideLife { on, from, end }.into());
        }
        if self.unpaid().any(|due| due.deferred) {
            return Err(ChangeError::Deferred);
        }
        if self.is_touched(|due| due.on > on) {
            return Err(ChangeError::TooLate { on });
        }
        let mut parts = self.parts.clone();
        parts.push(EarlyPart { on, principal_fen });
        let rows = schedule_after(&self.terms, &parts, &self.rests)?;
        let broken = rows.iter().find(|row| row.to > on).ok_or(ChangeError::Overflow)?;
        let days = days_between(broken.from, on);
        let interest_fen = interest(principal_fen.fen(), self.terms.rate, days).ok_or(ChangeError::Overflow)?;
        let part = Due { on, principal_fen: principal_fen.fen(), interest_fen, early: true, ..due(broken) };
        let new: Vec<Due> = [part].into_iter().chain(rows.iter().filter(|row| row.to > on).map(due)).collect();
        self.replace(|_, due| due.on > on, new);
        self.parts = parts;
        Ok(())
    }

    /// The last change was that a part was repaid early, and that is undone: what it replaced falls due again. False, and nothing
    /// is changed, where it is not the last one or something of it is paid.
    pub(super) fn take_part_back(&mut self) -> bool {
        let Some(first) = self.dues.iter().rposition(|due| due.early) else { return false };
        let is_last = self.dues.iter().skip(first).all(|due| due.replaced_in.is_none());
        let is_paid = (first..self.dues.len()).any(|at| self.paid(at, |_| true) != Some(Fen::ZERO));
        if !is_last || is_paid {
            return false;
        }
        let version = self.version;
        let before: Vec<Due> = self.dues.iter().filter(|due| due.replaced_in == Some(version)).cloned().collect();
        self.replace(|at, _| at >= first, before.into_iter().map(|due| Due { replaced_in: None, ..due }).collect());
        self.parts.pop();
        true
    }

    /// Whether something was paid for one of these.
    fn is_touched(&self, which: impl Fn(&Due) -> bool) -> bool {
        self.current().any(|(at, due)| which(due) && self.paid(at, |_| true) != Some(Fen::ZERO))
    }

    /// Another version, in which these dues have taken the place of those.
    fn replace(&mut self, which: impl Fn(usize, &Due) -> bool, new: Vec<Due>) {
        self.version = self.version.saturating_add(1);
        for (at, due) in self.dues.iter_mut().enumerate() {
            if due.replaced_in.is_none() && which(at, due) {
                due.replaced_in = Some(self.version);
            }
        }
        self.dues.extend(new);
    }
}
