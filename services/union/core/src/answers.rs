//! What the partners answered: first the domain facts that the answer carries, then the saga's event.
//!
//! An answer that fits nothing the union asked, or goes beyond it, is refused: it changes nothing and is audited.

use crate::{
    Fact, Reason,
    application::{Application, Approval, Disputed, Opinion},
    fund,
    origination::Origination,
    vocabulary::Contradiction,
};
use contracts::{
    AskRefused, CreditDecided, CreditDecision, DisbursementReport, DisbursementReported, GuaranteeAssessed,
    GuaranteeOpinion, LetterIssued, LoanContractSigned, Message, NotPosted, UndoAnswered,
};
use domain::{Amount, ApplicationId};
use organisation::{Refusal, RefusalKind, Stop};
use saga::{Event, Outcome, State};

/// The event that a message means for the saga; domain facts are recorded on the way.
pub(crate) fn event(w: &mut Origination, message: &Message) -> Result<Event<Reason>, Stop> {
    let (step, outcome) = match message {
        Message::GuaranteeAssessed(answer) => ("assess guarantee", assessed(w, answer)?),
        Message::CreditDecided(answer) => ("approve credit", decided(w, answer)?),
        Message::ContractsSigned(_) => ("sign contracts", Outcome::Done),
        Message::LetterIssued(answer) => ("issue letter", issued(w, answer)?),
        Message::LoanContractSigned(answer) => ("sign loan contract", signed(w, answer)?),
        Message::DisbursementReported(answer) => return reported(w, answer),
        Message::LetterActivated(_) => ("make letter effective", Outcome::Done),
        Message::OpinionWithdrawn(answer) => ("assess guarantee", undone(answer)),
        Message::ApprovalCancelled(answer) => ("approve credit", undone(answer)),
        Message::ContractsTerminated(answer) => ("sign contracts", undone(answer)),
        Message::LetterRevoked(answer) => ("issue letter", undone(answer)),
        Message::LoanContractTerminated(answer) => ("sign loan contract", undone(answer)),
        Message::GuarantorRefused(answer) | Message::BankRefused(answer) => not_taken_up(w, answer)?,
        other => return Err(Stop::Illegal(format!("{} is not said to the union", other.kind().name()))),
    };
    let key = message.about().key.clone();
    Ok(Event::Answered { step: step.to_owned(), key, outcome })
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
            not_above(&w.id, *amount_fen, w.application()?.wish.amount_fen)?;
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
            let agreed = w.application()?.opinion.as_ref().map(|opinion| opinion.amount_fen);
            not_above(&w.id, *amount_fen, agreed.unwrap_or(w.application()?.wish.amount_fen))?;
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
    if !answer.letter.is_intact() {
        return Err(refused("LETTER_HASH", "保函哈希不符", &w.id, "the letter's hash is not the hash of its fields"));
    }
    if is_awaited(w, "issue letter", &answer.about.key)? {
        if answer.letter.amount_fen != w.approved_fen()? {
            return Err(refused("LETTER_AMOUNT", "保函金额不符", &w.id, "the letter is not for the approved amount"));
        }
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
    if let Some(contradiction) = contradiction(w.application()?, &key, report) {
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
        NotPosted::MembershipStale | NotPosted::RefusedByCore => Outcome::NotDone(Reason::NotPosted(why)),
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
fn not_taken_up(w: &Origination, answer: &AskRefused) -> Result<(&'static str, Outcome<Reason>), Stop> {
    let run = &w.application()?.run;
    let step = crate::origination::definitions()?
        .of(run)
        .map_err(|error| Stop::Illegal(error.to_string()))?
        .steps()
        .into_iter()
        .map(|step| step.name)
        .find(|name| run.step(name).is_some_and(|step| step.key.as_ref() == Some(&answer.about.key)));
    match step {
        Some(step) => {
            let reason = Reason::Partner(format!("{:?}", answer.why));
            let outcome = if step == DISBURSE { Outcome::Blocked(reason) } else { Outcome::Refused(reason) };
            Ok((step, outcome))
        }
        None => Err(refused("UNKNOWN_KEY", "无此请求", &w.id, "no step of this application asked under this key")),
    }
}

fn not_above(id: &ApplicationId, given: Amount, asked: Amount) -> Result<(), Stop> {
    if given.fen() > asked.fen() {
        return Err(refused(
            "AMOUNT_ABOVE_ASKED",
            "金额超过申请",
            id,
            "an approval may lower the amount, never raise it",
        ));
    }
    Ok(())
}

fn refused(code: &str, title: &str, id: &ApplicationId, why: &str) -> Stop {
    Stop::Refused(Refusal::new(RefusalKind::Conflict, code, title, format!("{id}: {why}")))
}
