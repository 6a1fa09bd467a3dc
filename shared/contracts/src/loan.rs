//! What the bank reports of a loan that is paid out (DOMAIN.md section 2, S5), numbered per loan, and how a reader follows it.

use crate::About;
use domain::{Date, Fen};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Bank → union, guarantor: one event in the life of a loan. Each is said to both, under the same number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoanReported {
    /// Application, charter and key.
    pub about: About,
    /// Counts the reports on this loan, from 1, without a gap.
    pub seq: u32,
    /// What happened.
    pub report: LoanReport,
}

/// Union, guarantor → bank: say again what you have reported on this loan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoanReportsAsked {
    /// Application, charter and key.
    pub about: About,
    /// The number from which reports are missing.
    pub from: u32,
}

/// An event in the life of a loan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LoanReport {
    /// Money was received and split.
    Received {
        /// Which.
        receipt: LoanReceipt,
    },
    /// A wrong receipt was reversed: it counts as if it had not come.
    Reversed {
        /// The receipt, as it was reported; its `outstanding_fen` is what is owed now.
        receipt: LoanReceipt,
        /// On which day.
        #[schemars(with = "String")]
        on: Date,
    },
    /// Something has not been paid on its day.
    Overdue {
        /// The first day whose due is not paid.
        #[schemars(with = "String")]
        since: Date,
    },
    /// Nothing is overdue any more.
    Current {},
    /// Everything is paid: nothing is owed and nothing will fall due.
    Settled {
        /// Value date of the last receipt.
        #[schemars(with = "String")]
        on: Date,
        /// Whether it was repaid in full before its final maturity.
        prepaid: bool,
    },
    /// Another schedule holds from now on.
    Rescheduled {
        /// Which.
        schedule: LoanSchedule,
    },
    /// A relief plan is over.
    ReliefEnded {
        /// The number of its request.
        no: u32,
        /// Since when.
        #[schemars(with = "String")]
        on: Date,
        /// Whether everything that it had moved was paid on its day.
        kept: bool,
    },
}

/// What falls due from a day on, in place of what was to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoanSchedule {
    /// Counts the schedules of the loan; the first is that of its contract.
    pub version: u32,
    /// Last day of the loan.
    #[schemars(with = "String")]
    pub maturity_on: Date,
    /// The number of the relief request by whose plan it changed; none: a part was repaid early.
    pub relief: Option<u32>,
    /// Everything that falls due under it, past and to come, by day.
    pub dues: Vec<LoanDue>,
}

/// What falls due on a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoanDue {
    /// The day.
    #[schemars(with = "String")]
    pub on: Date,
    /// Principal, fen.
    pub principal_fen: Fen,
    /// Contract interest, fen.
    pub interest_fen: Fen,
    /// Whether the interest was deferred from another day.
    pub deferred: bool,
}

impl LoanReport {
    /// The event as people read it.
    pub fn zh(&self) -> String {
        match self {
            LoanReport::Received { receipt } => {
                let LoanReceipt { no, value_date, principal_fen, interest_fen, penalty_fen, outstanding_fen } = receipt;
                let penalty = match *penalty_fen {
                    Fen::ZERO => String::new(),
                    fen => format!("、罚息复利 {fen}"),
                };
                let split = format!("本金 {principal_fen}、利息 {interest_fen}{penalty} 元");
                format!("第 {no} 笔收款，起息日 {value_date}，{split}，剩余本金 {outstanding_fen} 元")
            }
            LoanReport::Reversed { receipt, on } => {
                format!("{on} 冲正第 {} 笔收款，剩余本金 {} 元", receipt.no, receipt.outstanding_fen)
            }
            LoanReport::Overdue { since } => format!("{since} 到期款项未还，贷款逾期"),
            LoanReport::Current {} => "逾期款项已还清".to_owned(),
            LoanReport::Settled { on, prepaid: false } => format!("{on} 结清"),
            LoanReport::Settled { on, prepaid: true } => format!("{on} 提前结清"),
            LoanReport::Rescheduled { schedule } => {
                let why = if schedule.relief.is_some() { "按纾困方案" } else { "因部分提前还款" };
                format!("{why}变更还款计划（第 {} 版），到期日 {}", schedule.version, schedule.maturity_on)
            }
            LoanReport::ReliefEnded { on, kept: true, .. } => format!("{on} 纾困方案履行完毕"),
            LoanReport::ReliefEnded { on, kept: false, .. } => format!("{on} 纾困方案未能履行"),
        }
    }

    /// The event in one word, for timelines.
    pub const fn event(&self) -> &'static str {
        match self {
            LoanReport::Received { .. } => "received",
            LoanReport::Reversed { .. } => "undone",
            LoanReport::Overdue { .. } => "overdue",
            LoanReport::Current {} => "current",
            LoanReport::Settled { .. } => "settled",
            LoanReport::Rescheduled { .. } => "rescheduled",
            LoanReport::ReliefEnded { .. } => "relief",
        }
    }
}

/// A receipt and how it was split.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoanReceipt {
    /// Counts the receipts of the loan, from 1.
    pub no: u32,
    /// Value date.
    #[schemars(with = "String")]
    pub value_date: Date,
    /// Principal, fen.
    pub principal_fen: Fen,
    /// Contract interest, fen.
    pub interest_fen: Fen,
    /// Penalty and compound interest, fen.
    pub penalty_fen: Fen,
    /// Principal that is owed after it, fen.
    pub outstanding_fen: Fen,
}

/// The reports on one loan as a reader has them: how many were taken, and what came ahead of one that is missing. Cannot be wrong
/// about the order: what is taken is always the next.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Followed {
    taken: u32,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    ahead: BTreeMap<u32, LoanReport>,
}

impl Followed {
    /// Whether a report of this number is here already, taken or not.
    pub fn has(&self, seq: u32) -> bool {
        seq <= self.taken || self.ahead.contains_key(&seq)
    }

    /// Keeps a report until it is its turn; one that is here already changes nothing.
    pub fn keep(&mut self, seq: u32, report: LoanReport) {
        if !self.has(seq) {
            self.ahead.insert(seq, report);
        }
    }

    /// The report whose turn it is, with its number; none: it has not come.
    pub fn turn(&self) -> Option<(u32, &LoanReport)> {
        let next = self.taken.saturating_add(1);
        self.ahead.get(&next).map(|report| (next, report))
    }

    /// The report whose turn it was is taken.
    pub fn take(&mut self) {
        let next = self.taken.saturating_add(1);
        if self.ahead.remove(&next).is_some() {
            self.taken = next;
        }
    }

    /// The number from which reports are missing; none: nothing came ahead of another.
    pub fn missing_from(&self) -> Option<u32> {
        let first = self.ahead.keys().next()?;
        let next = self.taken.saturating_add(1);
        (*first > next).then_some(next)
    }

    /// How many were taken.
    pub const fn taken(&self) -> u32 {
        self.taken
    }
}

/// A loan as those who do not keep it know it from the bank's reports: the bank's record is the truth of a repayment, and each of them
/// keeps what follows from it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoanLife {
    /// What was reported.
    pub followed: Followed,
    /// The receipts, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub receipts: Vec<KnownReceipt>,
    /// The first day whose due is not paid, while something is overdue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overdue_since: Option<Date>,
    /// How and when everything was paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled: Option<Settled>,
    /// The schedule that holds, once it is another than that of the contract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<LoanSchedule>,
    /// The relief plan that is in force, by the number of its request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relief: Option<u32>,
    /// Whether something was ever called overdue.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub was_overdue: bool,
}

/// A receipt as it was reported, and whether it still counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownReceipt {
    /// The receipt.
    #[serde(flatten)]
    pub receipt: LoanReceipt,
    /// The day on which it was reversed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reversed_on: Option<Date>,
}

/// A loan that is paid in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// Value date of the last receipt.
    pub on: Date,
    /// Whether before its final maturity.
    pub prepaid: bool,
}

/// Where a loan stands by the reports that were taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LoanStanding {
    /// ACTIVE, OVERDUE, RELIEF, SETTLED or PREPAID.
    #[serde(rename = "loan_state")]
    pub state: &'static str,
    /// Principal that is owed, fen.
    pub outstanding_fen: Option<Fen>,
    /// The first day whose due is not paid.
    pub overdue_since: Option<Date>,
    /// Value date of the last receipt, once everything is paid.
    pub settled_on: Option<Date>,
}

impl LoanLife {
    /// Where the loan stands, of which so much was lent.
    pub fn standing(&self, lent: Fen) -> LoanStanding {
        let state = match (&self.settled, self.overdue_since) {
            (Some(Settled { prepaid: true, .. }), _) => "PREPAID",
            (Some(_), _) => "SETTLED",
            (None, _) if self.relief.is_some() => "RELIEF",
            (None, Some(_)) => "OVERDUE",
            (None, None) => "ACTIVE",
        };
        LoanStanding {
            state,
            outstanding_fen: self.outstanding(lent),
            overdue_since: self.overdue_since,
            settled_on: self.settled.map(|settled| settled.on),
        }
    }

    /// Whether nothing was ever reported.
    pub fn is_empty(&self) -> bool {
        *self == LoanLife::default()
    }

    /// Principal that is owed of what was lent. `None`: the sums do not fit.
    pub fn outstanding(&self, lent: Fen) -> Option<Fen> {
        let counted = self.receipts.iter().filter(|known| known.reversed_on.is_none());
        lent.checked_sub(Fen::sum(counted.map(|known| known.receipt.principal_fen))?)
    }

    /// Whether a report follows from those before it: it names a receipt that fits, and the principal that is owed then.
    pub fn fits(&self, report: &LoanReport, lent: Fen) -> bool {
        let Some(outstanding) = self.outstanding(lent).filter(|_| self.settled.is_none()) else { return false };
        match report {
            LoanReport::Received { receipt } => {
                let parts = [receipt.principal_fen, receipt.interest_fen, receipt.penalty_fen];
                let left = outstanding.checked_sub(receipt.principal_fen);
                usize::try_from(receipt.no) == Ok(self.receipts.len().saturating_add(1))
                    && parts.iter().all(|part| !part.is_negative())
                    && left == Some(receipt.outstanding_fen)
                    && !receipt.outstanding_fen.is_negative()
            }
            LoanReport::Reversed { receipt, .. } => {
                let known = self.receipts.iter().find(|known| known.receipt.no == receipt.no);
                let again = outstanding.checked_add(receipt.principal_fen);
                again == Some(receipt.outstanding_fen)
                    && known.is_some_and(|known| {
                        let then = LoanReceipt { outstanding_fen: receipt.outstanding_fen, ..known.receipt.clone() };
                        known.reversed_on.is_none() && then == *receipt
                    })
            }
            LoanReport::Overdue { .. } | LoanReport::Current {} => true,
            LoanReport::Settled { .. } => outstanding == Fen::ZERO,
            LoanReport::Rescheduled { schedule } => {
                schedule.version > self.schedule.as_ref().map_or(1, |known| known.version)
            }
            LoanReport::ReliefEnded { no, .. } => self.relief == Some(*no),
        }
    }

    /// Takes the report whose turn it is; one that does not fit is passed over.
    pub fn take(&mut self, fits: bool) {
        let Some((_, report)) = self.followed.turn() else { return };
        if fits {
            match report.clone() {
                LoanReport::Received { receipt } => self.receipts.push(KnownReceipt { receipt, reversed_on: None }),
                LoanReport::Reversed { receipt, on } => {
                    for known in self.receipts.iter_mut().filter(|known| known.receipt.no == receipt.no) {
                        known.reversed_on = Some(on);
                    }
                }
                LoanReport::Overdue { since } => {
                    self.overdue_since = Some(since);
                    self.was_overdue = true;
                }
                LoanReport::Current {} => self.overdue_since = None,
                LoanReport::Settled { on, prepaid } => {
                    self.overdue_since = None;
                    self.settled = Some(Settled { on, prepaid });
                }
                LoanReport::Rescheduled { schedule } => {
                    self.relief = schedule.relief.or(self.relief);
                    self.schedule = Some(schedule);
                }
                LoanReport::ReliefEnded { .. } => self.relief = None,
            }
        }
        self.followed.take();
    }
}
