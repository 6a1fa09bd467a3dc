//! S1 step 5: the investigator reports, the approver decides. It never lends more than was asked or recommended, nor above
//! the charter's cap on the day, nor on one person's word.

use crate::{
    Duty, Fact, Step,
    case::{Decision, DecisionOutcome, File, Report, Said, Terms},
    command::{CreditVerdict, Finding},
    requests::World,
};
use contracts::{About, ApproveCredit, AskRefusal, CreditDecision, CreditDecline};
use organisation::{
    Person, Refusal, RefusalKind, Stop,
    participant::{self, Taken, Undo, refused},
};
use saga::participant::Input;
use std::collections::BTreeSet;

/// The union asks for a credit decision.
pub(crate) fn asked(w: &mut World<'_>, ask: &ApproveCredit) -> Result<(), Stop> {
    participant::ask(w, &ask.about, Step::Credit, |w| begin(w, ask))
}

fn begin(w: &mut World<'_>, ask: &ApproveCredit) -> Result<Taken, Stop> {
    let Some(charter) = w.accepted(&ask.about.charter)? else {
        return Ok(Err(AskRefusal::CharterNotAccepted));
    };
    // What the charter does not grant, the union cannot have filed under it.
    let granted = (1..=charter.max_term_months).contains(&ask.wish.term_months)
        && ask.wish.amount_fen.fen() <= charter.amount_max_fen;
    if !granted {
        return Ok(Err(AskRefusal::OutOfOrder));
    }
    let file = File {
        key: ask.about.key.clone(),
        charter: ask.about.charter,
        firm: ask.firm.clone(),
        wish: ask.wish.clone(),
        conditions: ask.conditions.clone(),
        credit_query_consent: ask.credit_query_consent.clone(),
        reservation_id: ask.reservation_id.clone(),
        taken_up_at: w.desk.at(),
    };
    w.record(Fact::TakenUp { id: w.id.clone(), file: Box::new(file) })?;
    open(w, Duty::Investigate, BTreeSet::new())?;
    Ok(Ok(()))
}

fn open(w: &mut World<'_>, duty: Duty, excluded: BTreeSet<Person>) -> Result<(), Stop> {
    let due_at = w.due(w.charter()?.credit_deadline)?;
    w.open_task(duty, due_at, excluded)
}

/// The union takes the ask back.
pub(crate) fn cancelled(w: &mut World<'_>, about: &About) -> Result<(), Stop> {
    participant::undo(w, about, Step::Credit, give_up, cancel)
}

fn give_up(w: &mut World<'_>) -> Result<(), Stop> {
    w.cancel_tasks(Step::Credit)?;
    w.record(Fact::CreditCancelled { id: w.id.clone() })
}

fn cancel(w: &mut World<'_>) -> Result<Undo, Stop> {
    let case = w.open_case()?;
    if case.paid_out.is_some() {
        return Ok(Undo::Declined("已放款，不能撤销信贷审批"));
    }
    if case.signing.is_some() || case.contract.is_some() || case.payment.is_some() {
        return Ok(Undo::Declined("借款合同尚未终止，不能撤销信贷审批"));
    }
    w.record(Fact::CreditCancelled { id: w.id.clone() })?;
    Ok(Undo::Finished)
}

/// The investigator reports.
pub(crate) fn report(w: &mut World<'_>, by: &Person, finding: &Finding) -> Result<(), Stop> {
    let outcome = match finding {
        Finding::Recommend { amount_fen, rate_ppm, method } => {
            let terms = Terms { amount_fen: *amount_fen, rate_ppm: *rate_ppm, method: *method };
            not_above_asked(w, &terms)?;
            not_above_cap(w, &terms)?;
            DecisionOutcome::Approved(terms)
        }
        Finding::Advise { decline } => DecisionOutcome::Declined { reason: *decline },
    };
    let on = w.desk.at().date();
    w.task_done(Duty::Investigate, by)?;
    w.record(Fact::Reported { id: w.id.clone(), report: Report { outcome, by: by.clone(), on } })?;
    open(w, Duty::DecideCredit, BTreeSet::from([by.clone()]))
}

/// The approver decides.
pub(crate) fn decide(w: &mut World<'_>, by: &Person, verdict: &CreditVerdict) -> Result<(), Stop> {
    let report = reported(w)?;
    let (outcome, input) = match verdict {
        CreditVerdict::Approve { amount_fen, rate_ppm, method } => {
            let terms = Terms { amount_fen: *amount_fen, rate_ppm: *rate_ppm, method: *method };
            not_above_recommended(&report, &terms)?;
            not_above_asked(w, &terms)?;
            not_above_cap(w, &terms)?;
            let said = CreditDecision::Approved { amount_fen: *amount_fen, rate_ppm: *rate_ppm, method: *method };
            (DecisionOutcome::Approved(terms), Input::Finished(Said::Decided(said)))
        }
        CreditVerdict::Decline { reason } => {
            let said = CreditDecision::Declined { reason: *reason };
            (DecisionOutcome::Declined { reason: *reason }, Input::Declined(Said::Decided(said)))
        }
        CreditVerdict::Return { because } => return send_back(w, by, because),
    };
    let about = w.about(&w.open_key(Step::Credit)?)?;
    let on = w.desk.at().date();
    let decision = Decision { outcome, investigator: report.by, approver: by.clone(), on };
    w.task_done(Duty::DecideCredit, by)?;
    w.record(Fact::CreditDecided { id: w.id.clone(), decision })?;
    w.settle(&about, Step::Credit, &input)
}

fn send_back(w: &mut World<'_>, by: &Person, because: &str) -> Result<(), Stop> {
    w.task_done(Duty::DecideCredit, by)?;
    w.record(Fact::ReportReturned { id: w.id.clone(), by: by.clone(), because: because.to_owned() })?;
    open(w, Duty::Investigate, BTreeSet::new())
}

fn reported(w: &World<'_>) -> Result<Report, Stop> {
    let report = w.open_case()?.report.clone();
    report.ok_or_else(|| Stop::Illegal(format!("{} is to be decided without a report", w.id)))
}

/// The investigator's decision by rule: what was asked, at the cap of the day, unless the firm owes too much.
pub(crate) fn report_automatically(w: &mut World<'_>, by: &Person) -> Result<(), Stop> {
    let finding = match owes_too_much(w)? {
        true => Finding::Advise { decline: CreditDecline::RelatedDebt },
        false => {
            let wish = &w.file()?.wish;
            let rate_ppm = w.charter()?.rate_cap(w.desk.at().date(), wish.term_months);
            Finding::Recommend { amount_fen: wish.amount_fen, rate_ppm, method: wish.method }
        }
    };
    report(w, by, &finding)
}

/// The approver's decision by rule: as recommended, at a rate within the cap of this day, unless the firm owes too much.
pub(crate) fn decide_automatically(w: &mut World<'_>, by: &Person) -> Result<(), Stop> {
    let verdict = match reported(w)?.outcome {
        _ if owes_too_much(w)? => CreditVerdict::Decline { reason: CreditDecline::RelatedDebt },
        DecisionOutcome::Declined { reason } => CreditVerdict::Decline { reason },
        DecisionOutcome::Approved(Terms { amount_fen, rate_ppm, method }) => {
            let cap = w.charter()?.rate_cap(w.desk.at().date(), w.file()?.wish.term_months);
            CreditVerdict::Approve { amount_fen, rate_ppm: rate_ppm.min(cap), method }
        }
    };
    decide(w, by, &verdict)
}

fn owes_too_much(w: &World<'_>) -> Result<bool, Stop> {
    let debt = w.file()?.firm.debt_fen;
    Ok(w.charter()?.automatic.credit_max_debt_fen.is_some_and(|most| debt > most))
}

fn not_above_asked(w: &World<'_>, terms: &Terms) -> Result<(), Stop> {
    let asked = w.file()?.wish.amount_fen;
    if terms.amount_fen > asked {
        let detail = format!("金额 {} 元不得高于申请金额 {asked} 元。", terms.amount_fen);
        return Err(invalid("AMOUNT_ABOVE_ASKED", "金额高于申请", detail));
    }
    Ok(())
}

fn not_above_recommended(report: &Report, terms: &Terms) -> Result<(), Stop> {
    match &report.outcome {
        DecisionOutcome::Declined { reason } => {
            let detail = format!("调查报告建议拒绝（{}），请拒绝，或退回重新调查。", reason.zh());
            Err(refused("NOT_RECOMMENDED", "调查报告未建议放款", detail))
        }
        DecisionOutcome::Approved(recommended) if terms.amount_fen > recommended.amount_fen => {
            let detail = format!("金额 {} 元不得高于建议金额 {} 元。", terms.amount_fen, recommended.amount_fen);
            Err(invalid("AMOUNT_ABOVE_RECOMMENDED", "金额高于调查建议", detail))
        }
        DecisionOutcome::Approved(_) => Ok(()),
    }
}

fn not_above_cap(w: &World<'_>, terms: &Terms) -> Result<(), Stop> {
    let cap = w.charter()?.rate_cap(w.desk.at().date(), w.file()?.wish.term_months);
    if terms.rate_ppm > cap {
        let detail = format!("利率 {} 不得高于当日上限 {cap}。", terms.rate_ppm);
        return Err(invalid("RATE_ABOVE_CAP", "利率高于上限", detail));
    }
    Ok(())
}

fn invalid(code: &str, title: &str, detail: String) -> Stop {
    Refusal::new(RefusalKind::Invalid, code, title, detail).into()
}
