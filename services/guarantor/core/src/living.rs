//! S5 as the guarantor follows it: its liability falls with the principal, and the letter is let go once everything is paid.
//!
//! The bank reports each event in the life of a loan under the loan's own number. What comes ahead of one that is missing, or before
//! the letter is effective, waits for its turn. What does not follow from what was reported before is a person's business: an
//! incident, recorded, nothing booked.

use crate::{
    Fact, books,
    case::{IncidentKind, LetterState},
    opinion, relief,
    requests::World,
};
use contracts::{LoanReport, LoanReported, LoanReportsAsked, Message};
use domain::Fen;
use organisation::Stop;

/// The bank reports an event.
pub(crate) fn reported(w: &mut World<'_>, said: &LoanReported) -> Result<(), Stop> {
    let Some(case) = w.case()? else {
        let detail = format!("第 {} 号报告：{}", said.seq, said.report.zh());
        return w.raise(IncidentKind::BankContradicts, detail);
    };
    if case.life.followed.has(said.seq) {
        return Ok(());
    }
    w.record(Fact::LoanReportKept { id: w.id.clone(), seq: said.seq, report: said.report.clone() })?;
    advance(w)?;
    let missing = w.case()?.and_then(|case| case.life.followed.missing_from());
    let Some(from) = missing else { return Ok(()) };
    let about = w.about(&format!("loan:{}", w.id))?;
    w.desk.say(Message::GuarantorAsksLoanReports(LoanReportsAsked { about, from }));
    Ok(())
}

/// Takes what is its turn, once the letter is effective.
pub(crate) fn advance(w: &mut World<'_>) -> Result<(), Stop> {
    while let Some((seq, report, lent, fits)) = turn(w)? {
        w.record(Fact::LoanReportTaken { id: w.id.clone(), seq, fits })?;
        if !fits {
            w.raise(IncidentKind::BankContradicts, format!("第 {seq} 号报告：{}", report.zh()))?;
            continue;
        }
        match &report {
            LoanReport::Received { receipt } => {
                books::repaid(w, receipt.no, receipt.principal_fen)?;
                expose_outstanding(w, lent)?;
            }
            LoanReport::Reversed { receipt, .. } => {
                books::repayment_reversed(w, receipt.no, receipt.principal_fen)?;
                expose_outstanding(w, lent)?;
            }
            LoanReport::Overdue { .. } | LoanReport::Current {} | LoanReport::ReliefEnded { .. } => {}
            LoanReport::Rescheduled { .. } => relief::record_if_said(w)?,
            LoanReport::Settled { .. } => w.record(Fact::LetterReleased { id: w.id.clone() })?,
        }
    }
    Ok(())
}

/// The report whose turn it is, what was lent, and whether it fits.
fn turn(w: &World<'_>) -> Result<Option<(u32, LoanReport, Fen, bool)>, Stop> {
    Ok(w.case()?.and_then(|case| {
        let (letter, loan) = (case.letter.as_ref()?, case.loan.as_ref()?);
        let begun = matches!(letter.state, LetterState::Effective | LetterState::Released);
        let (seq, report) = case.life.followed.turn().filter(|_| begun)?;
        let lent = loan.amount_fen.fen();
        let fits = letter.state == LetterState::Effective && case.life.fits(report, lent);
        Some((seq, report.clone(), lent, fits))
    }))
}

/// The limits carry the principal that is still owed.
fn expose_outstanding(w: &mut World<'_>, lent: Fen) -> Result<(), Stop> {
    let outstanding = w.case()?.and_then(|case| case.life.outstanding(lent));
    opinion::expose(w, outstanding.ok_or_else(|| Stop::Illegal("a sum of the loan is too large".into()))?)
}
