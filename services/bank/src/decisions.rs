//! What the bank's officers decide, as bodies of `POST /api/v1/tasks/{task_id}/decision`.

use crate::unidentified;
use bank_core::{
    Bank, Command,
    command::{CorrectionCheck, CreditVerdict, Finding, PaymentCheck, ReliefVerdict, ReversalCheck},
};
use contracts::{CreditDecline, ReliefDecline};
use domain::{Amount, CardNumber, Date, Method, Ppm, loan::Measure};
use party::{
    http::{Decision, application_id},
    vault::Vault,
};
use serde::Deserialize;
use utoipa::ToSchema;
use web::{
    Fields, Problem,
    openapi::{Described, described, one_of},
};

/// Task `investigate`.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "finding", rename_all = "snake_case", deny_unknown_fields)]
enum InvestigationReport {
    /// 建议放贷
    Recommend {
        /// 本金，分，不高于申请金额
        #[schema(value_type = i64)]
        amount_fen: Amount,
        /// 合同利率，百万分之一每年，不高于当日上限
        #[schema(value_type = u32)]
        rate_ppm: Ppm,
        /// BULLET、EQUAL_PAYMENT、EQUAL_PRINCIPAL
        #[schema(value_type = String)]
        method: Method,
    },
    /// 建议拒绝
    Advise {
        /// CREDIT_RECORD、REPAYMENT_SOURCE、RELATED_DEBT
        #[schema(value_type = String)]
        decline: CreditDecline,
    },
}

/// Task `decide-credit`.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "verdict", rename_all = "snake_case", deny_unknown_fields)]
enum CreditDecisionBody {
    /// 批准
    Approve {
        /// 本金，分，不高于建议金额
        #[schema(value_type = i64)]
        amount_fen: Amount,
        /// 合同利率，百万分之一每年，不高于当日上限
        #[schema(value_type = u32)]
        rate_ppm: Ppm,
        /// BULLET、EQUAL_PAYMENT、EQUAL_PRINCIPAL
        #[schema(value_type = String)]
        method: Method,
    },
    /// 拒绝
    Decline {
        /// CREDIT_RECORD、REPAYMENT_SOURCE、RELATED_DEBT
        #[schema(value_type = String)]
        reason: CreditDecline,
    },
    /// 退回调查
    Return {
        /// 理由
        because: String,
    },
}

/// Tasks `sign-loan-contract` and `prepare-payment`: nothing but that it is done.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Done {}

/// Task `check-payment`.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "verdict", rename_all = "snake_case", deny_unknown_fields)]
enum PaymentDecision {
    /// 放款
    Release {},
    /// 放款，收款账户已销户，款项挂账（仅限本行自行记账）
    Suspend {},
    /// 退回经办
    Return {
        /// 理由
        because: String,
    },
}

/// Task `prepare-correction`.
#[derive(ToSchema)]
#[allow(dead_code, reason = "read field by field; only its schema is used")]
struct CorrectionBody {
    /// 更正后的收款账户，16 至 19 位
    settle_account: String,
}

/// Task `check-correction`.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "verdict", rename_all = "snake_case", deny_unknown_fields)]
enum CorrectionDecision {
    /// 转入更正账户
    Release {},
    /// 退回经办
    Return {
        /// 理由
        because: String,
    },
}

/// Task `check-reversal`.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "verdict", rename_all = "snake_case", deny_unknown_fields)]
enum ReversalDecision {
    /// 冲正：借款不成立
    Release {},
    /// 不予冲正
    Return {
        /// 理由
        because: String,
    },
}

/// Task `propose-relief`.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "verdict", rename_all = "snake_case", deny_unknown_fields)]
enum ReliefDecision {
    /// 提出方案：至少一项措施，按展期、只付利息、延期付息的次序生效
    Propose {
        /// 展期至
        #[schema(value_type = Option<String>)]
        extend_to: Option<Date>,
        /// 只付利息，至此日止
        #[schema(value_type = Option<String>)]
        interest_only_until: Option<Date>,
        /// 其间本金的归还日，须为其后的还款日
        #[schema(value_type = Option<String>)]
        principal_on: Option<Date>,
        /// 延期付息：原到期日
        #[schema(value_type = Option<String>)]
        defer_due_on: Option<Date>,
        /// 分期归还的各日；各期金额相等，余数归末期
        #[serde(default)]
        #[schema(value_type = Vec<String>)]
        defer_parts_on: Vec<Date>,
    },
    /// 不提出方案
    Decline {
        /// NOT_AFFECTED、NOT_COVERED、NO_ABILITY、RENEW_INSTEAD
        #[schema(value_type = String)]
        reason: ReliefDecline,
    },
}

impl ReliefDecision {
    fn verdict(self) -> Result<ReliefVerdict, Problem> {
        let (extend_to, interest_only_until, principal_on, defer_due_on, parts_on) = match self {
            ReliefDecision::Decline { reason } => return Ok(ReliefVerdict::Decline { reason }),
            ReliefDecision::Propose { extend_to, interest_only_until, principal_on, defer_due_on, defer_parts_on } => {
                (extend_to, interest_only_until, principal_on, defer_due_on, defer_parts_on)
            }
        };
        let missing = |name: &str, detail: &str| {
            let (pointer, detail) = (format!("/{name}"), detail.to_owned());
            Problem::invalid(vec![web::FieldError { pointer, code: "REQUIRED".into(), detail }])
        };
        let mut measures: Vec<Measure> = extend_to.map(|to| Measure::Extend { to }).into_iter().collect();
        match (interest_only_until, principal_on) {
            (Some(until), Some(principal_on)) => measures.push(Measure::InterestOnly { until, principal_on }),
            (None, None) => {}
            (None, Some(_)) => return Err(missing("interest_only_until", "请填写只付利息的截止日。")),
            (Some(_), None) => return Err(missing("principal_on", "请填写其间本金的归还日。")),
        }
        match (defer_due_on, parts_on.is_empty()) {
            (Some(due_on), false) => measures.push(Measure::DeferInterest { due_on, parts_on }),
            (None, true) => {}
            (None, false) => return Err(missing("defer_due_on", "请填写延期利息的原到期日。")),
            (Some(_), true) => return Err(missing("defer_parts_on", "请填写延期利息的归还日，每行一个。")),
        }
        Ok(ReliefVerdict::Propose { measures })
    }
}

/// The schema of a decision's body.
pub fn schema() -> Described {
    one_of(
        "Decision",
        [
            described::<InvestigationReport>(),
            described::<CreditDecisionBody>(),
            described::<Done>(),
            described::<PaymentDecision>(),
            described::<CorrectionBody>(),
            described::<CorrectionDecision>(),
            described::<ReversalDecision>(),
            described::<ReliefDecision>(),
            described::<unidentified::MoneyDecision>(),
        ],
    )
}

/// The command that a decision on a task is.
///
/// # Errors
/// 404: the bank has no such task. 400 or 422: the body is none of its decisions.
pub fn decide(vault: &Vault, task: &str, id: &str, body: &[u8]) -> Result<Decision<Bank>, Problem> {
    if unidentified::matter(id).is_some() {
        return Ok(Decision { command: unidentified::decide(task, id, body)?, sealed: None });
    }
    let application_id = application_id(id)?;
    let command = match task {
        "investigate" => {
            let finding = match web::from_slice(body)? {
                InvestigationReport::Recommend { amount_fen, rate_ppm, method } => {
                    Finding::Recommend { amount_fen, rate_ppm, method }
                }
                InvestigationReport::Advise { decline } => Finding::Advise { decline },
            };
            Command::Investigate { application_id, finding }
        }
        "decide-credit" => {
            let verdict = match web::from_slice(body)? {
                CreditDecisionBody::Approve { amount_fen, rate_ppm, method } => {
                    CreditVerdict::Approve { amount_fen, rate_ppm, method }
                }
                CreditDecisionBody::Decline { reason } => CreditVerdict::Decline { reason },
                CreditDecisionBody::Return { because } => CreditVerdict::Return { because },
            };
            Command::DecideCredit { application_id, verdict }
        }
        "sign-loan-contract" => {
            let Done {} = web::from_slice(body)?;
            Command::SignLoanContract { application_id }
        }
        "prepare-payment" => {
            let Done {} = web::from_slice(body)?;
            Command::PreparePayment { application_id }
        }
        "check-payment" => {
            let verdict = match web::from_slice(body)? {
                PaymentDecision::Release {} => PaymentCheck::Release,
                PaymentDecision::Suspend {} => PaymentCheck::Suspend,
                PaymentDecision::Return { because } => PaymentCheck::Return { because },
            };
            Command::CheckPayment { application_id, verdict }
        }
        "prepare-correction" => {
            let mut fields = Fields::parse(body)?;
            let number = fields.read("settle_account", "IDENTIFIER", |text| {
                CardNumber::parse(text).map_err(|_| "应为 16 至 19 位账号；卡号须通过校验。")
            });
            let number = fields.finish(number)?;
            let data = serde_json::to_vec(&serde_json::json!({ "settle_account": number }));
            let data = data.map_err(|error| Problem::internal(&error))?;
            let sealed = vault.seal(&data).map_err(|error| Problem::internal(&error))?;
            let command = Command::PrepareCorrection { application_id, account: sealed.token.clone() };
            return Ok(Decision { command, sealed: Some(sealed) });
        }
        "check-correction" => {
            let verdict = match web::from_slice(body)? {
                CorrectionDecision::Release {} => CorrectionCheck::Release,
                CorrectionDecision::Return { because } => CorrectionCheck::Return { because },
            };
            Command::CheckCorrection { application_id, verdict }
        }
        "check-reversal" => {
            let verdict = match web::from_slice(body)? {
                ReversalDecision::Release {} => ReversalCheck::Release,
                ReversalDecision::Return { because } => ReversalCheck::Return { because },
            };
            Command::CheckReversal { application_id, verdict }
        }
        "propose-relief" => {
            let verdict = web::from_slice::<ReliefDecision>(body)?.verdict()?;
            Command::ProposeRelief { application_id, verdict }
        }
        _ => return Err(Problem::not_found("银行没有这种任务，任务编号见 GET /api/v1/tasks。")),
    };
    Ok(Decision { command, sealed: None })
}
