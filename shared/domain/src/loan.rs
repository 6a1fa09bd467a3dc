//! A loan that is paid out: what is owed on a day, how a receipt is split, how relief and early repayment change what falls due
//! (DOMAIN sections 2 and 3, S5 and S7).
//!
//! A value that is computed from what was due and what was received. Nothing that was received is ever changed or taken away: a
//! wrong receipt is reversed, counts as if it had not come, and stands beside its reversal. It posts nothing and knows no account.

mod change;
mod relief;

use crate::{
    money::{Amount, Fen, Ppm},
    schedule::{EarlyPart, Rest, Row, ScheduleError, Terms, compound, days_between, penalty, schedule},
    time::Date,
};
use jiff::ToSpan;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub use change::ChangeError;
pub use relief::{Measure, ReliefError};

/// What a sum is owed for, in the order in which money is taken for it (DOMAIN section 2, S5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Part {
    /// Interest whose day has passed.
    OverdueInterest,
    /// Principal whose day has passed.
    OverduePrincipal,
    /// Penalty interest on overdue principal, 罚息.
    Penalty,
    /// Compound interest on overdue interest, 复利.
    Compound,
    /// Interest that is due today.
    Interest,
    /// Principal that is due today.
    Principal,
}

impl Part {
    /// In the order in which they are paid.
    pub const ALL: [Part; 6] =
        [Part::OverdueInterest, Part::OverduePrincipal, Part::Penalty, Part::Compound, Part::Interest, Part::Principal];

    /// Whether it lowers the principal.
    pub const fn is_principal(self) -> bool {
        matches!(self, Part::OverduePrincipal | Part::Principal)
    }

    /// Whether it is owed for being late: penalty or compound interest.
    pub const fn is_penalty(self) -> bool {
        matches!(self, Part::Penalty | Part::Compound)
    }

    /// Whether it is contract interest: neither penalty nor compound.
    pub const fn is_contract_interest(self) -> bool {
        matches!(self, Part::OverdueInterest | Part::Interest)
    }
}

/// What falls due on a day: a row of the schedule, or a part of one whose interest was deferred.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    /// The row of the schedule that it is, or was deferred from.
    pub row: u16,
    /// The day.
    pub on: Date,
    /// Principal.
    pub principal_fen: Fen,
    /// Contract interest.
    pub interest_fen: Fen,
    /// Whether it is a part of the principal that was repaid before its day.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub early: bool,
    /// Whether its interest was deferred from another day.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deferred: bool,
    /// The version that put something else in its place, before its day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced_in: Option<u32>,
}

/// A part of a receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// For which of the dues, counted from 0 in the order in which they were entered.
    pub due: usize,
    /// For what.
    pub part: Part,
    /// How much.
    pub amount_fen: Fen,
}

/// Money that came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Counts the loan's receipts, from 1.
    pub seq: u32,
    /// Value date.
    pub on: Date,
    /// How it was split.
    pub lines: Vec<Line>,
    /// Whether it was reversed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reversed: bool,
}

impl Receipt {
    /// What it paid of these parts.
    pub fn sum(&self, of: impl Fn(Part) -> bool) -> Option<Fen> {
        Fen::sum(self.lines.iter().filter(|line| of(line.part)).map(|line| line.amount_fen))
    }
}

/// A loan from its pay-out on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loan {
    terms: Terms,
    penalty_rate: Ppm,
    /// Counts the versions of what falls due, from 1.
    version: u32,
    dues: Vec<Due>,
    receipts: Vec<Receipt>,
    /// Principal that was to be repaid before its day, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    parts: Vec<EarlyPart>,
    /// Principal that was to rest for a while.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    rests: Vec<Rest>,
    /// The last day as the contract had it, once it was moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    extended_from: Option<Date>,
}

/// Why money is not taken for a loan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// Before the pay-out, or before the last receipt.
    #[error("the value date {on} lies before {earliest}")]
    TooEarly {
        /// The day asked for.
        on: Date,
        /// The first day that is possible.
        earliest: Date,
    },
    /// More than is owed on that day.
    #[error("{owed} fen are owed on that day")]
    MoreThanOwed {
        /// What is owed.
        owed: Fen,
    },
    /// There is no such receipt.
    #[error("there is no receipt {seq}")]
    NoReceipt {
        /// Its number.
        seq: u32,
    },
    /// It repaid a part early, and what falls due was changed or paid since.
    #[error("what falls due was changed or paid after receipt {seq}")]
    Superseded {
        /// Its number.
        seq: u32,
    },
    /// It was reversed before.
    #[error("receipt {seq} was reversed already")]
    Reversed {
        /// Its number.
        seq: u32,
    },
    /// A sum does not fit.
    #[error("a sum of the loan is too large")]
    Overflow,
}

impl Loan {
    /// A loan that was paid out on these terms.
    ///
    /// # Errors
    /// They have no schedule.
    pub fn paid_out(terms: Terms, penalty_rate: Ppm) -> Result<Self, ScheduleError> {
        let dues = schedule(&terms)?.iter().map(due).collect();
        Ok(Loan {
            terms,
            penalty_rate,
            version: 1,
            dues,
            receipts: Vec::new(),
            parts: Vec::new(),
            rests: Vec::new(),
            extended_from: None,
        })
    }

    /// The terms that hold now.
    pub const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Counts the versions of what falls due.
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// What falls due, and what once was to, in the order in which it was entered.
    pub fn dues(&self) -> &[Due] {
        &self.dues
    }

    /// What falls due, each with its place among [`Loan::dues`].
    pub fn current(&self) -> impl Iterator<Item = (usize, &Due)> {
        self.dues.iter().enumerate().filter(|(_, due)| due.replaced_in.is_none())
    }

    /// What falls due and is not paid in full.
    fn unpaid(&self) -> impl Iterator<Item = &Due> {
        let is_unpaid = |at: usize| {
            [Part::Principal, Part::Interest].into_iter().any(|part| self.left(at, part) != Some(Fen::ZERO))
        };
        self.current().filter(move |(at, _)| is_unpaid(*at)).map(|(_, due)| due)
    }

    /// What came, in order.
    pub fn receipts(&self) -> &[Receipt] {
        &self.receipts
    }

    /// The last day on which something falls due.
    pub fn maturity(&self) -> Option<Date> {
        self.current().map(|(_, due)| due.on).max()
    }

    /// Principal that is not paid. `None`: a sum does not fit.
    pub fn outstanding(&self) -> Option<Fen> {
        let paid = self.counted().map(|receipt| receipt.sum(Part::is_principal)).collect::<Option<Vec<_>>>()?;
        self.terms.principal.fen().checked_sub(Fen::sum(paid)?)
    }

    /// Contract interest that was received. `None`: a sum does not fit.
    pub fn interest_received(&self) -> Option<Fen> {
        let paid = self.counted().map(|receipt| receipt.sum(Part::is_contract_interest)).collect::<Option<Vec<_>>>()?;
        Fen::sum(paid)
    }

    /// Principal whose day has passed, seen from `on`. `None`: a sum does not fit.
    pub fn overdue_principal(&self, on: Date) -> Option<Fen> {
        let passed = self.current().filter(|(_, due)| due.on < on).map(|(at, _)| self.left(at, Part::Principal));
        Fen::sum(passed.collect::<Option<Vec<_>>>()?)
    }

    /// Contract interest that has been overdue for more than so many days, seen from `on`. `None`: a sum does not fit.
    pub fn interest_overdue_for(&self, days: u32, on: Date) -> Option<Fen> {
        let passed = self.current().filter(|(_, due)| due.on < on && days_between(due.on, on) > days);
        Fen::sum(passed.map(|(at, _)| self.left(at, Part::Interest)).collect::<Option<Vec<_>>>()?)
    }

    /// Contract interest that has fallen due until a day, that day's with it, paid or not. `None`: a sum does not fit.
    pub fn interest_fallen_due(&self, on: Date) -> Option<Fen> {
        Fen::sum(self.current().filter(|(_, due)| due.on <= on).map(|(_, due)| due.interest_fen))
    }

    /// The first day after `last` on which something that is not paid falls due, is overdue since the day before, or has been for more
    /// than so many days; none: no such day will come.
    pub fn next_look(&self, last: Date, overdue_for: u32) -> Option<Date> {
        let later = |due: &Due| due.on.checked_add(i64::from(overdue_for).saturating_add(1).days()).ok();
        let days = self.unpaid().flat_map(|due| [Some(due.on), due.on.tomorrow().ok(), later(due)]).flatten();
        days.filter(|day| *day > last).min()
    }

    /// Whether nothing is owed and nothing will fall due.
    pub fn is_settled(&self) -> bool {
        let all = |due: &Due| due.principal_fen.checked_add(due.interest_fen);
        let never = Fen::sum(self.current().map(|(_, due)| all(due).unwrap_or(Fen::ZERO)));
        let paid = |part: Part| part.is_principal() || part.is_contract_interest();
        let paid = Fen::sum(self.counted().map(|receipt| receipt.sum(paid).unwrap_or(Fen::ZERO)));
        let last = self.counted().map(|receipt| receipt.on).max();
        never == paid && last.is_some_and(|last| self.owed(last).is_some_and(|owed| owed.is_empty()))
    }

    /// The day from which something has been overdue without a break, seen from `on`.
    pub fn overdue_since(&self, on: Date) -> Option<Date> {
        self.unpaid().map(|due| due.on).filter(|day| *day < on).min()
    }

    /// The first day from `from` on whose due is not paid, seen from `on`.
    pub fn overdue_from(&self, from: Date, on: Date) -> Option<Date> {
        self.unpaid().map(|due| due.on).filter(|day| from <= *day && *day < on).min()
    }

    /// Whether everything that falls due until a day, that day's with it, is paid.
    pub fn is_paid_until(&self, day: Date) -> bool {
        self.unpaid().all(|due| due.on > day)
    }

    /// What is owed on a day, by what for and since when: nothing of zero. `None`: a sum does not fit.
    pub fn owed(&self, on: Date) -> Option<Vec<Line>> {
        let mut owed = Vec::new();
        for (at, due) in self.current().filter(|(_, due)| due.on <= on) {
            let (principal, interest) = (self.left(at, Part::Principal)?, self.left(at, Part::Interest)?);
            let late = due.on < on;
            let parts = if late {
                [(Part::OverdueInterest, interest), (Part::OverduePrincipal, principal)]
            } else {
                [(Part::Interest, interest), (Part::Principal, principal)]
            };
            owed.extend(parts.map(|(part, amount_fen)| Line { due: at, part, amount_fen }));
            for part in [Part::Penalty, Part::Compound] {
                let amount_fen = self.accrued(at, part, on)?.checked_sub(self.paid(at, |paid| paid == part)?)?;
                owed.push(Line { due: at, part, amount_fen });
            }
        }
        owed.retain(|line| line.amount_fen > Fen::ZERO);
        // Of one day what was deferred from an earlier row comes first.
        owed.sort_by_key(|line| (line.part, self.dues.get(line.due).map(|due| (due.on, due.row)), line.due));
        Some(owed)
    }

    /// Takes money with this value date for what is owed on that day, in the order of [`Part`], the oldest first.
    ///
    /// # Errors
    /// [`ReceiptError`]; nothing is changed. What is more than owed is nobody's here: the caller takes the part that is owed.
    pub fn receive(&mut self, on: Date, amount: Amount) -> Result<&Receipt, ReceiptError> {
        let earliest = self.receipts.iter().map(|receipt| receipt.on).max().unwrap_or(self.terms.from);
        if on < earliest {
            return Err(ReceiptError::TooEarly { on, earliest });
        }
        let owed = self.owed(on).ok_or(ReceiptError::Overflow)?;
        let sum = Fen::sum(owed.iter().map(|line| line.amount_fen)).ok_or(ReceiptError::Overflow)?;
        if amount.fen() > sum {
            return Err(ReceiptError::MoreThanOwed { owed: sum });
        }
        let (mut left, mut lines) = (amount.fen(), Vec::new());
        for line in owed {
            let amount_fen = line.amount_fen.min(left);
            left = left.checked_sub(amount_fen).ok_or(ReceiptError::Overflow)?;
            if amount_fen > Fen::ZERO {
                lines.push(Line { amount_fen, ..line });
            }
        }
        let seq = u32::try_from(self.receipts.len()).unwrap_or(u32::MAX).saturating_add(1);
        self.receipts.push(Receipt { seq, on, lines, reversed: false });
        self.receipts.last().ok_or(ReceiptError::Overflow)
    }

    /// Enters a receipt that was split before: the next one, or nothing happens.
    pub fn enter(&mut self, receipt: Receipt) {
        if usize::try_from(receipt.seq) == Ok(self.receipts.len().saturating_add(1)) {
            self.receipts.push(receipt);
        }
    }

    /// Reverses a wrong receipt: what it had paid is owed again from its day on, with penalty as if it had not come. Principal that it
    /// repaid before its day falls due again when it did before.
    ///
    /// # Errors
    /// [`ReceiptError`]; nothing is changed.
    pub fn reverse(&mut self, seq: u32) -> Result<(), ReceiptError> {
        let place = self.receipts.iter().position(|receipt| receipt.seq == seq);
        let place = place.ok_or(ReceiptError::NoReceipt { seq })?;
        let receipt = self.receipts.get(place).ok_or(ReceiptError::NoReceipt { seq })?;
        if receipt.reversed {
            return Err(ReceiptError::Reversed { seq });
        }
        let is_early = |line: &Line| self.dues.get(line.due).is_some_and(|due| due.early);
        let repaid_early = receipt.lines.iter().any(is_early);
        let mut after = self.clone();
        if let Some(receipt) = after.receipts.get_mut(place) {
            receipt.reversed = true;
        }
        if repaid_early && !after.take_part_back() {
            return Err(ReceiptError::Superseded { seq });
        }
        *self = after;
        Ok(())
    }

    /// Receipts that count: those that were not reversed.
    pub fn counted(&self) -> impl Iterator<Item = &Receipt> {
        self.receipts.iter().filter(|receipt| !receipt.reversed)
    }

    /// What was paid for the due of this place. `None`: a sum does not fit.
    pub fn paid(&self, due: usize, of: impl Fn(Part) -> bool) -> Option<Fen> {
        let lines = self.counted().flat_map(|receipt| &receipt.lines);
        Fen::sum(lines.filter(|line| line.due == due && of(line.part)).map(|line| line.amount_fen))
    }

    /// Principal or contract interest of a due that is not paid.
    fn left(&self, due: usize, part: Part) -> Option<Fen> {
        let one = self.dues.get(due)?;
        if part.is_principal() {
            one.principal_fen.checked_sub(self.paid(due, Part::is_principal)?)
        } else {
            one.interest_fen.checked_sub(self.paid(due, Part::is_contract_interest)?)
        }
    }

    /// Penalty on a due's principal, or compound on its interest, until a day: half-up for each time in which what is overdue stays
    /// the same, and never earlier.
    fn accrued(&self, due: usize, part: Part, until: Date) -> Option<Fen> {
        let one = self.dues.get(due)?;
        let is_principal = part == Part::Penalty;
        let mut left = if is_principal { one.principal_fen } else { one.interest_fen };
        let mut paid: BTreeMap<Date, Fen> = BTreeMap::new();
        for receipt in self.counted() {
            let lines = receipt.lines.iter().filter(|line| {
                line.due == due
                    && if is_principal { line.part.is_principal() } else { line.part.is_contract_interest() }
            });
            let sum = Fen::sum(lines.map(|line| line.amount_fen))?;
            let day = paid.entry(receipt.on).or_insert(Fen::ZERO);
            *day = day.checked_add(sum)?;
        }
        let (mut since, mut accrued) = (one.on, Fen::ZERO);
        for (on, sum) in paid.into_iter().chain([(until, Fen::ZERO)]) {
            let on = on.clamp(one.on, until.max(one.on));
            let days = days_between(since, on);
            let more = if is_principal {
                penalty(left, self.penalty_rate, days)?
            } else {
                compound(left, self.penalty_rate, days)?
            };
            accrued = accrued.checked_add(more)?;
            left = left.checked_sub(sum)?;
            since = on;
        }
        Some(accrued)
    }
}

fn due(row: &Row) -> Due {
    Due {
        row: row.no,
        on: row.to,
        principal_fen: row.principal_fen,
        interest_fen: row.interest_fen,
        early: false,
        deferred: false,
        replaced_in: None,
    }
}
