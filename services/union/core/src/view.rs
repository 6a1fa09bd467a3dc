//! What readers see of the union's rows and facts: index, summary, timeline. It decides nothing.

use crate::{
    Fact, Reason, Role, Row,
    application::{Application, Disputed, DisputedAnswer, Occasion, Said, WaitsForOld},
    decide::state,
    hotline,
    process::Process,
    relief::{self, Relief},
    subsidy::{self, Claim},
    ticket::{self, Ticket},
};
use contracts::DisbursementReport;
use organisation::{Incident, Index, Line, OpenTask};
use saga::{Ending, IncidentKind, Task, Who};
use serde_json::{Value, json};

/// What the shell keeps beside a row.
pub(crate) fn index(row: &Row) -> Index {
    let application = match row {
        Row::Application(application) => application,
        Row::Ticket(ticket) => return index_of_ticket(ticket),
        _ => return Index::default(),
    };
    Index {
        status: state(application).code(),
        uscc: application.firm.uscc.to_string(),
        ended: application.run.ending().is_some(),
        wake_at: [application.leaves_green_at(), application.waits_for_old.and_then(WaitsForOld::until)]
            .into_iter()
            .chain(application.processes().map(|(_, run)| run.next_wake()))
            .chain(application.claims.iter().map(Claim::wakes_at))
            .flatten()
            .min(),
        tasks: application
            .processes()
            .flat_map(|(_, run)| run.open_tasks())
            .map(|(step, task)| OpenTask::of(&application.id, &task_name(step), step_zh(step), task))
            .collect(),
        incidents: application
            .processes()
            .flat_map(|(process, run)| run.incidents().map(move |(number, incident)| (process, number, incident)))
            .map(|(process, number, incident)| Incident {
                incident_id: match process {
                    Process::Origination => format!("{}/{number}", application.id),
                    Process::Relief(no) => format!("{}/{number}", relief::saga::name(&application.id, no)),
                    Process::Subsidy(period) => format!("{}/{period}/{number}", application.id),
                },
                application_id: application.id.clone(),
                owner: incident.owner.to_string(),
                step: incident.step.clone(),
                what: incident_zh(&incident.kind),
            })
            .collect(),
    }
}

fn index_of_ticket(ticket: &Ticket) -> Index {
    let number = ticket.id.to_string();
    let tasks = ticket.tasks.iter();
    Index {
        status: ticket.state.code(),
        uscc: String::new(),
        ended: ticket.state.is_final(),
        wake_at: ticket.tasks.iter().filter_map(Task::next_wake).min(),
        tasks: tasks.map(|task| OpenTask::of_matter(&number, &task.id, hotline::task_zh(&task.id), task)).collect(),
        incidents: Vec::new(),
    }
}

/// A step's task is named after it, its blanks as hyphens.
pub(crate) fn task_name(step: &str) -> String {
    step.replace(' ', "-")
}

fn incident_zh(kind: &IncidentKind<Reason>) -> String {
    match kind {
        IncidentKind::UndoRefused(reason) => format!("对方无法撤销：{}", reason.zh()),
        IncidentKind::UnknownTooLong => "放款结果长时间不明，请人工核实".into(),
        IncidentKind::MustRefused(reason) => format!("必须完成的步骤被拒绝：{}", reason.zh()),
        IncidentKind::NotDone(reason) => format!("放款未成，待人工处理：{}", reason.zh()),
        IncidentKind::Contradicted(reason) => format!("说法矛盾，待查明：{}", reason.zh()),
        IncidentKind::ChildFailed(reason) => format!("子流程失败：{}", reason.zh()),
    }
}

/// An application as the API shows it. Personal data are not in it.
pub fn summary(application: &Application) -> Value {
    let waiting: Vec<Value> = application
        .run
        .waiting_for()
        .into_iter()
        .map(|waiting| {
            let who = match waiting.who {
                Who::Decider(role) | Who::Repairer(role) => role.to_string(),
                Who::Applicant => "applicant".into(),
                Who::Party(party) => party.to_string(),
                Who::Queue if waiting.step == "reserve fund" && application.waits_for_programme => "programme".into(),
                Who::Queue if waiting.step == "reserve fund" => "queue".into(),
                // The others of ours wait only while a contradiction is not settled, or lending is suspended.
                Who::Queue if application.run.is_contradicted() => "contradiction".into(),
                Who::Queue if application.waits_for_old.is_some() => "old_loan".into(),
                Who::Queue => "programme".into(),
                Who::Child => "child".into(),
            };
            json!({ "step": waiting.step, "who": who, "until": waiting.until.map(|until| until.to_string()) })
        })
        .collect();
    json!({
        "application_id": application.id,
        "saga_id": organisation::saga_id(&application.id),
        "state": state(application).code(),
        "ended": application.run.ending().is_some(),
        "ending": application.run.ending().map(ending),
        "turned_back_at": application.turned_back_at,
        "filed_at": application.filed_at.to_string(),
        "renewal_of": application.renewal.as_ref().map(|renewal| &renewal.of),
        "renewal_mode": application.renewal.as_ref().map(|renewal| renewal.mode),
        "renewal_reason": application.renewal.as_ref().and_then(|renewal| renewal.reason),
        "reapplication_of": application.reapplication_of,
        "channel": if application.is_green() { "GREEN" } else { "STANDARD" },
        "green": application.green.as_ref().map(|green| {
            json!({
                "reason": green.reason,
                "flagged_by": green.flagged_by,
                "pay_out_by": green.until.to_string(),
                "left_on": green.left_on,
            })
        }),
        "charter": application.charter,
        "firm": application.firm,
        "wish": application.wish,
        "membership": application.membership,
        "recommendation": application.recommendation,
        "reservation": application.reservation,
        "opinion": application.opinion,
        "approval": application.approval,
        "letter": application.letter,
        "contract_no": application.contract_no,
        "receipt": application.receipt,
        "reversed_on": application.reversed_on,
        "standing": application
            .receipt
            .as_ref()
            .filter(|_| application.reversed_on.is_none())
            .map(|receipt| application.life.standing(receipt.amount_fen.fen())),
        "relief": application.reliefs.iter().map(relief_view).collect::<Vec<_>>(),
        "subsidies": application.claims.iter().map(claim_view).collect::<Vec<_>>(),
        "archived": application.archived,
        "notice": notice(application),
        "disputed": application.disputed,
        "tickets": application.tickets,
        "waiting_for": waiting,
    })
}

/// A request for relief as the API shows it.
fn relief_view(relief: &Relief) -> Value {
    let done_on = |step: &str| {
        let step = relief.run.step(step).filter(|_| relief.run.is_done(step));
        step.and_then(|step| step.ended_at).map(|at| at.date().to_string())
    };
    let waiting: Vec<Value> = relief
        .run
        .waiting_for()
        .into_iter()
        .map(|waiting| {
            let who = match waiting.who {
                Who::Decider(role) | Who::Repairer(role) => role.to_string(),
                Who::Party(party) => party.to_string(),
                Who::Applicant => "applicant".into(),
                Who::Queue => "contradiction".into(),
                Who::Child => "child".into(),
            };
            json!({ "step": waiting.step, "who": who, "until": waiting.until.map(|until| until.to_string()) })
        })
        .collect();
    json!({
        "no": relief.no,
        "relief_state": relief.state().code(),
        "requested_at": relief.requested_at.to_string(),
        "via": relief.via,
        "because": relief.reason,
        "triaged_on": done_on(relief::saga::TRIAGE),
        "proposed_on": done_on(relief::saga::PROPOSE),
        "consented_on": done_on(relief::saga::CONSENT),
        "signed_on": done_on(relief::saga::SIGN),
        "in_force_on": relief.in_force_on.map(|on| on.to_string()),
        "plan": relief.plan,
        "guaranteed_until": relief.guaranteed_until.map(|on| on.to_string()),
        "over": relief.over.map(|over| json!({ "on": over.on.to_string(), "how": over.how })),
        "ending": relief.run.ending().map(ending),
        "waiting_for": waiting,
    })
}

/// A claim for a subsidy as the API shows it.
fn claim_view(claim: &Claim) -> Value {
    let decided = |step: &str| {
        let run = claim.runs.first()?.step(step)?;
        run.decided_by.as_ref()?;
        run.ended_at.map(|at| at.date().to_string())
    };
    let late = contracts::SubsidyRejection::LateClaim;
    let rejected_late = json!({ "outcome": "REFUSED", "reason_code": late.code(), "reason": late.zh() });
    json!({
        "period": claim.period,
        "claim_state": claim.state().code(),
        "claimed_at": claim.filed_at.map(|at| at.to_string()),
        "vouchers": claim.vouchers,
        "interest_fen": claim.row.as_ref().map(|row| row.interest_fen),
        "receipts": claim.row.as_ref().map(|row| &row.receipts),
        "row_no": claim.row.as_ref().map(|row| row.no),
        "list_hash": claim.row.as_ref().map(|row| &row.list_hash),
        "query": claim.query,
        "checked_on": decided(subsidy::saga::CHECK),
        "approved_on": decided(subsidy::saga::APPROVE),
        "amount_fen": claim.amount_fen,
        "pay_on": claim.pay_on.map(|on| on.to_string()),
        "paid_on": claim.paid().map(|payment| payment.on.to_string()),
        "posting_no": claim.paid().map(|payment| &payment.posting_no),
        "returned": claim
            .payments
            .iter()
            .filter_map(|payment| payment.returned.as_ref())
            .map(|returned| json!({ "on": returned.on.to_string(), "because": returned.because }))
            .collect::<Vec<_>>(),
        "ending": claim.late_on.map(|_| rejected_late).or_else(|| claim.run()?.ending().map(ending)),
    })
}

/// What the applicant is told at the end.
fn notice(application: &Application) -> Option<String> {
    if let Some(day) = application.reversed_on {
        return Some(format!("银行已于 {day} 当日冲正此笔放款，借款不成立；如仍需贷款，请重新申请。"));
    }
    let (archived, receipt) = (application.archived.as_ref()?, application.receipt.as_ref()?);
    let (amount, day, posting) = (receipt.amount_fen.fen(), receipt.value_date, &receipt.posting_no);
    Some(format!("您的申请已办结：银行放款 {amount} 元，起息日 {day}，凭证号 {posting}；归档号 {}。", archived.number))
}

fn ending(ending: &Ending<Reason>) -> Value {
    match ending {
        Ending::Completed => json!({ "outcome": "COMPLETED" }),
        Ending::Refused { step, reason } => {
            json!({ "outcome": "REFUSED", "step": step, "reason_code": reason.code(), "reason": reason.zh() })
        }
        Ending::Withdrawn { reason } => {
            json!({ "outcome": "WITHDRAWN", "reason_code": reason.code(), "reason": reason.zh() })
        }
        Ending::Expired { name } => json!({ "outcome": "EXPIRED", "reason_code": name }),
    }
}

/// A step as people read it.
pub fn step_zh(step: &str) -> &str {
    match step {
        "check eligibility" => "受理审核",
        "reserve fund" => "预留担保金",
        "assess guarantee" => "担保尽调",
        "approve credit" => "信贷审批",
        "sign contracts" => "签订担保合同",
        "issue letter" => "出具保函",
        "sign loan contract" => "签订借款合同",
        "confirm membership" => "复核会员身份",
        "disburse" => "放款",
        "make letter effective" => "保函生效",
        "commit reservation" => "担保金转为在保",
        "notify and archive" => "通知并归档",
        "triage relief" => "纾困受理",
        "propose plan" => "提出纾困方案",
        "consent to plan" => "同意纾困方案",
        "extend reservation" => "担保金随方案延期",
        "sign plan" => "签署纾困方案",
        "switch schedule" => "变更还款计划",
        "record plan" => "保函变更",
        "notify of plan" => "通知方案生效",
        "check subsidy" => "贴息核验",
        "encumber subsidy" => "贴息额度占用",
        "approve subsidy" => "贴息复核",
        "await payment day" => "等待付息日",
        "pay subsidy" => "支付贴息",
        "book subsidy" => "贴息入账",
        other => other,
    }
}

/// The fact as a line of the timeline.
pub(crate) fn line(fact: &Fact) -> Option<Line> {
    let plain = |step: &str, event: &'static str, text: String| Some(Line { step: step.to_owned(), event, text });
    match fact {
        Fact::Papers(fact) => fact.line(),
        // Of no application.
        Fact::Charters(_) => None,
        Fact::TicketReceived(ticket) => plain("", "noted", format!("12351 工单 {}：受理", ticket.id)),
        Fact::TicketChanged { id, change } => plain("", "noted", ticket::zh(*id, &change.done.act)),
        Fact::MembershipLookedUp { evidence, .. } => {
            let occasion = match evidence.occasion {
                Occasion::Filing => "提交时",
                Occasion::Eligibility => "认定时",
                Occasion::PayOut => "放款前",
            };
            let found = match (evidence.since, evidence.until) {
                (None, _) => "登记册中没有与会员号、姓名、身份证号和工会同时相符的当日有效记录".to_owned(),
                (Some(since), None) => format!("会员身份自 {since} 起有效"),
                (Some(since), Some(until)) => format!("会员身份 {since} 至 {until} 有效"),
            };
            plain("", "membership", format!("{occasion}核验会员登记册：{found}"))
        }
        Fact::Saga { fact, .. } => saga_line(fact),
        Fact::ReliefSaga { fact: saga::Fact::Ended { ending, .. }, .. } => {
            let text = match ending {
                Ending::Completed => "纾困方案已生效".to_owned(),
                Ending::Refused { reason, .. } => format!("纾困申请未获同意：{}", reason.zh()),
                Ending::Withdrawn { .. } => "纾困申请已撤回".to_owned(),
                Ending::Expired { .. } => "纾困方案逾期未签署，失效".to_owned(),
            };
            plain("", "ended", text)
        }
        Fact::ReliefSaga { fact, .. } | Fact::SubsidySaga { fact, .. } if !matches!(fact, saga::Fact::Ended { .. }) => {
            saga_line(fact)
        }
        Fact::SubsidySaga { fact: saga::Fact::Ended { ending, .. }, period, .. } => {
            let text = match ending {
                Ending::Completed => format!("{period} 期贴息办结"),
                Ending::Refused { reason, .. } | Ending::Withdrawn { reason } => {
                    format!("{period} 期贴息未获同意：{}", reason.zh())
                }
                Ending::Expired { name } => format!("{period} 期贴息过期：{name}"),
            };
            plain("", "ended", text)
        }
        Fact::SubsidyClaimed { period, late_on: None, .. } => {
            plain("check subsidy", "filed", format!("申请 {period} 期贴息"))
        }
        Fact::SubsidyClaimed { period, .. } => {
            plain("check subsidy", "refused", format!("申请 {period} 期贴息，已过截止日，不予受理"))
        }
        Fact::SubsidyCompiled { row, .. } => plain(
            "check subsidy",
            "noted",
            format!("银行 {} 期清单第 {} 行：已付利息 {} 元", row.period, row.no, row.interest_fen),
        ),
        Fact::SubsidyQueried { because, .. } => plain("check subsidy", "asked", format!("询问：{because}")),
        Fact::SubsidyAnswered { .. } => plain("check subsidy", "noted", "已答复询问".into()),
        Fact::SubsidyPassed { amount_fen, pay_on, .. } => {
            plain("check subsidy", "noted", format!("核验通过，贴息 {} 元，{pay_on} 支付", amount_fen.fen()))
        }
        Fact::SubsidyPaid { payment, .. } => {
            plain("pay subsidy", "noted", format!("贴息 {} 元已支付，{}", payment.amount_fen.fen(), payment.on))
        }
        Fact::SubsidyCameBack { returned, .. } => {
            plain("pay subsidy", "returned", format!("{} 退汇：{}", returned.on, returned.because))
        }
        Fact::SubsidyAccountCorrected { .. } => plain("pay subsidy", "noted", "已更正收款账户".into()),
        Fact::ReliefRequested { relief, .. } => plain("triage relief", "filed", format!("申请纾困：{}", relief.reason)),
        Fact::ReliefPlanned { plan, .. } => plain("propose plan", "noted", plan.zh()),
        Fact::ReliefConsented { guaranteed_until, .. } => {
            plain("consent to plan", "noted", format!("担保公司书面同意，保证期间至 {guaranteed_until}"))
        }
        Fact::ReliefInForce { on, .. } => plain("switch schedule", "noted", format!("方案自 {on} 起生效")),
        Fact::Filed(application) => {
            plain("", "filed", format!("收到申请 {}，金额 {} 元", application.id, application.wish.amount_fen.fen()))
        }
        Fact::OpinionGiven { opinion, .. } => {
            plain("assess guarantee", "noted", format!("担保公司同意担保 {} 元", opinion.amount_fen.fen()))
        }
        Fact::CreditApproved { approval, .. } => {
            plain("approve credit", "noted", format!("银行批准 {} 元", approval.amount_fen.fen()))
        }
        Fact::Reserved { reservation, .. } => {
            plain("reserve fund", "noted", format!("预留担保金 {} 元", reservation.reserved_fen))
        }
        Fact::ReservationRolls { reserved_fen, .. } => {
            plain("reserve fund", "noted", format!("旧贷担保金转入，预留担保金 {reserved_fen} 元"))
        }
        Fact::ReservationShrunk { reserved_fen, .. } => {
            plain("reserve fund", "noted", format!("预留担保金减为 {reserved_fen} 元"))
        }
        Fact::LetterNoted { letter, .. } => plain("issue letter", "noted", format!("保函 {}", letter.letter_no)),
        Fact::ContractNoted { contract_no, .. } => {
            plain("sign loan contract", "noted", format!("借款合同 {contract_no}"))
        }
        Fact::Disbursed { receipt, .. } => plain(
            "disburse",
            "noted",
            format!("银行已放款 {} 元，起息日 {}", receipt.amount_fen.fen(), receipt.value_date),
        ),
        Fact::WaitsForOldLoan { waits_for: Some(WaitsForOld { order_on: Some(on), .. }), .. } => {
            plain("confirm membership", "on_hold", format!("续贷：{on} 起通知银行，于旧贷到期日以新还旧"))
        }
        Fact::WaitsForOldLoan { waits_for: Some(WaitsForOld { settled_on: None, .. }), .. } => {
            plain("confirm membership", "on_hold", "续贷：待旧贷结清后放款".into())
        }
        Fact::WaitsForOldLoan { waits_for: Some(WaitsForOld { settled_on: Some(on), .. }), .. } => {
            plain("confirm membership", "on_hold", format!("续贷：旧贷已于 {on} 结清，次日起放款"))
        }
        Fact::LoanReportTaken { seq, fits: false, .. } => {
            plain("repay", "disputed", format!("银行关于此贷款的第 {seq} 号报告与此前所报不符，存疑，未予采信"))
        }
        Fact::LoanReportKept { report, .. } => plain("repay", report.event(), report.zh()),
        Fact::PayoutReversed { on, .. } => plain("disburse", "undone", format!("银行已于 {on} 冲正放款，借款不成立")),
        Fact::Archived { archived, .. } => {
            plain("notify and archive", "noted", format!("已通知申请人放款结果，归档号 {}", archived.number))
        }
        Fact::ReportDisputed { disputed: Disputed { key, report }, .. } => {
            let said = match report {
                DisbursementReport::Posted { receipt } => {
                    format!("已放款 {} 元（{}）", receipt.amount_fen.fen(), receipt.posting_no)
                }
                DisbursementReport::NotPosted { why } => format!("未放款（{}）", why.zh()),
                DisbursementReport::Closed => "编号已关闭".into(),
                DisbursementReport::Unknown => "结果不明".into(),
            };
            plain("disburse", "disputed", format!("银行就编号 {key} 称{said}，存疑，未予采信"))
        }
        Fact::AnswerDisputed { step, answer: DisputedAnswer { key, said }, .. } => {
            let said = match said {
                Said::AmountFen(amount) => format!("金额为 {} 元", amount.fen()),
                Said::Letter(letter) => format!("保函 {} 金额为 {} 元", letter.letter_no, letter.amount_fen.fen()),
                Said::Charter(charter) => format!("依据章程 {charter}"),
            };
            plain(step, "disputed", format!("就编号 {key} 的答复{said}，存疑，未予采信"))
        }
        Fact::Queued { .. } => plain("reserve fund", "queued", "等待担保金，进入排队".into()),
        Fact::WaitsForProgramme { suspended: true, .. } => {
            plain("reserve fund", "on_hold", "项目暂停，暂缓预留担保金".into())
        }
        Fact::WaitsForProgramme { .. } => plain("reserve fund", "noted", "项目已恢复，按先后次序预留担保金".into()),
        Fact::PutIntoGreen { green, .. } => {
            let by = green.flagged_by.as_ref().map(|by| format!("（{by}）")).unwrap_or_default();
            plain("check eligibility", "noted", format!("转入绿色通道{by}"))
        }
        Fact::LeftGreen { anew: true, .. } => plain("", "noted", "未能在绿色通道期限内受理，转为普通办理".into()),
        Fact::LeftGreen { .. } => plain("", "noted", "未能在绿色通道期限内放款，转为普通办理".into()),
        Fact::PutOnHold { .. } => plain("confirm membership", "on_hold", "项目暂停，暂缓放款".into()),
        _ => None,
    }
}

fn saga_line(fact: &saga::Fact<Role, Reason>) -> Option<Line> {
    use saga::Fact as F;
    let line = |step: &String, event: &'static str, what: &str| {
        Some(Line { step: step.clone(), event, text: format!("{}：{what}", step_zh(step)) })
    };
    match fact {
        F::TaskOpened { step, role, .. } => line(step, "opened", &format!("待{}办理", role.zh())),
        F::TaskClaimed { step, by } => line(step, "claimed", &organisation::people::hand_zh("", by.as_ref())),
        F::Suspended { step, .. } => line(step, "suspended", "已通知补充材料"),
        F::Resumed { step, .. } => line(step, "resumed", "材料已补充"),
        F::Asked { step, party, .. } => line(step, "asked", &format!("已请求{}", party.zh())),
        F::AskedAgain { step, .. } => line(step, "asked", "再次请求"),
        F::BecameUnknown { step, .. } => line(step, "unknown", "结果不明，按同一编号查询"),
        F::KeyClosing { step, .. } => line(step, "closing", "正在关闭编号"),
        F::KeyClosed { step, .. } => line(step, "closed", "编号已关闭"),
        F::StepDone { step, by, .. } => {
            line(step, "done", &by.as_ref().map_or("完成".into(), |by| format!("完成（{by}）")))
        }
        F::StepRefused { step, reason, .. } => line(step, "refused", &format!("不予通过（{}）", reason.zh())),
        F::AttemptEnded { step, reason, next_at, .. } => {
            line(step, "not done", &format!("未办成（{}），{next_at} 再次请求", reason.zh()))
        }
        F::IncidentOpened {
            step, kind: kind @ (IncidentKind::UnknownTooLong | IncidentKind::Contradicted(_)), ..
        } => line(step, "incident", &incident_zh(kind)),
        F::StepStuck { step, reason, .. } => line(step, "stuck", &format!("停滞，待人工处理（{}）", reason.zh())),
        F::UndoAsked { step, party, .. } => line(step, "undo asked", &format!("已请求{}撤销", party.zh())),
        F::Undone { step, .. } => line(step, "undone", "已撤销"),
        F::UndoFailed { step, .. } => line(step, "undo failed", "撤销失败"),
        F::Retried { step, because, by, .. } => line(step, "retried", &format!("人工重试：{because}（{by}）")),
        F::ResolutionProposed { step, because, by, .. } => {
            line(step, "resolution proposed", &format!("{by} 提议人工了结，待另一人确认：{because}"))
        }
        F::IncidentResolved { because, by: Some(by), .. } => {
            Some(Line {
                step: String::new(), event: "resolved", text: format!("异常已处理：{because}（{by}）")
            })
        }
        F::Reminded { step, percent } => line(step, "reminded", &format!("期限已过 {percent}%，提醒")),
        F::Escalated { step } => line(step, "escalated", "已逾期，上报"),
        F::ExpiryPassed { name, .. } => {
            Some(Line { step: String::new(), event: "expired", text: format!("期限届满：{name}") })
        }
        F::CancelVoid { .. } => {
            Some(Line { step: String::new(), event: "void", text: "已放款，撤回无效".into() })
        }
        F::UnwindingBegan { .. } => {
            Some(Line { step: String::new(), event: "unwinding", text: "开始撤销已完成的步骤".into() })
        }
        F::Ended { ending, .. } => {
            let text = match ending {
                Ending::Completed => "申请办结：已放款".to_owned(),
                Ending::Refused { reason, .. } => format!("申请终止：{}", reason.zh()),
                Ending::Withdrawn { reason } => format!("申请撤回：{}", reason.zh()),
                Ending::Expired { name } => format!("申请过期：{name}"),
            };
            Some(Line { step: String::new(), event: "ended", text })
        }
        _ => None,
    }
}
