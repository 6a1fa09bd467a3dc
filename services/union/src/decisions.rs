//! What the union's officers decide, as bodies of `POST /api/v1/tasks/{task_id}/decision`.

use crate::hotline;
use contracts::{ReliefDecline, SubsidyRejection};
use party::{
    http::{Decision, application_id},
    vault::Vault,
};
use serde::Deserialize;
use union_core::{
    Command, Union, command::EligibilityVerdict, subsidy::CheckVerdict, ticket::TicketId, vocabulary::IntakeRejection,
};
use utoipa::ToSchema;
use web::{
    Problem,
    openapi::{Described, described, one_of},
};

/// Task `check-eligibility`.
// Variants without content have braces: only then does serde refuse what is beside the verdict.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "verdict", rename_all = "snake_case", deny_unknown_fields)]
enum EligibilityDecision {
    /// 符合条件
    Approve {},
    /// 不符合条件
    Reject {
        /// MEMBERSHIP、GROUP_NOT_PROVEN、NOT_OPERATING、PURPOSE_UNSUPPORTED、DOCUMENTS_INCONSISTENT
        #[schema(value_type = String)]
        reason: IntakeRejection,
    },
    /// 材料不全，通知补充
    AskForPapers {},
    /// 材料已补齐
    PapersSupplied {},
    /// 转入绿色通道（即申即办），仅在纾困政策施行期间提交的申请；审核从头计时
    FlagGreen {},
}

/// Task `triage-relief`.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "verdict", rename_all = "snake_case", deny_unknown_fields)]
enum TriageDecision {
    /// 受理，请银行提出方案
    Accept {},
    /// 不予受理
    Reject {
        /// NOT_AFFECTED、NOT_COVERED、RENEW_INSTEAD
        #[schema(value_type = String)]
        reason: ReliefDecline,
    },
}

/// Task `check-subsidy`.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "verdict", rename_all = "snake_case", deny_unknown_fields)]
enum SubsidyCheckDecision {
    /// 核验通过：会员、基层工会、凭证、逾期均无问题，利息与逐笔通报相符
    Pass {},
    /// 询问申请人
    Query {
        /// 询问内容
        because: String,
    },
    /// 驳回
    Reject {
        /// MEMBERSHIP_LAPSED、UNION_DISSOLVED、NO_VOUCHERS、DUPLICATE、OVERDUE
        #[schema(value_type = String)]
        reason: SubsidyRejection,
    },
}

/// Task `approve-subsidy`.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "verdict", rename_all = "snake_case", deny_unknown_fields)]
enum SubsidyApprovalDecision {
    /// 同意支付
    Approve {},
    /// 驳回
    Reject {
        /// MEMBERSHIP_LAPSED、UNION_DISSOLVED、NO_VOUCHERS、DUPLICATE、OVERDUE
        #[schema(value_type = String)]
        reason: SubsidyRejection,
    },
}

/// The schema of a decision's body.
pub fn schema() -> Described {
    one_of(
        "Decision",
        [
            described::<hotline::Act>(),
            described::<EligibilityDecision>(),
            described::<TriageDecision>(),
            described::<SubsidyCheckDecision>(),
            described::<SubsidyApprovalDecision>(),
        ],
    )
}

/// The command that a decision on a task is.
///
/// # Errors
/// 404: the union has no such task. 400 or 422: the body is none of its decisions.
pub fn decide(_: &Vault, task: &str, id: &str, body: &[u8]) -> Result<Decision<Union>, Problem> {
    if let Ok(ticket_id) = TicketId::parse(id) {
        let act = hotline::act(task, body)?;
        return Ok(Decision { command: Command::ActOnTicket { ticket_id, act }, sealed: None });
    }
    let application_id = application_id(id)?;
    match task {
        "check-eligibility" => {
            let verdict = match web::from_slice(body)? {
                EligibilityDecision::Approve {} => EligibilityVerdict::Approve,
                EligibilityDecision::Reject { reason } => EligibilityVerdict::Reject { reason },
                EligibilityDecision::AskForPapers {} => EligibilityVerdict::AskForPapers,
                EligibilityDecision::PapersSupplied {} => EligibilityVerdict::PapersSupplied,
                EligibilityDecision::FlagGreen {} => EligibilityVerdict::FlagGreen,
            };
            Ok(Decision { command: Command::DecideEligibility { application_id, verdict }, sealed: None })
        }
        "triage-relief" => {
            let declined = match web::from_slice(body)? {
                TriageDecision::Accept {} => None,
                TriageDecision::Reject { reason } => Some(reason),
            };
            Ok(Decision { command: Command::TriageRelief { application_id, declined }, sealed: None })
        }
        "check-subsidy" => {
            let verdict = match web::from_slice(body)? {
                SubsidyCheckDecision::Pass {} => CheckVerdict::Pass,
                SubsidyCheckDecision::Query { because } => CheckVerdict::Query { because },
                SubsidyCheckDecision::Reject { reason } => CheckVerdict::Reject { reason },
            };
            Ok(Decision { command: Command::CheckSubsidy { application_id, verdict }, sealed: None })
        }
        "approve-subsidy" => {
            let rejected = match web::from_slice(body)? {
                SubsidyApprovalDecision::Approve {} => None,
                SubsidyApprovalDecision::Reject { reason } => Some(reason),
            };
            Ok(Decision { command: Command::ApproveSubsidy { application_id, rejected }, sealed: None })
        }
        _ => Err(Problem::not_found("工会没有这种任务，任务编号见 GET /api/v1/tasks。")),
    }
}
