//! What the applicant is told at each step, in Chinese: where the application stands and what is to be done next. The journal is the
//! outbox: a notice follows from the fact that it tells of, is listed on the applicant's page, and leaves through the notifier.
//!
//! It names the application and nobody: no person, no account, no finding.

use crate::{Fact, Reason, Role};
use contracts::LoanReport;
use domain::ApplicationId;
use organisation::Notice;
use saga::{Ending, Fact as Step};

/// The notice of a fact, if the applicant is told of it.
pub(crate) fn of(fact: &Fact) -> Option<Notice> {
    let notice = |code: &'static str, text: String| Some(Notice { code, text });
    match fact {
        Fact::Filed(application) => notice("FILED", format!("您的申请 {} 已收到，正在受理审核。", application.id)),
        Fact::PutIntoGreen { id, .. } => notice("GREEN", format!("申请 {id} 已转入绿色通道。")),
        Fact::Queued { id } => notice("QUEUED", format!("申请 {id} 已通过受理审核；担保金额度已满，正在排队。")),
        Fact::Saga { id, fact } => of_origination(id, fact),
        Fact::Disbursed { id, receipt } => notice(
            "PAID_OUT",
            format!(
                "申请 {id} 已放款 {} 元，起息日 {}，到期日 {}。请按还款计划按期还款。",
                receipt.amount_fen.fen(),
                receipt.value_date,
                receipt.maturity_on
            ),
        ),
        Fact::PayoutReversed { id, on } => {
            notice("REVERSED", format!("银行已于 {on} 当日冲正申请 {id} 的放款，借款不成立。"))
        }
        Fact::LoanReportKept { id, report, .. } => of_loan(id, report),
        Fact::ReliefSaga { id, fact, .. } => of_relief(id, fact),
        Fact::ReliefInForce { id, on, .. } => {
            notice("RELIEF_IN_FORCE", format!("贷款 {id} 的纾困方案自 {on} 起生效，请按新的还款计划还款。"))
        }
        Fact::SubsidyClaimed { id, late_on: Some(_), .. } => {
            notice("SUBSIDY_LATE", format!("贷款 {id} 的贴息申请已过截止日，不予受理。"))
        }
        Fact::SubsidyClaimed { id, period, .. } => {
            notice("SUBSIDY_CLAIMED", format!("贷款 {id} 的 {period} 期贴息申请已收到。"))
        }
        Fact::SubsidyQueried { id, .. } => {
            notice("SUBSIDY_QUERIED", format!("贷款 {id} 的贴息申请待您答复，请在申请页查看。"))
        }
        Fact::SubsidyPaid { id, payment, .. } => notice(
            "SUBSIDY_PAID",
            format!("贷款 {id} 的贴息 {} 元已于 {} 支付。", payment.amount_fen.fen(), payment.on),
        ),
        Fact::SubsidyCameBack { id, .. } => {
            notice("SUBSIDY_RETURNED", format!("贷款 {id} 的贴息被退汇，请在申请页更正收款账户。"))
        }
        Fact::SubsidySaga { id, fact: Step::Ended { ending: Ending::Refused { reason, .. }, .. }, .. } => {
            notice("SUBSIDY_REJECTED", format!("贷款 {id} 的贴息未获同意：{}。", reason.zh()))
        }
        Fact::TicketChanged { id, change } => match &change.done.act {
            crate::ticket::Act::Reply { .. } | crate::ticket::Act::AnswerAtOnce { .. } => {
                notice("TICKET_REPLIED", format!("12351 工单 {id} 已有答复，请在申请页查看。"))
            }
            _ => None,
        },
        _ => None,
    }
}

fn of_origination(id: &ApplicationId, fact: &Step<Role, Reason>) -> Option<Notice> {
    let (code, text) = match fact {
        Step::Suspended { due_at, .. } => {
            ("PAPERS", format!("申请 {id} 材料不全，请最迟于 {} 补交；逾期未补，申请失效。", due_at.date()))
        }
        Step::StepDone { step, .. } => match step.as_str() {
            "check eligibility" => ("ELIGIBLE", format!("申请 {id} 已通过受理审核。")),
            "assess guarantee" => ("GUARANTEED", format!("担保公司已同意为申请 {id} 担保。")),
            "approve credit" => ("APPROVED", format!("银行已批准申请 {id}。")),
            _ => return None,
        },
        Step::ExpirySet { name, due_at } if name == "CONTRACT" => (
            "SIGN_CONTRACTS",
            format!("请最迟于 {} 到担保公司签订申请 {id} 的担保合同；逾期未签，申请失效。", due_at.date()),
        ),
        Step::Asked { step, .. } if step == "sign loan contract" => {
            ("SIGN_LOAN_CONTRACT", format!("请到银行签订申请 {id} 的借款合同。"))
        }
        Step::Ended { ending, .. } => match ending {
            Ending::Completed => return None,
            Ending::Refused { reason, .. } => {
                ("REFUSED", format!("申请 {id} 未获通过：{}。您可以再次申请。", reason.zh()))
            }
            Ending::Withdrawn { .. } => ("WITHDRAWN", format!("申请 {id} 已按您的要求撤回，各方手续均已撤销。")),
            Ending::Expired { .. } => ("EXPIRED", format!("申请 {id} 已过期限而终止。您可以再次申请。")),
        },
        _ => return None,
    };
    Some(Notice { code, text })
}

fn of_loan(id: &ApplicationId, report: &LoanReport) -> Option<Notice> {
    let (code, text) = match report {
        LoanReport::Received { receipt } => {
            let paid = [receipt.principal_fen, receipt.interest_fen, receipt.penalty_fen];
            let paid = domain::Fen::sum(paid).unwrap_or_default();
            ("REPAID", format!("贷款 {id} 已收到还款 {paid} 元，剩余本金 {} 元。", receipt.outstanding_fen))
        }
        LoanReport::Reversed { receipt, .. } => {
            ("REPAYMENT_REVERSED", format!("贷款 {id} 的第 {} 笔收款已冲正，请查看还款计划。", receipt.no))
        }
        LoanReport::Overdue { since } => {
            ("OVERDUE", format!("贷款 {id} 于 {since} 到期的款项尚未还清，请尽快还款；有困难可拨 12351。"))
        }
        LoanReport::Current {} => ("CURRENT", format!("贷款 {id} 的逾期款项已还清。")),
        LoanReport::Settled { on, .. } => {
            ("SETTLED", format!("贷款 {id} 已于 {on} 结清。请在截止日前凭付息凭证申请贴息。"))
        }
        LoanReport::Rescheduled { schedule } if schedule.relief.is_none() => {
            ("RESCHEDULED", format!("贷款 {id} 的还款计划已变更，请在申请页查看。"))
        }
        LoanReport::Rescheduled { .. } => return None,
        LoanReport::ReliefEnded { kept: true, .. } => ("RELIEF_KEPT", format!("贷款 {id} 的纾困方案已履行完毕。")),
        LoanReport::ReliefEnded { kept: false, .. } => {
            ("RELIEF_BROKEN", format!("贷款 {id} 的纾困方案未能履行，请尽快还款；有困难可拨 12351。"))
        }
    };
    Some(Notice { code, text })
}

fn of_relief(id: &ApplicationId, fact: &Step<Role, Reason>) -> Option<Notice> {
    let (code, text) = match fact {
        Step::Started { .. } => ("RELIEF_REQUESTED", format!("贷款 {id} 的纾困申请已收到。")),
        Step::StepDone { step, .. } if step == crate::relief::saga::TRIAGE => {
            ("RELIEF_TRIAGED", format!("贷款 {id} 的纾困申请已受理，银行正在拟定方案。"))
        }
        Step::ExpirySet { name, due_at } if name == "SIGNATURE" => (
            "SIGN_RELIEF",
            format!("贷款 {id} 的纾困方案待您签署，请最迟于 {} 在申请页签署，逾期失效。", due_at.date()),
        ),
        Step::Ended { ending, .. } => match ending {
            Ending::Completed => return None,
            Ending::Refused { reason, .. } => {
                ("RELIEF_REFUSED", format!("贷款 {id} 的纾困申请未获同意：{}。", reason.zh()))
            }
            Ending::Withdrawn { .. } => ("RELIEF_WITHDRAWN", format!("贷款 {id} 的纾困申请已撤回。")),
            Ending::Expired { .. } => ("RELIEF_LAPSED", format!("贷款 {id} 的纾困方案逾期未签署，已失效。")),
        },
        _ => return None,
    };
    Some(Notice { code, text })
}
