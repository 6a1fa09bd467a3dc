//! What readers see of the bank's rows and facts: index, summary, timeline. It decides nothing.

use crate::{
    Bank, Duty, Fact, Role, Row,
    case::{Case, DecisionOutcome, Said, SubsidyPaid},
    fact, life, roll,
    rows::{Loan, LoanState, SubsidyList},
    unidentified::{self, Unidentified},
};
use contracts::{AskRefusal, DisbursementReport};
use domain::{Fen, Moment};
use organisation::{
    Index, Line, OpenTask,
    participant::{self, Duty as _, Step as _, Trouble as _},
};
use saga::{Notice, Task, participant::Request};
use serde_json::{Value, json};

/// What the shell keeps beside a row.
pub(crate) fn index(row: &Row) -> Index {
    match row {
        Row::Case(case) => index_of_case(case),
        Row::Loan(loan) => index_of_loan(loan),
        Row::SubsidyList(list) => Index { status: list_state(list), ..Index::default() },
        Row::Unidentified(money) => index_of_money(money),
        Row::Papers(_) | Row::Charters(_) => Index::default(),
    }
}

fn index_of_money(money: &Unidentified) -> Index {
    let title =
        |task: &Task<Role>| if task.id == unidentified::CHECK { "复核款项认领" } else { "认领不明款项" };
    let task = money.task.as_ref().map(|task| OpenTask::of_matter(&money.number(), &task.id, title(task), task));
    Index {
        status: money.state(),
        ended: money.released.is_some(),
        wake_at: money.task.as_ref().and_then(Task::next_wake),
        tasks: task.into_iter().collect(),
        ..Index::default()
    }
}

fn index_of_loan(loan: &Loan) -> Index {
    Index {
        status: loan.state.code(),
        uscc: loan.uscc.clone(),
        ended: !loan.state.is_living() && loan.state != LoanState::Pending,
        wake_at: loan
            .life
            .as_ref()
            .filter(|_| loan.state.is_living())
            .and_then(|life| life.next_look())
            .map(Moment::start_of),
        ..Index::default()
    }
}

fn index_of_case(case: &Case) -> Index {
    let status = state(case);
    let asks = case.in_flight().into_iter().flat_map(|core| [Some(core.ask_at), core.person_at]).flatten();
    Index {
        status,
        uscc: case.file.as_ref().map(|file| file.firm.uscc.to_string()).unwrap_or_default(),
        ended: matches!(status, "" | DISBURSED | REVERSED | CREDIT_DECLINED | CANCELLED),
        wake_at: case
            .tasks
            .values()
            .filter_map(|task| task.next_wake())
            .chain(asks)
            .chain(case.payment.as_ref().and_then(roll::waits_until))
            .min(),
        tasks: participant::tasks::<Bank>(case),
        incidents: participant::incidents::<Bank>(case),
    }
}

/// Where a cut-off list stands.
pub(crate) const fn list_state(list: &SubsidyList) -> &'static str {
    match (&list.prepared, &list.released) {
        (_, Some(_)) => "LIST_RELEASED",
        (Some(_), None) => "LIST_PREPARED",
        (None, None) => "LIST_OPEN",
    }
}

const DISBURSED: &str = "DISBURSED";
const REVERSED: &str = "REVERSED";
const CREDIT_DECLINED: &str = "CREDIT_DECLINED";
const CANCELLED: &str = "CANCELLED";

/// The state of an application as the bank knows it, in the words of DOMAIN.md section 4; CANCELLED where the union took
/// its ask back (why is the union's to know), and empty where nothing was ever taken up.
fn state(case: &Case) -> &'static str {
    let reported_unknown = case.in_flight().is_some_and(|core| core.unknown_reported);
    match case {
        Case { file: None, .. } => "",
        Case { paid_out: Some(paid_out), .. } if paid_out.is_reversed() => REVERSED,
        Case { paid_out: Some(_), .. } => DISBURSED,
        Case { payment: Some(_), .. } if reported_unknown => "UNKNOWN",
        Case { payment: Some(_), .. } => "DISBURSING",
        Case { contract: Some(_), .. } => "READY",
        Case { decision: Some(decision), .. } => match decision.outcome {
            DecisionOutcome::Approved(_) => "CONTRACTING",
            DecisionOutcome::Declined { .. } => CREDIT_DECLINED,
        },
        _ if case.tasks.is_empty() => CANCELLED,
        _ => "CREDIT_REVIEW",
    }
}

/// A case as the API shows it. Personal data are not in it.
pub fn summary(case: &Case) -> Value {
    let mut waiting: Vec<Value> = case
        .tasks
        .iter()
        .map(|(duty, task)| {
            json!({
                "step": duty.step().name(),
                "duty": duty.code(),
                "who": task.role().code(),
                "until": task.due_at().to_string(),
            })
        })
        .collect();
    if case.signing.is_some() && !case.tasks.contains_key(&Duty::SignLoanContract) {
        waiting.push(json!({ "step": "sign loan contract", "duty": "letter", "who": "guarantor", "until": null }));
    }
    if let Some(core) = case.in_flight() {
        let until = core.ask_at.to_string();
        waiting.push(json!({ "step": "disburse", "duty": "posting", "who": "core_banking", "until": until }));
    }
    let tasks: Vec<Value> = case
        .tasks
        .iter()
        .map(|(duty, task)| {
            json!({
                "task_id": organisation::task_id(&case.id, duty.code()),
                "role": task.role().code(),
                "title": duty.zh(),
                "opened_at": task.deadline.opened_at.to_string(),
                "due_at": task.due_at().to_string(),
                "escalated": task.deadline.noticed == Some(Notice::Overdue),
                "excluded": task.excluded,
            })
        })
        .collect();
    let index = index_of_case(case);
    json!({
        "application_id": case.id,
        "saga_id": organisation::saga_id(&case.id),
        "state": index.status,
        "ended": index.ended,
        "charter": case.file.as_ref().map(|file| file.charter),
        "firm": case.file.as_ref().map(|file| &file.firm),
        "wish": case.file.as_ref().map(|file| &file.wish),
        // In the green channel they come with the ask for the contract.
        "conditions": case
            .signing
            .as_ref()
            .map(|signing| &signing.conditions)
            .filter(|conditions| !conditions.is_empty())
            .or(case.file.as_ref().map(|file| &file.conditions)),
        "report": case.report,
        "decision": case.decision,
        "letter": case.letter,
        "closed_letters": case.closed_letters,
        "contract": case.contract,
        "payment": case.payment,
        "paid_out": case.paid_out,
        "relief": case.relief.as_ref().map(|relief| {
            json!({
                "no": relief.no,
                "requested_on": relief.requested_on.to_string(),
                "because": relief.because,
                "plan": relief.plan,
                "proposed_by": relief.proposed_by,
                "guaranteed_until": relief.guaranteed_until.map(|until| until.to_string()),
            })
        }),
        "subsidies": case.subsidies.iter().map(subsidy_view).collect::<Vec<_>>(),
        "waiting_for": waiting,
        "tasks": tasks,
        "incidents": index.incidents,
    })
}

fn subsidy_view(paid: &SubsidyPaid) -> Value {
    json!({
        "period": paid.period,
        "amount_fen": paid.amount_fen,
        "paid_on": paid.on.to_string(),
        "posting_no": paid.posting_no,
        "returned_on": paid.returned.as_ref().map(|returned| returned.on.to_string()),
        "because": paid.returned.as_ref().map(|returned| &returned.because),
    })
}

/// A cut-off list as the API shows it.
pub fn subsidy_list(list: &SubsidyList) -> Value {
    let prepared = list.prepared.as_ref();
    json!({
        "period": list.period,
        "list_state": list_state(list),
        "loans": list.loans.len(),
        "interest_fen": prepared
            .and_then(|prepared| Fen::sum(prepared.rows.iter().map(|row| row.interest_fen))),
        "prepared_by": prepared.map(|prepared| &prepared.by),
        "prepared_on": prepared.map(|prepared| prepared.on.to_string()),
        "list_hash": prepared.map(|prepared| &prepared.hash),
        "released_by": list.released.as_ref().map(|released| &released.by),
        "released_on": list.released.as_ref().map(|released| released.on.to_string()),
    })
}

/// The fact as a line of the timeline.
pub(crate) fn line(fact: &Fact) -> Option<Line> {
    use crate::Step as S;
    match fact {
        // Of no application; the receipt that it becomes is.
        Fact::Money(_) => None,
        Fact::Owed(owed) => line_of_owed(owed),
        Fact::Loan(fact) => line_of_loan(fact),
        Fact::Papers(fact) => fact.line(),
        // Of no application.
        Fact::Charters(_) => None,
        Fact::TakenUp { file, .. } => line_of(S::Credit, "noted", format!("受理，金额 {} 元", file.wish.amount_fen)),
        Fact::Reported { report, .. } => {
            line_of(S::Credit, "noted", format!("调查意见：{}", outcome_zh(&report.outcome)))
        }
        Fact::ReportReturned { because, .. } => line_of(S::Credit, "returned", format!("退回重新调查：{because}")),
        Fact::CreditDecided { decision, .. } => {
            line_of(S::Credit, "noted", format!("审批结论：{}", outcome_zh(&decision.outcome)))
        }
        Fact::CreditCancelled { .. } => None,
        Fact::LetterPresented { letter, .. } => {
            line_of(S::Contract, "noted", format!("收到保函 {}，金额 {} 元", letter.letter_no, letter.amount_fen))
        }
        Fact::LetterClosed { letter_no, .. } => line_of(S::Contract, "closed", format!("保函 {letter_no} 已关闭")),
        Fact::StatementDeferred { .. } => {
            line_of(S::Disburse, "noted", "担保公司询问是否已放款，待核心系统答复".into())
        }
        Fact::StatementMade { .. } | Fact::SigningBegun { .. } | Fact::SigningDropped { .. } => None,
        Fact::ContractSigned { contract, .. } => {
            line_of(S::Contract, "noted", format!("借款合同 {}", contract.contract_no))
        }
        Fact::ContractTerminated { .. } => line_of(S::Contract, "noted", "借款合同终止，未使用".into()),
        Fact::PaymentOrdered { payment, .. } => {
            line_of(S::Disburse, "noted", format!("收到放款指令，金额 {} 元", payment.amount_fen))
        }
        Fact::PaymentPrepared { .. } => None,
        Fact::PaymentReturned { because, .. } => line_of(S::Disburse, "returned", format!("退回重新经办：{because}")),
        Fact::PaymentReleased { on, .. } => line_of(S::Disburse, "noted", format!("复核放行，起息日 {on}")),
        Fact::CoreOrdered { core, .. } if core.asked > 0 => line_of(S::Disburse, "asked", "再次询问核心系统".into()),
        Fact::CoreOrdered { core, .. } if core.closing => {
            line_of(S::Disburse, "closing", "要求核心系统关闭编号".into())
        }
        Fact::OutcomeUnknown { .. } => line_of(S::Disburse, "unknown", "结果不明，按同一编号查询".into()),
        Fact::CoreOrdered { .. } => None,
        Fact::PaymentFailed { why: Some(why), .. } => line_of(S::Disburse, "noted", format!("未放款：{}", why.zh())),
        Fact::PaymentFailed { why: None, .. } => None,
        Fact::CorrectionPrepared { .. } => line_of(S::Disburse, "noted", "已录入更正账户，待复核".into()),
        Fact::CorrectionReturned { because, .. } => {
            line_of(S::Disburse, "returned", format!("更正账户退回：{because}"))
        }
        Fact::ReversalPrepared { because, .. } => line_of(S::Disburse, "noted", format!("提议冲正放款：{because}")),
        Fact::ReversalDropped { because, .. } => line_of(S::Disburse, "returned", format!("放款不予冲正：{because}")),
        Fact::PayoutReversed { .. } => line_of(S::Disburse, "undone", "放款已冲正，借款不成立".into()),
        Fact::Corrected { .. } => line_of(S::Disburse, "noted", "挂账款项已转入更正账户".into()),
        Fact::PaidOut { paid_out, .. } if paid_out.in_suspense.is_some() => {
            let receipt = &paid_out.receipt;
            let text =
                format!("已放款 {} 元，凭证 {}；收款账户已销户，款项挂账", receipt.amount_fen, receipt.posting_no);
            line_of(S::Disburse, "noted", text)
        }
        Fact::PaidOut { paid_out, .. } => {
            let receipt = &paid_out.receipt;
            line_of(
                S::Disburse,
                "noted",
                format!(
                    "已放款 {} 元，凭证 {}，到期日 {}",
                    receipt.amount_fen, receipt.posting_no, receipt.maturity_on
                ),
            )
        }
        Fact::ReliefTakenUp { relief, .. } => {
            line_of(S::ProposeRelief, "noted", format!("{} 申请纾困：{}", relief.requested_on, relief.because))
        }
        Fact::ReliefProposed { plan, .. } => line_of(S::ProposeRelief, "noted", plan.zh()),
        Fact::ReliefConsented { guaranteed_until: Some(until), .. } => {
            line_of(S::SwitchSchedule, "noted", format!("担保公司书面同意，保证期间至 {until}"))
        }
        Fact::ReliefConsented { guaranteed_until: None, .. } => {
            line_of(S::SwitchSchedule, "noted", "担保公司撤回同意".into())
        }
        Fact::ReliefSigned { .. } => line_of(S::SwitchSchedule, "noted", "借款企业已签署方案".into()),
        Fact::ReliefUnsigned { .. } | Fact::ReliefDropped { .. } => None,
        Fact::SubsidyPaid { paid, .. } => {
            line_of(S::PaySubsidy, "done", format!("已付 {} 期贴息 {} 元", paid.period, paid.amount_fen))
        }
        Fact::SubsidyReturned { returned, .. } => {
            line_of(S::PaySubsidy, "returned", format!("退汇：{}", returned.because))
        }
        // Of no application, or told by the list.
        Fact::SubsidyDue { .. }
        | Fact::SubsidyListPrepared { .. }
        | Fact::SubsidyListReturned { .. }
        | Fact::SubsidyListReleased { .. } => None,
        Fact::IncidentRaised { kind, .. } => line_of(S::Disburse, "incident", kind.zh().into()),
    }
}

fn line_of_loan(fact: &life::Fact) -> Option<Line> {
    let life::Fact::Reported { report, .. } = fact else { return None };
    Some(Line { step: "repay".to_owned(), event: report.event(), text: format!("还款：{}", report.zh()) })
}

fn line_of_owed(fact: &fact::Owed) -> Option<Line> {
    use participant::Fact as F;
    let of_duty = |duty: &Duty, event, text: String| line_of(duty.step(), event, format!("{}{text}", duty.zh()));
    match fact {
        F::RequestMoved { step, request, .. } => match request {
            Request::Open => line_of(*step, "asked", "收到请求".into()),
            Request::Done(_) => line_of(*step, "done", "已答复".into()),
            Request::Refused(Said::NotTakenUp(why)) => line_of(*step, "refused", not_taken_up_zh(*why).into()),
            Request::Refused(Said::Reported(DisbursementReport::NotPosted { why })) => {
                line_of(*step, "refused", format!("未放款（{}）", why.zh()))
            }
            Request::Refused(_) => line_of(*step, "refused", "不予通过".into()),
            Request::InDoubt { .. } => line_of(*step, "asked", "等待核心系统".into()),
            Request::Undoing(_) => line_of(*step, "undo asked", "收到撤销请求".into()),
            Request::Undone => line_of(*step, "undone", "已撤销".into()),
            Request::Closed => line_of(*step, "closed", "编号已关闭，不再放款".into()),
            Request::Unheard => None,
        },
        F::TaskOpened { duty, task, .. } => of_duty(duty, "opened", format!("，待{}办理", task.role().zh())),
        F::Noticed { duty, notice: Notice::Overdue, .. } => of_duty(duty, "escalated", "已逾期，上报".into()),
        F::Noticed { duty, notice, .. } => of_duty(duty, "reminded", format!("期限已过 {}%，提醒", notice.percent())),
        F::TaskClaimed { duty, by, .. } => {
            line_of(duty.step(), "claimed", participant::hand_zh(duty.zh(), by.as_ref()))
        }
        F::TaskDone { duty, by, .. } => of_duty(duty, "decided", format!("（{by}）")),
        F::TaskCancelled { duty, .. } => of_duty(duty, "cancelled", "取消".into()),
        F::IncidentResolved { number, resolved, .. } => {
            let text = format!("异常 {number} 已处理：{}", resolved.because);
            line_of(crate::Step::Disburse, "resolved", text)
        }
    }
}

fn line_of(step: crate::Step, event: &'static str, text: String) -> Option<Line> {
    Some(Line { step: step.name().to_owned(), event, text: format!("{}：{text}", step.zh()) })
}

const fn not_taken_up_zh(why: AskRefusal) -> &'static str {
    match why {
        AskRefusal::CharterNotAccepted => "未接受该章程，不予受理",
        AskRefusal::OutOfOrder => "与已知情况不符，不予受理",
    }
}

fn outcome_zh(outcome: &DecisionOutcome) -> String {
    match outcome {
        DecisionOutcome::Approved(terms) => format!("同意 {} 元，年利率 {}", terms.amount_fen, terms.rate_ppm),
        DecisionOutcome::Declined { reason } => format!("拒绝（{}）", reason.zh()),
    }
}
