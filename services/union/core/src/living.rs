//! S5 as the union follows it: the reservation behind a loan is cut to what is still owed, and let go once everything is paid.
//!
//! The bank reports each event in the life of a loan under the loan's own number. What comes ahead of one that is missing, or before
//! the reservation is committed, waits for its turn. What does not follow from what was reported before is kept as disputed, and counts
//! for nothing.

use crate::{Fact, application::ReservationState, fund, origination::Origination, relief};
use contracts::{About, LoanReport, LoanReported, LoanReportsAsked, Message};
use organisation::Stop;

/// The bank reports an event.
pub(crate) fn reported(w: &mut Origination, said: &LoanReported) -> Result<(), Stop> {
    if w.application()?.life.followed.has(said.seq) {
        return Ok(());
    }
    w.desk.record(Fact::LoanReportKept { id: w.id.clone(), seq: said.seq, report: said.report.clone() })?;
    advance(w)?;
    let Some(from) = w.application()?.life.followed.missing_from() else { return Ok(()) };
    let charter = w.application()?.charter;
    let about = About { application_id: w.id.clone(), charter, key: format!("loan:{}", w.id) };
    w.desk.say(Message::UnionAsksLoanReports(LoanReportsAsked { about, from }));
    Ok(())
}

/// Takes what is its turn, once the reservation stands behind the loan.
pub(crate) fn advance(w: &mut Origination) -> Result<(), Stop> {
    while let Some((seq, report, fits)) = turn(w)? {
        w.desk.record(Fact::LoanReportTaken { id: w.id.clone(), seq, fits })?;
        match report {
            LoanReport::Received { .. } | LoanReport::Reversed { .. } if fits => fund::recut(w, seq)?,
            LoanReport::Settled { .. } if fits => fund::settled(w)?,
            LoanReport::ReliefEnded { no, on, kept } if fits => relief::over(w, no, on, kept)?,
            _ => {}
        }
    }
    Ok(())
}

/// The report whose turn it is, and whether it fits.
fn turn(w: &Origination) -> Result<Option<(u32, LoanReport, bool)>, Stop> {
    let application = w.application()?;
    let (Some(reservation), Some(receipt)) = (&application.reservation, &application.receipt) else { return Ok(None) };
    if reservation.state == ReservationState::Held {
        return Ok(None);
    }
    let Some((seq, report)) = application.life.followed.turn() else { return Ok(None) };
    let committed = reservation.state.stands();
    let fits = committed && application.life.fits(report, receipt.amount_fen.fen());
    Ok(Some((seq, report.clone(), fits)))
}
