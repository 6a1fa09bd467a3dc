//! What the partners answered: first the domain facts that the answer carries, then the saga's event.
//!
//! An answer that fits nothing the union asked is refused: it changes nothing and is audited. One that goes beyond what was
//! asked, or contradicts it, changes nothing either, but is kept, and a person is called.

use crate::{
    Fact, Reason,
    application::{Application, Approval, Disputed, DisputedAnswer, Opinion, Said},
    fund,
    origination::Origination,
    vocabulary::Contradiction,
};
use contracts::{
    AskRefused, CreditDecided, CreditDecision, DisbursementReport, DisbursementReported, GuaranteeAssessed,
    GuaranteeOpinion, LetterIssued, LoanContractSigned, Message, NotPosted, PayoutReversed, UndoAnswered,
};
use domain::Amount;
use organisation::{Refusal, RefusalKind, Stop};
use saga::{Event, Outcome, State};

/// The event that a message means for the saga; domain facts are recorded on the way.
pub(crate) fn event(w: &mut Origination, message: &Message) -> Result<Event<Reason>, Stop> {
    let (key, step) = (message.key(), step(w, message)?.to_owned());
    let asked_so = w.application()?.run.step(&step).is_some_and(|run| run.key.as_ref() == Some(&key));
    if asked_so && let Some((contradiction, said)) = misfit(w, message)? {
        let answer = DisputedAnswer { key, said };
        if !w.application()?.disputed_answers.contains(&answer) {
            w.desk.record(Fact::AnswerDisputed { id: w.id.clone(), step: step.clone(), answer })?;
        }
        return Ok(Event::Contradicted { step, reason: Reason::Contradiction(contradiction) });
    }
    let outcome = match message {
        Message::GuaranteeAssessed(answer) => assessed(w, answer)?,
        Message::CreditDecided(answer) => decided(w, answer)?,
        Message::LetterIssued(answer) => issued(w, answer)?,
        Message::LoanContractSigned(answer) => signed(w, answer)?,
        Message::DisbursementReported(answer) => return reported(w, answer),
        Message::OpinionWithdrawn(answer)
        | Message::ApprovalCancelled(answer)
        | Message::ContractsTerminated(answer)
        | Message::LetterRevoked(answer)
        | Message::LoanContractTerminated(answer) => undone(answer),
        Message::GuarantorRefused(answer) | Message::BankRefused(answer) => not_taken_up(&step, answer),
        _ => Outcome::Done,
    };
    Ok(Event::Answered { step, key, outcome })
}

/// The step that a message answers.
fn step(w: &Origination, message: &Message) -> Result<&'static str, Stop> {
    Ok(match message {
        Message::GuaranteeAssessed(_) | Message::OpinionWithdrawn(_) => "assess guarantee",
        Message::CreditDecided(_) | Message::ApprovalCancelled(_) => "approve credit",
        Message::ContractsSigned(_) | Message::ContractsTerminated(_) => "sign contracts",
        Message::LetterIssued(_) | Message::LetterRevoked(_) => "issue letter",
        Message::LoanContractSigned(_) | Message::LoanContractTerminated(_) => "sign loan contract",
        Message::DisbursementReported(_) => DISBURSE,
        Message::LetterActivated(_) => "make letter effective",
        Message::GuarantorRefused(answer) | Message::BankRefused(answer) => asked_under(w, &answer.about.key)?,
        other => return Err(Stop::Illegal(format!("{} is not said to the union", other.kind().name()))),
    })
}

/// What of an answer does not fit what was asked. What the bank says of a pay-out is looked at where it is heard.
fn misfit(w: &Origination, message: &Message) -> Result<Option<(Contradiction, Said)>, Stop> {
    let application = w.application()?;
    let above = |given: Amount, asked: Amount| {
        (given.fen() > asked.fen()).then_some((Contradiction::AmountAboveAsked, Said::AmountFen(given)))
    };
    let Some(about) = message.about() else { return Ok(None) };
    let asked = application.wish.amount_fen;
    Ok(match message {
        Message::DisbursementReported(_) => None,
        _ if about.charter != application.charter => Some((Contradiction::OtherCharter, Said::Charter(about.charter))),
        Message::GuaranteeAssessed(GuaranteeAssessed {
            opinion: GuaranteeOpinion::Agreed { amount_fen, .. }, ..
        }) => above(*amount_fen, asked),
        Message::CreditDecided(CreditDecided { decision: CreditDecision::Approved { amount_fen, .. }, .. }) => {
            above(*amount_fen, w.asked_of_bank_fen()?)
        }
        Message::LetterIssued(LetterIssued { letter, .. }) if !letter.is_intact() => {
            Some((Contradiction::LetterHash, Said::Letter(letter.clone())))
        }
        Message::LetterIssued(LetterIssued { letter, .. })
            if is_awaited(w, "issue letter", &about.key)? && letter.amount_fen != w.approved_fen()? =>
        {
            Some((Contradiction::LetterAmount, Said::Letter(letter.clone())))
        }
        _ => None,
    })
}

/// Whether the step's answer still matters: it was asked under this key and has not been answered or undone.
fn is_awaited(w: &Origination, step: &str, key: &str) -> Result<bool, Stop> {
    let run = &w.application()?.run;
    Ok(run.ending().is_none()
        && run.step(step).is_some_and(|s| s.key.as_deref() == Some(key) && matches!(s.state, State::Asked { .. })))
}

fn assessed(w: &mut Origination, answer: &GuaranteeAssessed) -> Result<Outcome<Reason>, Stop> {
    match &answer.opinion {
        GuaranteeOpinion::Agreed { amount_fen, conditions } => {
            if is_awaited(w, "assess guarantee", &answer.about.key)? {
                let opinion = Opinion { amount_fen: *amount_fen, conditions: conditions.clone() };
                w.desk.record(Fact::OpinionGiven { id: w.id.clone(), opinion })?;
                fund::shrink(w, *amount_fen)?;
            }
            Ok(Outcome::Done)
        }
        GuaranteeOpinion::Declined { reason } => Ok(Outcome::Refused(Reason::Guarantor(*reason))),
    }
}

fn decided(w: &mut Origination, answer: &CreditDecided) -> Result<Outcome<Reason>, Stop> {
    match &answer.decision {
        CreditDecision::Approved { amount_fen, rate_ppm, method } => {
            if is_awaited(w, "approve credit", &answer.about.key)? {
                let approval = Approval { amount_fen: *amount_fen, rate_ppm: *rate_ppm, method: *method };
                w.desk.record(Fact::CreditApproved { id: w.id.clone(), approval })?;
                fund::shrink(w, *amount_fen)?;
            }
            Ok(Outcome::Done)
        }
        CreditDecision::Declined { reason } => Ok(Outcome::Refused(Reason::Bank(*reason))),
    }
}

fn issued(w: &mut Origination, answer: &LetterIssued) -> Result<Outcome<Reason>, Stop> {
    if is_awaited(w, "issue letter", &answer.about.key)? {
        w.desk.record(Fact::LetterNoted { id: w.id.clone(), letter: answer.letter.clone() })?;
    }
    Ok(Outcome::Done)
}

fn signed(w: &mut Origination, answer: &LoanContractSigned) -> Result<Outcome<Reason>, Stop> {
    if is_awaited(w, "sign loan contract", &answer.about.key)? {
        let contract_no = answer.contract_no.clone();
        w.desk.record(Fact::ContractNoted { id: w.id.clone(), contract_no })?;
    }
    Ok(Outcome::Done)
}

/// What the bank says of a pay-out. What contradicts its earlier word or the agreement changes nothing: the statement is
/// kept, and a person is called.
fn reported(w: &mut Origination, answer: &DisbursementReported) -> Result<Event<Reason>, Stop> {
    let DisbursementReported { about, report } = answer;
    let (step, key) = (DISBURSE.to_owned(), about.key.clone());
    let other_charter = (w.application()?.charter != about.charter).then_some(Contradiction::OtherCharter);
    if let Some(contradiction) = contradiction(w.application()?, &key, report).or(other_charter) {
        let disputed = Disputed { key, report: report.clone() };
        if !w.application()?.disputed.contains(&disputed) {
            w.desk.record(Fact::ReportDisputed { id: w.id.clone(), disputed })?;
        }
        return Ok(Event::Contradicted { step, reason: Reason::Contradiction(contradiction) });
    }
    let outcome = match report {
        DisbursementReport::Posted { receipt } => {
            if w.application()?.receipt.is_none() {
                w.desk.record(Fact::Disbursed { id: w.id.clone(), receipt: receipt.clone() })?;
            }
            Outcome::Done
        }
        DisbursementReport::NotPosted { why } => not_made(*why),
        DisbursementReport::Unknown => Outcome::Unknown,
        DisbursementReport::Closed => Outcome::Closed,
    };
    Ok(Event::Answered { step, key, outcome })
}

/// The bank has reversed the pay-out on its own day: the firm has no loan, and the fund is free again, now or once what follows a
/// pay-out is done.
///
/// # Errors
/// A refusal, which is journaled, if it is not the pay-out that is known here.
pub(crate) fn reversed(w: &mut Origination, said: &PayoutReversed) -> Result<(), Stop> {
    let application = w.application()?;
    // Its word of the pay-out itself may come later: a parked message is decided when people have seen to it.
    let is_another = application.receipt.as_ref().is_some_and(|known| *known != said.receipt);
    if is_another || said.on != said.receipt.value_date {
        let detail = format!("{}: no such pay-out was reported", w.id);
        return Err(Refusal::new(RefusalKind::Conflict, "UNKNOWN_PAY_OUT", "无此放款", detail).into());
    }
    if application.reversed_on.is_some() {
        return Ok(());
    }
    w.desk.record(Fact::PayoutReversed { id: w.id.clone(), on: said.on })?;
    fund::let_go(w)
}

const DISBURSE: &str = "disburse";

/// Whether the report excludes what is known: of the receipt, of the key, of the amount.
fn contradiction(application: &Application, key: &str, report: &DisbursementReport) -> Option<Contradiction> {
    use DisbursementReport as R;
    let current = application.run.step(DISBURSE).filter(|step| step.key.as_deref() == Some(key));
    let state = current.map(|step| &step.state);
    match (report, &application.receipt) {
        (R::Posted { receipt }, Some(known)) if receipt == known && current.is_some() => None,
        (R::Posted { .. }, Some(_)) => Some(Contradiction::PostedTwice),
        (R::Posted { receipt }, None) => match state {
            Some(State::Asked { .. } | State::Closing { .. }) => {
                let agreed = application.reservation.as_ref().map(|reservation| reservation.exposure_fen);
                (agreed != Some(receipt.amount_fen)).then_some(Contradiction::AmountDiffers)
            }
            _ => Some(Contradiction::PostedUnasked),
        },
        (R::NotPosted { .. } | R::Closed, Some(_)) if current.is_some() => Some(Contradiction::PostedDenied),
        (R::Closed, None) if matches!(state, Some(State::Asked { .. })) => Some(Contradiction::ClosedUnasked),
        _ => None,
    }
}

/// A pay-out that was not made leaves the application READY (S4). It is ordered again by itself where that can help: the
/// register is looked at anew, or the bank's system may have come to its senses. All else is a person's to mend first.
const fn not_made(why: NotPosted) -> Outcome<Reason> {
    match why {
        // What could not repay the old loan waits for its settlement then.
        NotPosted::MembershipStale | NotPosted::NothingToRoll | NotPosted::RollDayPassed | NotPosted::RefusedByCore => {
            Outcome::NotDone(Reason::NotPosted(why))
        }
        NotPosted::NoContract
        | NotPosted::LetterNotIssued
        | NotPosted::LetterExpired
        | NotPosted::ReservationDiffers
        | NotPosted::AmountDiffers
        | NotPosted::RateAboveCap => Outcome::Blocked(Reason::NotPosted(why)),
    }
}

fn undone(answer: &UndoAnswered) -> Outcome<Reason> {
    match &answer.refused {
        None => Outcome::Undone,
        Some(why) => Outcome::UndoRefused(Reason::Partner(why.clone())),
    }
}

/// A partner does not take up an ask: the step that sent the key is refused. A pay-out is not: that waits for a person.
fn not_taken_up(step: &str, answer: &AskRefused) -> Outcome<Reason> {
    let reason = Reason::Partner(format!("{:?}", answer.why));
    if step == DISBURSE { Outcome::Blocked(reason) } else { Outcome::Refused(reason) }
}

/// The step that asked under this key.
fn asked_under(w: &Origination, key: &str) -> Result<&'static str, Stop> {
    let run = &w.application()?.run;
    let definitions = crate::origination::definitions()?;
    let definition = definitions.of(run).map_err(|error| Stop::Illegal(error.to_string()))?;
    let mut names = definition.steps().into_iter().map(|step| step.name);
    names.find(|name| run.step(name).is_some_and(|step| step.key.as_deref() == Some(key))).ok_or_else(|| {
        let detail = format!("{}: no step of this application asked under this key", w.id);
        Stop::Refused(Refusal::new(RefusalKind::Conflict, "UNKNOWN_KEY", "无此请求", detail))
    })
}
