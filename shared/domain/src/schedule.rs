//! Loan schedules and the arithmetic of interest (DOMAIN section 3), to the fen.
//!
//! Half-up once per period and never earlier; no floating point; splits floor, the last part takes the rest. Due dates are
//! counted from the start, so they do not drift, and are not shifted for holidays. It computes what *should* be paid; what
//! was paid is the bank's record. It refuses terms that are no loan (no days, more than [`MAX_MONTHS`]).

mod annuity;
mod share;

use jiff::ToSpan;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use share::{
    ClaimSplit, Subsidy, capacity, claim_split, compound, deferral, lpr_share, partial_subsidy, penalty, penalty_rate,
    reserve,
};

use crate::money::{Amount, Fen, Ppm, half_up};
use crate::time::Date;

/// The longest loan that is computed: fifty years. The programme's own limit is in its charter.
pub const MAX_MONTHS: u16 = 600;

/// How a loan is repaid, 还款方式.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Method {
    /// Interest to the 20th of March, June, September and December, charged the 21st; principal and the rest at maturity
    /// (按期付息到期还本).
    Bullet,
    /// The same payment every month, the last one clears (等额本息).
    EqualPayment,
    /// The same principal every month, the last row takes the rest (等额本金).
    EqualPrincipal,
}

/// How the instalment methods count a month. Bullet loans count days in either mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Mode {
    /// A whole month is a twelfth of a year; broken days are actual/360. The programme's mode.
    #[default]
    Month,
    /// Actual days of 360 throughout.
    Act,
}

/// When a loan ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// So many months after the start, clipped to the month's end.
    Months(u16),
    /// On this day.
    On(Date),
}

/// What a schedule is computed from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// How it is repaid.
    pub method: Method,
    /// What is lent.
    pub principal: Amount,
    /// Contract rate per year.
    pub rate: Ppm,
    /// Day of the pay-out: the first day that bears interest.
    pub from: Date,
    /// Maturity, which bears none.
    pub end: End,
    /// How months count.
    pub mode: Mode,
}

/// Principal that was repaid before its day, 提前部分还款.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlyPart {
    /// The day; on a due date, after what was due.
    pub on: Date,
    /// How much.
    pub principal_fen: Amount,
}

/// Principal that rests for a while, 只付利息: what of it would fall due in that time falls due on a later due date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rest {
    /// It rests from the day after this one …
    pub after: Date,
    /// … until this day.
    pub until: Date,
    /// The due date on which all of it falls due.
    pub principal_on: Date,
}

impl Rest {
    /// Whether principal of this due date rests.
    pub fn holds(&self, due_on: Date) -> bool {
        self.after < due_on && due_on <= self.until
    }
}

/// One due date. The first day of a period counts, the last does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// From 1.
    pub no: u16,
    /// First day of the period.
    pub from: Date,
    /// Due date, first day of the next period.
    pub to: Date,
    /// Days in the period.
    pub days: u32,
    /// Principal due.
    pub principal_fen: Fen,
    /// Interest due.
    pub interest_fen: Fen,
    /// Principal still owed when this row is paid.
    pub balance_fen: Fen,
}

impl Row {
    /// Principal and interest together; `None` when it does not fit.
    pub fn instalment(&self) -> Option<Fen> {
        self.principal_fen.checked_add(self.interest_fen)
    }
}

/// Why terms have no schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// The end is not after the start.
    #[error("the loan ends on {end}, which is not after its start on {from}")]
    NoDays {
        /// The start.
        from: Date,
        /// The end.
        end: Date,
    },
    /// Longer than [`MAX_MONTHS`].
    #[error("the loan runs longer than {MAX_MONTHS} months")]
    TooLong,
    /// Past the last day there is.
    #[error("a due date lies after the year 9999")]
    EndOfTime,
    /// A sum does not fit.
    #[error("a sum of the schedule is too large")]
    Overflow,
    /// A part of the principal that is not less than what is left of it.
    #[error("{left} fen are left on {on}, and a part of them has to be less")]
    NoPart {
        /// The day asked for.
        on: Date,
        /// What is left.
        left: Fen,
    },
    /// A prepayment that is not inside the loan's life.
    #[error("a prepayment on {on} is not after {from} and before {end}")]
    OutsideLife {
        /// The day asked for.
        on: Date,
        /// The start.
        from: Date,
        /// The maturity.
        end: Date,
    },
}

impl Terms {
    /// The day of maturity.
    ///
    /// # Errors
    /// When the loan has no days, is too long, or ends after the year 9999.
    pub fn maturity(&self) -> Result<Date, ScheduleError> {
        let end = match self.end {
            End::Months(n) => add_months(self.from, n)?,
            End::On(day) => day,
        };
        if end <= self.from {
            return Err(ScheduleError::NoDays { from: self.from, end });
        }
        match add_months(self.from, MAX_MONTHS) {
            Ok(last) if end > last => Err(ScheduleError::TooLong),
            _ => Ok(end),
        }
    }

    /// Due dates in order, the maturity last.
    fn due_dates(&self) -> Result<Vec<Date>, ScheduleError> {
        let end = self.maturity()?;
        let mut dates = Vec::new();
        match self.method {
            Method::Bullet => {
                let mut day = quarter_day_after(self.from)?;
                while day < end {
                    dates.push(day);
                    day = quarter_day_after(day)?;
                }
            }
            Method::EqualPayment | Method::EqualPrincipal => {
                for k in 1..=MAX_MONTHS {
                    match add_months(self.from, k) {
                        Ok(day) if day < end => dates.push(day),
                        _ => break,
                    }
                }
            }
        }
        dates.push(end);
        Ok(dates)
    }

    /// Interest of a period: a twelfth of a year for a whole month of an instalment loan in mode MONTH, else by days.
    fn period_interest(&self, balance: Fen, no: u16, to: Date, days: u32) -> Result<Fen, ScheduleError> {
        let whole_month =
            self.method != Method::Bullet && self.mode == Mode::Month && add_months(self.from, no) == Ok(to);
        let interest =
            if whole_month { month_interest(balance, self.rate) } else { interest(balance, self.rate, days) };
        interest.ok_or(ScheduleError::Overflow)
    }
}

/// The rows of a loan, in order; their principal sums up to the loan and the last one leaves a balance of zero.
///
/// An instalment loan that does not end on a whole month has a broken last row, counted in days; it is one of the n rows
/// that the level payment is computed for. Where a level payment does not cover a period's interest (only at rates far
/// beyond any charter's cap, in mode ACT), the row bears the interest and no principal.
///
/// # Errors
/// See [`ScheduleError`].
pub fn schedule(terms: &Terms) -> Result<Vec<Row>, ScheduleError> {
    schedule_after(terms, &[], &[])
}

/// The rows of a loan of which parts were repaid early, each with the interest on it since the last due date, or of which principal
/// rests. The due dates stay; from the row in which a part was repaid on, interest is that of what is left, and the instalments are
/// those of what is left over the rows that are left. Principal that rests bears interest until its day.
///
/// # Errors
/// See [`ScheduleError`]; [`ScheduleError::NoPart`] where a part leaves nothing.
pub fn schedule_after(terms: &Terms, parts: &[EarlyPart], rests: &[Rest]) -> Result<Vec<Row>, ScheduleError> {
    let dates = terms.due_dates()?;
    let n = u16::try_from(dates.len()).map_err(|_| ScheduleError::TooLong)?;
    let instalment = |balance: Amount, rows: u16| match terms.method {
        Method::Bullet => Ok(Fen::ZERO),
        Method::EqualPayment => annuity::payment(balance, terms.rate, rows).ok_or(ScheduleError::Overflow),
        Method::EqualPrincipal => balance.fen().floor_ratio(1, u32::from(rows)).ok_or(ScheduleError::Overflow),
    };
    let mut base = instalment(terms.principal, n)?;
    let mut rows = Vec::with_capacity(dates.len());
    let mut held = vec![Fen::ZERO; rests.len()];
    let (mut from, mut balance) = (terms.from, terms.principal.fen());
    for (no, to) in (1..=n).zip(dates) {
        for part in parts.iter().filter(|part| from <= part.on && part.on < to) {
            let no_part = ScheduleError::NoPart { on: part.on, left: balance };
            let left = balance.checked_sub(part.principal_fen.fen()).and_then(|left| Amount::new(left).ok());
            let left = left.ok_or(no_part)?;
            balance = left.fen();
            base = instalment(left, n.saturating_sub(no).saturating_add(1))?;
        }
        let days = days_between(from, to);
        let interest_fen = terms.period_interest(balance, no, to, days)?;
        let part = match terms.method {
            _ if no == n => balance,
            Method::Bullet | Method::EqualPrincipal => base,
            Method::EqualPayment => base.checked_sub(interest_fen).ok_or(ScheduleError::Overflow)?,
        };
        let mut principal_fen = part.clamp(Fen::ZERO, balance);
        for (rest, held) in rests.iter().zip(&mut held).filter(|_| no != n) {
            if rest.holds(to) {
                *held = held.checked_add(principal_fen).ok_or(ScheduleError::Overflow)?;
                principal_fen = Fen::ZERO;
            } else if rest.principal_on == to {
                let all = principal_fen.checked_add(std::mem::take(held)).ok_or(ScheduleError::Overflow)?;
                principal_fen = all.min(balance);
            }
        }
        balance = balance.checked_sub(principal_fen).ok_or(ScheduleError::Overflow)?;
        rows.push(Row { no, from, to, days, principal_fen, interest_fen, balance_fen: balance });
        from = to;
    }
    Ok(rows)
}

/// The level payment of an equal-payment loan over its n rows, rounded once (golden G3: 1,312,785).
///
/// # Errors
/// See [`ScheduleError`].
pub fn level_payment(terms: &Terms) -> Result<Fen, ScheduleError> {
    let n = u16::try_from(terms.due_dates()?.len()).map_err(|_| ScheduleError::TooLong)?;
    annuity::payment(terms.principal, terms.rate, n).ok_or(ScheduleError::Overflow)
}

/// The rows of a loan that is repaid in full on a day before its maturity (golden G13): rows due before that day as they
/// were, then one with the whole balance and the interest of the broken period in actual days. On a due date that row bears
/// its own interest and the whole balance.
///
/// # Errors
/// See [`ScheduleError`]; [`ScheduleError::OutsideLife`] when the day is not inside the loan's life.
pub fn prepay(terms: &Terms, on: Date) -> Result<Vec<Row>, ScheduleError> {
    prepay_after(terms, &[], &[], on)
}

/// The same for a loan of which parts were repaid early before, or principal rests.
///
/// # Errors
/// As [`prepay`] and [`schedule_after`].
pub fn prepay_after(terms: &Terms, parts: &[EarlyPart], rests: &[Rest], on: Date) -> Result<Vec<Row>, ScheduleError> {
    let end = terms.maturity()?;
    if on <= terms.from || on >= end {
        return Err(ScheduleError::OutsideLife { on, from: terms.from, end });
    }
    let mut rows = schedule_after(terms, parts, rests)?;
    let kept = rows.iter().take_while(|row| row.to < on).count();
    rows.truncate(kept.saturating_add(1));
    if let Some(row) = rows.last_mut() {
        let balance = row.balance_fen.checked_add(row.principal_fen).ok_or(ScheduleError::Overflow)?;
        row.to = on;
        row.days = days_between(row.from, on);
        row.principal_fen = balance;
        row.interest_fen = terms.period_interest(balance, row.no, on, row.days)?;
        row.balance_fen = Fen::ZERO;
    }
    Ok(rows)
}

/// Interest of so many days: `half_up(balance × ppm × days / 360,000,000)`, actual/360 (DOMAIN section 3).
///
/// `None` for a negative balance, or when it does not fit.
pub fn interest(balance: Fen, rate: Ppm, days: u32) -> Option<Fen> {
    per_year(balance, rate, i128::from(days), 360)
}

/// Interest of a whole month: `half_up(balance × ppm / 12,000,000)`.
///
/// `None` for a negative balance, or when it does not fit.
pub fn month_interest(balance: Fen, rate: Ppm) -> Option<Fen> {
    per_year(balance, rate, 1, 12)
}

fn per_year(balance: Fen, rate: Ppm, units: i128, units_per_year: i128) -> Option<Fen> {
    if balance.is_negative() {
        return None;
    }
    let numerator = (i128::from(balance.get()) * i128::from(rate.get())).checked_mul(units)?;
    half_up(numerator, units_per_year * i128::from(Ppm::WHOLE.get()))
}

/// The day so many months later, clipped to the month's end: 31 January and one month is 28 or 29 February.
///
/// # Errors
/// [`ScheduleError::EndOfTime`].
pub fn add_months(from: Date, months: u16) -> Result<Date, ScheduleError> {
    from.checked_add(i32::from(months).months()).map_err(|_| ScheduleError::EndOfTime)
}

/// Days from one day to a later one, the first counted and the last not; 0 when it is not later.
pub fn days_between(from: Date, to: Date) -> u32 {
    u32::try_from(to.duration_since(from).as_hours() / 24).unwrap_or(0)
}

/// The next 21st of March, June, September or December.
fn quarter_day_after(day: Date) -> Result<Date, ScheduleError> {
    let years = [Some(day.year()), day.year().checked_add(1)];
    years
        .into_iter()
        .flatten()
        .flat_map(|year| [3, 6, 9, 12].map(|month| Date::new(year, month, 21)))
        .filter_map(Result::ok)
        .find(|charged| *charged > day)
        .ok_or(ScheduleError::EndOfTime)
}
