//! S3 Renewal (续贷): a new contract, guarantee and reservation for a firm whose loan ends in good standing.
//!
//! REPAY_FIRST: the new loan is paid out on a day after the old one is settled, and not before. NEW_REPAYS_OLD: the bank pays it out by
//! repaying the old one on that one's last day; ordered as long before as the membership that is looked up then holds. What is not ordered
//! before that day goes on as REPAY_FIRST.
//!
//! Filed from so many days before the old loan's settlement (its final maturity while it lives) until so many days after it, as the
//! charter says. The application waits before its pay-out for the old loan; its expiries run on.

use crate::{
    Fact, Row,
    application::{Reservation, WaitsForOld},
    origination::Origination,
    rows,
    rows::{Drawn, FirmRow},
    vocabulary::RenewalReason,
};
use domain::{ApplicationId, Charter, Date, Fen, Moment};
use organisation::Stop;
use serde::{Deserialize, Serialize};

/// How an old loan is repaid when it is renewed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RenewalMode {
    /// By the borrower, before the new one is paid out (先还后贷).
    #[default]
    RepayFirst,
    /// By the new one, in one posting (无还本续贷).
    NewRepaysOld,
}

/// What an application renews.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renewal {
    /// The application of the old loan.
    pub of: ApplicationId,
    /// How the old loan is repaid.
    #[serde(default)]
    pub mode: RenewalMode,
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
    let Some((mode, old)) = renewed(w)? else { return Ok(None) };
    let today = w.desk.at().date();
    if let Some(on) = old.settled_on {
        return Ok((today <= on).then_some(WaitsForOld { settled_on: Some(on), order_on: None }));
    }
    let unsettled = WaitsForOld { settled_on: None, order_on: None };
    if mode == RenewalMode::RepayFirst || today >= old.maturity_on {
        return Ok(Some(unsettled));
    }
    let order_on = order_on(w, old.maturity_on)?;
    Ok((today < order_on).then_some(WaitsForOld { order_on: Some(order_on), ..unsettled }))
}

/// What the application renews: how, and the old loan as the firm's row has it.
fn renewed(w: &Origination) -> Result<Option<(RenewalMode, Drawn)>, Stop> {
    let application = w.application()?;
    let Some(renewal) = &application.renewal else { return Ok(None) };
    let Some(Row::Firm(firm)) = w.desk.own(&rows::firm(application.firm.uscc.as_str()))? else { return Ok(None) };
    let old = firm.drawn.iter().find(|old| old.id == renewal.of).cloned();
    Ok(old.map(|old| (renewal.mode, old)))
}

/// The first day on which a look at the register still holds on the old loan's last day.
fn order_on(w: &Origination, last_day: Date) -> Result<Date, Stop> {
    let term = w.charter.membership_valid_for;
    let mut day = w.desk.at().date();
    while day < last_day && w.charter.calendar.due(term, Moment::start_of(day))?.date() < last_day {
        day = day.tomorrow().map_err(|error| Stop::Illegal(error.to_string()))?;
    }
    Ok(day)
}

/// The old loan that the pay-out that is ordered now repays, if it does.
pub(crate) fn rolls(w: &Origination) -> Result<Option<ApplicationId>, Stop> {
    let today = w.desk.at().date();
    let rolled = renewed(w)?.filter(|(mode, old)| {
        *mode == RenewalMode::NewRepaysOld && old.settled_on.is_none() && today < old.maturity_on
    });
    Ok(rolled.map(|(_, old)| old.id))
}

/// Principal of the old loan behind which the fund stands already, where the new one repays it.
pub(crate) fn stands_behind(w: &Origination) -> Result<Option<Fen>, Stop> {
    let Some((RenewalMode::NewRepaysOld, old)) = renewed(w)?.filter(|(_, old)| old.settled_on.is_none()) else {
        return Ok(None);
    };
    Ok(match w.desk.own(&rows::application(&old.id))? {
        Some(Row::Application(old)) => {
            old.reservation.as_ref().filter(|one| one.state.stands()).map(|one| one.exposed())
        }
        _ => None,
    })
}

/// The open application of the firm, if it is to repay this loan and holds what it takes beyond it.
pub(crate) fn roll_of(w: &Origination) -> Result<Option<(ApplicationId, Reservation)>, Stop> {
    let Some(Row::Firm(firm)) = w.desk.own(&rows::firm(w.application()?.firm.uscc.as_str()))? else { return Ok(None) };
    let Some(open) = firm.open.as_ref().filter(|open| **open != w.id) else { return Ok(None) };
    let Some(Row::Application(open)) = w.desk.own(&rows::application(open))? else { return Ok(None) };
    let is_it = open.renewal.as_ref().is_some_and(|renewal| renewal.of == w.id);
    let held = open.reservation.clone().filter(|one| is_it && one.rolls.is_some());
    Ok(held.map(|reservation| (open.id.clone(), reservation)))
}

impl WaitsForOld {
    /// When it looks again: the day on which a roll is ordered, or the day after the old loan's settlement; none: it is not settled.
    pub fn until(self) -> Option<Moment> {
        let after = self.settled_on.and_then(|on| on.tomorrow().ok());
        self.order_on.or(after).map(Moment::start_of)
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
