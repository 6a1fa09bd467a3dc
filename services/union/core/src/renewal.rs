//! S3 Renewal (续贷): a new contract, guarantee and reservation for a firm whose loan ends in good standing. Here REPAY_FIRST: the new
//! loan is paid out on a day after the old one is settled, and not before.
//!
//! Filed from so many days before the old loan's settlement (its final maturity while it lives) until so many days after it, as the
//! charter says. The application waits before its pay-out for the old loan; its expiries run on.

use crate::{
    Fact, Row, application::WaitsForOld, origination::Origination, rows, rows::FirmRow, vocabulary::RenewalReason,
};
use domain::{ApplicationId, Charter, Date, Moment};
use organisation::Stop;
use serde::{Deserialize, Serialize};

/// What an application renews.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renewal {
    /// The application of the old loan.
    pub of: ApplicationId,
    /// Under the relief policy: why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<RenewalReason>,
}

/// Whether a renewal may be filed today: the firm's last loan, nothing of it overdue, inside its window.
pub(crate) fn may_be_filed(renewal: &Renewal, firm: &FirmRow, charter: &Charter, on: Date) -> bool {
    let Some(old) = firm.drawn.last().filter(|old| old.id == renewal.of && !old.overdue) else { return false };
    // A loan that lives past its maturity is overdue from the next day on, whether the bank has said so yet or not.
    if old.settled_on.is_none() && on > old.maturity_on {
        return false;
    }
    let ends = old.settled_on.unwrap_or(old.maturity_on);
    let days_from_it = |days: i64| Moment::start_of(ends).plus_hours(24 * days).date();
    let opens = days_from_it(-i64::from(charter.renewal_opens_days_before));
    let closes = days_from_it(i64::from(charter.renewal_closes_days_after));
    (opens..=closes).contains(&on)
}

/// Whether the pay-out has to wait for the old loan, which is noted for whoever asks; it goes on by itself.
pub(crate) fn waits(w: &mut Origination) -> Result<bool, Stop> {
    let waits_for = old_loan(w)?;
    if w.application()?.waits_for_old != waits_for {
        w.desk.record(Fact::WaitsForOldLoan { id: w.id.clone(), waits_for })?;
    }
    Ok(waits_for.is_some())
}

fn old_loan(w: &Origination) -> Result<Option<WaitsForOld>, Stop> {
    let application = w.application()?;
    let Some(renewal) = &application.renewal else { return Ok(None) };
    let Some(Row::Firm(firm)) = w.desk.own(&rows::firm(application.firm.uscc.as_str()))? else { return Ok(None) };
    let old = firm.drawn.iter().find(|old| old.id == renewal.of);
    let today = w.desk.at().date();
    Ok(old
        .filter(|old| old.settled_on.is_none_or(|on| today <= on))
        .map(|old| WaitsForOld { settled_on: old.settled_on }))
}

impl WaitsForOld {
    /// When the old loan is in the way no more: the day after its settlement; none: it is not settled.
    pub fn until(self) -> Option<Moment> {
        self.settled_on.and_then(|on| on.tomorrow().ok()).map(Moment::start_of)
    }
}

/// The firm's loan is settled: its renewal, if one waits, looks again.
pub(crate) fn looks_again(w: &mut Origination) -> Result<(), Stop> {
    let uscc = w.application()?.firm.uscc.to_string();
    let open = match w.desk.own(&rows::firm(&uscc))? {
        Some(Row::Firm(firm)) => firm.open.clone(),
        _ => None,
    };
    if let Some(open) = open.filter(|open| *open != w.id) {
        w.desk.follow(rows::application(&open));
    }
    Ok(())
}
