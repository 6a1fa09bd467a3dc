//! What the bank keeps of a loan from its pay-out on, and what it records of it (DOMAIN.md section 2, S5).

use crate::{
    Row,
    rows::{self, Loan, LoanInput},
};
use contracts::LoanReport;
use domain::{ApplicationId, Date, Fen, Ppm, loan, loan::Receipt, schedule::Terms};
use organisation::{NotLoaded, Person, Rows};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Interest that has been overdue for more than so many days is income only once it is paid (DOMAIN.md section 3).
pub const OFF_BALANCE_AFTER: u32 = 90;

/// A loan from its pay-out on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Life {
    /// What falls due, and what was received.
    pub loan: loan::Loan,
    /// Contract interest in B1132 or out of it again: all that has fallen due, fen.
    pub accrued_fen: Fen,
    /// How often interest was accrued, or taken back.
    pub accruals: u32,
    /// Principal in B1303, fen.
    pub overdue_fen: Fen,
    /// How often principal was moved between B1301 and B1303.
    pub moved: u32,
    /// Interest in B9132, fen: overdue for so long that it counts as income only once it is paid.
    #[serde(default)]
    pub off_balance_fen: Fen,
    /// How often interest was moved between B1132 and B9132.
    #[serde(default)]
    pub shifted: u32,
    /// A request for relief is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relief_asked: Option<Asked>,
    /// The relief plan that is in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relief: Option<InRelief>,
    /// The last day for which it was looked whether something falls due or is overdue.
    pub looked_on: Date,
    /// How each receipt came, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<Entry>,
    /// Receipts that are in a cut-off list of subsidies.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub listed: BTreeSet<u32>,
    /// What union and guarantor were told, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reports: Vec<LoanReport>,
}

/// A request for relief that is under way (S7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// What falls due from this day on is not called overdue …
    pub on: Date,
    /// … until this day is over.
    pub until: Date,
}

/// A relief plan that is in force (S7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InRelief {
    /// The number of its request.
    pub no: u32,
    /// Since when.
    pub since: Date,
    /// The last day to which it moved something.
    pub last_on: Date,
}

/// How a receipt came into the books, and out of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The bank's reference of the money.
    pub reference: String,
    /// Who entered it.
    pub by: Person,
    /// How it was reversed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reversed: Option<EntryReversed>,
}

/// How a receipt was reversed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryReversed {
    /// By whom.
    pub by: Person,
    /// On which day.
    pub on: Date,
    /// What was wrong.
    pub because: String,
}

/// A fact about a loan that is paid out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// It is paid out, on these terms.
    Begun {
        /// The application.
        id: ApplicationId,
        /// The terms.
        terms: Terms,
        /// The rate of penalty and compound interest, ppm a year.
        penalty_rate: Ppm,
    },
    /// Another schedule holds.
    Rescheduled {
        /// The application.
        id: ApplicationId,
        /// The loan with what falls due now.
        loan: Box<loan::Loan>,
    },
    /// A request for relief is under way, or not any more.
    ReliefAsked {
        /// The application.
        id: ApplicationId,
        /// The request.
        asked: Option<Asked>,
    },
    /// A relief plan is in force.
    Relieved {
        /// The application.
        id: ApplicationId,
        /// The loan with what falls due now.
        loan: Box<loan::Loan>,
        /// The plan.
        plan: InRelief,
    },
    /// Interest has fallen due: B1132.
    Accrued {
        /// The application.
        id: ApplicationId,
        /// How much; less than nothing where a reversal makes that it has not.
        interest_fen: Fen,
    },
    /// Money was received.
    Received {
        /// The application.
        id: ApplicationId,
        /// How it was split.
        receipt: Receipt,
        /// How much of its principal left B1303, fen.
        from_overdue_fen: Fen,
        /// How much of its interest left B9132, fen.
        from_off_balance_fen: Fen,
        /// The bank's reference of the money.
        reference: String,
        /// Who entered it.
        by: Person,
    },
    /// A receipt was reversed.
    Reversed {
        /// The application.
        id: ApplicationId,
        /// The receipt's number.
        no: u32,
        /// By whom, when and why.
        reversed: EntryReversed,
    },
    /// Another part of the principal is overdue: B1303.
    Moved {
        /// The application.
        id: ApplicationId,
        /// What is in B1303 now.
        overdue_fen: Fen,
    },
    /// Another part of the interest has been overdue for too long: B9132.
    Shifted {
        /// The application.
        id: ApplicationId,
        /// What is in B9132 now.
        off_balance_fen: Fen,
    },
    /// It is overdue, current again, or paid in full.
    Went {
        /// The application.
        id: ApplicationId,
        /// What happened.
        input: LoanInput,
    },
    /// Receipts are in a cut-off list of subsidies.
    Listed {
        /// The application.
        id: ApplicationId,
        /// Their numbers.
        receipts: Vec<u32>,
    },
    /// Union and guarantor were told.
    Reported {
        /// The application.
        id: ApplicationId,
        /// What.
        report: LoanReport,
    },
    /// A day was looked at.
    Looked {
        /// The application.
        id: ApplicationId,
        /// The day.
        on: Date,
    },
}

/// Applies one fact; what does not fit was refused before it was recorded.
pub(crate) fn apply(rows: &mut Rows<Row>, fact: &Fact) -> Result<(), NotLoaded> {
    match fact {
        Fact::Begun { id, terms, penalty_rate } => with_loan(rows, id, |row| {
            row.life = loan::Loan::paid_out(terms.clone(), *penalty_rate).ok().map(|loan| {
                Box::new(Life {
                    loan,
                    accrued_fen: Fen::ZERO,
                    accruals: 0,
                    overdue_fen: Fen::ZERO,
                    moved: 0,
                    off_balance_fen: Fen::ZERO,
                    shifted: 0,
                    relief_asked: None,
                    relief: None,
                    looked_on: terms.from,
                    entries: Vec::new(),
                    listed: BTreeSet::new(),
                    reports: Vec::new(),
                })
            });
        }),
        Fact::Rescheduled { id, loan } => with(rows, id, |life| life.loan = (**loan).clone()),
        Fact::ReliefAsked { id, asked } => with(rows, id, |life| life.relief_asked = *asked),
        Fact::Relieved { id, loan, plan } => with(rows, id, |life| {
            life.loan = (**loan).clone();
            life.relief = Some(*plan);
        }),
        Fact::Accrued { id, interest_fen } => with(rows, id, |life| {
            life.accrued_fen = life.accrued_fen.checked_add(*interest_fen).unwrap_or(life.accrued_fen);
            life.accruals = life.accruals.saturating_add(1);
        }),
        Fact::Received { id, receipt, from_overdue_fen, from_off_balance_fen, reference, by } => {
            with(rows, id, |life| {
                life.loan.enter(receipt.clone());
                life.off_balance_fen =
                    life.off_balance_fen.checked_sub(*from_off_balance_fen).unwrap_or(life.off_balance_fen);
                life.overdue_fen = life.overdue_fen.checked_sub(*from_overdue_fen).unwrap_or(life.overdue_fen);
                life.entries.push(Entry { reference: reference.clone(), by: by.clone(), reversed: None });
            })
        }
        Fact::Reversed { id, no, reversed } => with(rows, id, |life| {
            let _ = life.loan.reverse(*no);
            let place = usize::try_from(*no).ok().and_then(|no| no.checked_sub(1));
            if let Some(entry) = place.and_then(|place| life.entries.get_mut(place)) {
                entry.reversed = Some(reversed.clone());
            }
        }),
        Fact::Moved { id, overdue_fen } => with(rows, id, |life| {
            life.overdue_fen = *overdue_fen;
            life.moved = life.moved.saturating_add(1);
        }),
        Fact::Shifted { id, off_balance_fen } => with(rows, id, |life| {
            life.off_balance_fen = *off_balance_fen;
            life.shifted = life.shifted.saturating_add(1);
        }),
        Fact::Went { id, input } => {
            with_loan(rows, id, |loan| loan.state = loan.state.on(*input).unwrap_or(loan.state))?;
            with(rows, id, |life| {
                life.relief.take_if(|_| matches!(input, LoanInput::ReliefKept | LoanInput::ReliefBroken));
            })
        }
        Fact::Listed { id, receipts } => with(rows, id, |life| life.list(receipts)),
        Fact::Reported { id, report } => with(rows, id, |life| life.reports.push(report.clone())),
        Fact::Looked { id, on } => with(rows, id, |life| life.looked_on = *on),
    }
}

/// Changes the row of a loan.
pub(crate) fn with_loan(
    rows: &mut Rows<Row>,
    id: &ApplicationId,
    change: impl FnOnce(&mut Loan),
) -> Result<(), NotLoaded> {
    if let Some(Row::Loan(loan)) = rows.own_mut(&rows::loan(id))? {
        change(loan);
    }
    Ok(())
}

fn with(rows: &mut Rows<Row>, id: &ApplicationId, change: impl FnOnce(&mut Life)) -> Result<(), NotLoaded> {
    with_loan(rows, id, |loan| {
        if let Some(life) = &mut loan.life {
            change(life);
        }
    })
}

impl Life {
    /// The next day on which the loan has to be looked at.
    pub fn next_look(&self) -> Option<Date> {
        let called = self.relief_asked.and_then(|asked| asked.until.tomorrow().ok());
        let called = called.filter(|day| *day > self.looked_on);
        self.loan.next_look(self.looked_on, OFF_BALANCE_AFTER).into_iter().chain(called).min()
    }

    /// Until when a request for relief keeps what fell due on a day from being called overdue.
    pub fn not_called_overdue_until(&self, since: Date) -> Option<Date> {
        self.relief_asked.filter(|asked| asked.on <= since).map(|asked| asked.until)
    }
}
