//! What readers see of the guarantor's rows and facts: index, summary, timeline. It decides nothing.

use crate::{
    Duty, Fact, Guarantor, Row, Step,
    case::{Case, LetterState, OpinionDecision, Revocation, Said},
    fact,
};
use organisation::{
    Index, Line,
    participant::{self, Duty as _, Step as _, Trouble as _},
    task_id,
};
use saga::{Notice, participant::Request};
use serde_json::{Value, json};

/// What the shell keeps beside a row.
pub(crate) fn index(row: &Row) -> Index {
    let Row::Case(case) = row else { return Index::default() };
    let alarm = case.activation.as_ref().filter(|activation| !activation.alarmed).map(|activation| activation.due_at);
    Index {
        status: state(case),
        uscc: case.file.as_ref().map(|file| file.firm.uscc.to_string()).unwrap_or_default(),
        ended: has_ended(case),
        wake_at: case.tasks.values().filter_map(|task| task.next_wake()).chain(alarm).min(),
        tasks: participant::tasks::<Guarantor>(case),
        incidents: participant::incidents::<Guarantor>(case),
    }
}

/// The state of a case in the words of DOMAIN.md section 4: the letter's once there is one, before it the application's.
///
/// COMPENSATING is a letter whose revocation waits for the bank; NOT_TAKEN_UP a case of which no ask was ever taken up.
pub(crate) fn state(case: &Case) -> &'static str {
    let letter = case.letter.as_ref();
    let taken_back = letter.and_then(|letter| match letter.state {
        LetterState::Revoked => Some("REVOKED"),
        LetterState::Expired => Some("EXPIRED"),
        LetterState::Issued | LetterState::Effective | LetterState::Released => None,
    });
    match (letter.map(|letter| letter.state), &case.opinion) {
        (Some(LetterState::Effective), _) => "EFFECTIVE",
        (Some(LetterState::Released), _) => "RELEASED",
        (Some(LetterState::Issued), _) => match letter.and_then(|letter| letter.revocation) {
            Some(Revocation::Asked) => "COMPENSATING",
            _ => "ISSUED",
        },
        _ if case.drafting.is_some() => "DRAFT",
        _ if case.signing.is_some() => "CONTRACTING",
        _ if case.contracts.is_some() => taken_back.unwrap_or("CONTRACTING"),
        (_, Some(opinion)) => match opinion.decision {
            OpinionDecision::Agreed { .. } => taken_back.unwrap_or("CREDIT_REVIEW"),
            OpinionDecision::Declined { .. } => "GUARANTEE_DECLINED",
        },
        _ if case.tasks.contains_key(&Duty::DueDiligence) => "GUARANTEE_REVIEW",
        (Some(LetterState::Expired), None) => "EXPIRED",
        _ if case.requests.values().any(|asked| asked.request == Request::Undone) => "WITHDRAWN",
        _ => "NOT_TAKEN_UP",
    }
}

fn has_ended(case: &Case) -> bool {
    let agreed = case.opinion.as_ref().is_some_and(|o| matches!(o.decision, OpinionDecision::Agreed { .. }));
    let lived = |state: LetterState| matches!(state, LetterState::Effective | LetterState::Released);
    let effective = case.letter.as_ref().is_some_and(|letter| lived(letter.state));
    case.tasks.is_empty() && (effective || !agreed)
}

/// A case as the API shows it. Personal data are not in it.
pub fn summary(case: &Case) -> Value {
    let tasks: Vec<Value> = case
        .tasks
        .iter()
        .map(|(duty, task)| {
            json!({
                "task_id": task_id(&case.id, duty.code()),
                "role": task.role().code(),
                "title": duty.zh(),
                "opened_at": task.deadline.opened_at.to_string(),
                "due_at": task.due_at().to_string(),
                "escalated": task.deadline.noticed == Some(Notice::Overdue),
                "excluded": task.excluded,
            })
        })
        .collect();
    json!({
        "application_id": case.id,
        "saga_id": organisation::saga_id(&case.id),
        "state": state(case),
        "ended": has_ended(case),
        "file": case.file,
        "opinion": case.opinion,
        "contracts": case.contracts,
        "drafting": case.drafting,
        "letter": case.letter,
        "loan": case.loan,
        "relief": case.relief.as_ref().map(|relief| {
            json!({
                "no": relief.no,
                "plan": relief.plan,
                "guaranteed_until": relief.guaranteed_until.map(|until| until.to_string()),
                "by": relief.by,
            })
        }),
        "standing": case
            .loan
            .as_ref()
            .filter(|_| case.reversed_on.is_none())
            .map(|loan| case.life.standing(loan.amount_fen.fen())),
        "repayments": case.life.receipts,
        "exposure_fen": case.exposure_fen,
        "incidents": case.incidents,
        "tasks": tasks,
        "waiting_for": waiting_for(case),
    })
}

/// What has to happen next, by whom, until when: a person's decision, the bank's word, else the union's next ask.
fn waiting_for(case: &Case) -> Vec<Value> {
    let mut waiting: Vec<Value> = case
        .tasks
        .iter()
        .map(|(duty, task)| {
            json!({ "step": duty.step().name(), "who": duty.role().code(), "until": task.due_at().to_string() })
        })
        .collect();
    if let Some(activation) = &case.activation {
        let until = activation.due_at.to_string();
        waiting.push(json!({ "step": Step::Activate.name(), "who": "bank", "until": until }));
    }
    if case.letter.as_ref().is_some_and(|letter| letter.revocation == Some(Revocation::Asked)) {
        waiting.push(json!({ "step": Step::Issue.name(), "who": "bank", "until": null }));
    }
    if waiting.is_empty() && !has_ended(case) {
        let step = match (&case.letter, &case.contracts) {
            (Some(letter), _) if letter.state == LetterState::Issued => Step::Activate,
            (_, Some(_)) => Step::Issue,
            _ => Step::Sign,
        };
        waiting.push(json!({ "step": step.name(), "who": "union", "until": null }));
    }
    waiting
}

/// The fact as a line of the timeline.
pub(crate) fn line(fact: &Fact) -> Option<Line> {
    match fact {
        Fact::Owed(owed) => line_of_owed(owed),
        Fact::Papers(fact) => fact.line(),
        // Of no application.
        Fact::Charters(_) => None,
        Fact::TakenUp { file, .. } => say(Step::Assess, "asked", format!("工会请求担保 {} 元", file.wish.amount_fen)),
        Fact::OpinionGiven { opinion, .. } => match &opinion.decision {
            OpinionDecision::Agreed { amount_fen, counter_guarantee, .. } => {
                let demanded = counter_guarantee.zh();
                say(Step::Assess, "done", format!("同意担保 {amount_fen} 元，{demanded}（{}）", opinion.by))
            }
            OpinionDecision::Declined { reason } => {
                say(Step::Assess, "refused", format!("不予担保（{}，{}）", reason.zh(), opinion.by))
            }
        },
        Fact::SigningBegun { signing, .. } => {
            say(Step::Sign, "asked", format!("工会请求签约，金额 {} 元", signing.amount_fen))
        }
        Fact::ContractsSigned { contracts, .. } => {
            let backed = contracts.counter_guarantee.meets().zh();
            say(Step::Sign, "done", format!("合同已签订，{backed}（{}）", contracts.by))
        }
        Fact::DraftingBegun { drafting, .. } => {
            say(Step::Issue, "asked", format!("工会请求出具保函，金额 {} 元", drafting.amount_fen))
        }
        Fact::LetterPrepared { draft, .. } => {
            say(Step::Issue, "prepared", format!("{} 已拟制（{}）", draft.letter_no, draft.maker))
        }
        Fact::LetterReturned { by, because, .. } => {
            say(Step::Issue, "returned", format!("退回重拟：{because}（{by}）"))
        }
        Fact::LetterIssued { letter, .. } => {
            say(Step::Issue, "done", format!("{} 已出具（{}）", letter.letter.letter_no, letter.checker))
        }
        Fact::RevocationMoved { revocation, .. } => match revocation {
            Revocation::Asked => say(Step::Issue, "undo asked", "工会请求撤回，已请银行确认未放款".into()),
            Revocation::Stated { not_disbursed: true } => say(Step::Issue, "noted", "银行确认未放款".into()),
            Revocation::Stated { not_disbursed: false } | Revocation::Overtaken => {
                say(Step::Issue, "undo failed", "银行已放款，保函不能撤回".into())
            }
        },
        Fact::LetterTakenBack { state: LetterState::Expired, .. } => say(Step::Issue, "expired", "保函已过期".into()),
        Fact::ActivationAwaited { .. } => say(Step::Activate, "asked", "工会请求保函生效".into()),
        Fact::LoanNoted { receipt, .. } => {
            say(Step::Activate, "noted", format!("银行已放款 {} 元，起息日 {}", receipt.amount_fen, receipt.value_date))
        }
        Fact::LetterEffective { .. } => say(Step::Activate, "done", "保函生效，在保责任开始".into()),
        Fact::LoanReversed { on, .. } => say(Step::Activate, "noted", format!("银行已于 {on} 冲正放款")),
        Fact::LetterReleased { .. } => say(Step::Activate, "undone", "保函解除，在保责任终止".into()),
        Fact::LoanReportKept { report, .. } => {
            Some(Line { step: "repay".to_owned(), event: report.event(), text: format!("还款：{}", report.zh()) })
        }
        Fact::ReliefTakenUp { relief, .. } => say(Step::Consent, "asked", relief.plan.zh()),
        Fact::ReliefConsented { guaranteed_until, by, .. } => {
            say(Step::Consent, "done", format!("书面同意，保证期间至 {guaranteed_until}（{by}）"))
        }
        Fact::ReliefToRecord { .. } => say(Step::Record, "asked", "工会通知方案生效".into()),
        Fact::LetterChanged { guaranteed_until, .. } => {
            say(Step::Record, "done", format!("保函变更，保证期间至 {guaranteed_until}"))
        }
        Fact::ReliefDropped { .. } => None,
        Fact::IncidentRaised { incident, .. } => say(incident.kind.step(), "stuck", incident.kind.zh().to_owned()),
        Fact::LoanReportTaken { .. }
        | Fact::OpinionWithdrawn { .. }
        | Fact::ExposureChanged { .. }
        | Fact::SigningCancelled { .. }
        | Fact::ContractsTerminated { .. }
        | Fact::DraftingCancelled { .. }
        | Fact::LetterTakenBack { .. }
        | Fact::ActivationOverdue { .. } => None,
    }
}

fn line_of_owed(fact: &fact::Owed) -> Option<Line> {
    use participant::Fact as F;
    match fact {
        F::RequestMoved { step, request, .. } => match request {
            Request::Undone => say(*step, "undone", "已撤销".into()),
            Request::Refused(Said::NotTakenUp(why)) => say(*step, "refused", format!("不予受理（{why:?}）")),
            _ => None,
        },
        F::TaskOpened { duty, .. } => say(duty.step(), "opened", format!("待{}办理{}", duty.role().zh(), duty.zh())),
        F::TaskCancelled { duty, .. } => say(duty.step(), "cancelled", format!("{}不再需要", duty.zh())),
        F::Noticed { duty, notice: Notice::Overdue, .. } => say(duty.step(), "escalated", "已逾期，上报".into()),
        F::Noticed { duty, notice, .. } => {
            say(duty.step(), "reminded", format!("期限已过 {}%，提醒", notice.percent()))
        }
        F::IncidentResolved { resolved, .. } => {
            say(Step::Activate, "resolved", format!("异常已处理：{}（{}）", resolved.because, resolved.by))
        }
        F::TaskClaimed { duty, by, .. } => say(duty.step(), "claimed", participant::hand_zh(duty.zh(), by.as_ref())),
        F::TaskDone { .. } => None,
    }
}

fn say(step: Step, event: &'static str, what: String) -> Option<Line> {
    Some(Line { step: step.name().to_owned(), event, text: format!("{}：{what}", step.zh()) })
}
