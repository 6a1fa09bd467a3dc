//! What the guarantor's officers decide, as bodies of `POST /api/v1/tasks/{task_id}/decision`.

use contracts::{GuaranteeDecline, ReliefDecline};
use domain::{Amount, ResidentId};
use guarantor_core::{
    Command, Guarantor,
    case::{CounterGuarantee, Demand},
    command::{Assessment, LetterCheck, ReliefVerdict},
};
use party::{
    http::{Decision, application_id},
    vault::{Sealed, Vault},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use web::{
    Fields, Problem,
    openapi::{Described, described, one_of},
};

/// Task `due-diligence`.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "verdict", rename_all = "snake_case", deny_unknown_fields)]
enum AssessmentDecision {
    /// 同意担保
    Agree {
        /// 担保本金，分，不高于申请金额
        #[schema(value_type = i64)]
        amount_fen: Amount,
        /// 申请人须满足的条件
        conditions: Vec<String>,
        /// 反担保要求：NONE（免除，由出具意见者批准）、PERSON（自然人保证）、PLEDGE（质押或抵押）
        #[schema(value_type = String)]
        counter_guarantee: Demand,
    },
    /// 不予担保
    Decline {
        /// CASH_FLOW、DEBT_TOO_HIGH、COUNTER_GUARANTEE_LACKING、FINANCIALS_UNRELIABLE、LIMIT
        #[schema(value_type = String)]
        reason: GuaranteeDecline,
    },
}

/// Task `sign-contracts`. Read field by field; this is what the document says of it.
#[derive(ToSchema)]
#[allow(dead_code, reason = "read field by field; only its schema is used")]
struct ContractsDecision {
    /// 反担保
    counter_guarantee: CounterGuaranteeBody,
}

/// What backs the guarantee (DOMAIN.md section 1).
#[derive(ToSchema)]
#[serde(tag = "type", rename_all = "SCREAMING_SNAKE_CASE")]
#[schema(as = CounterGuarantee)]
#[allow(dead_code, reason = "read field by field; only its schema is used")]
enum CounterGuaranteeBody {
    /// 免除：仅在担保意见已免除时；批准人为出具意见者，不得为经办人
    None {},
    /// 自然人保证
    Person {
        /// 姓名
        name: String,
        /// 公民身份号码
        id: String,
        /// 与申请人的关系
        relation: String,
    },
    /// 质押或抵押
    Pledge {
        /// 质押物或抵押物，不含个人信息
        pledge: String,
    },
}

/// Task `prepare-letter`: nothing but that it is done.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LetterPrepared {}

/// Task `check-letter`.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "verdict", rename_all = "snake_case", deny_unknown_fields)]
enum LetterDecision {
    /// 出具
    Release {},
    /// 退回重拟
    Return {
        /// 理由
        because: String,
    },
}

/// Task `consent-relief`.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "verdict", rename_all = "snake_case", deny_unknown_fields)]
enum ReliefConsentDecision {
    /// 书面同意，在方案项下继续承担担保责任
    Consent {},
    /// 不同意
    Withhold {
        /// NOT_AFFECTED、NOT_COVERED、NO_ABILITY、RENEW_INSTEAD、CONSENT_WITHHELD
        #[schema(value_type = String)]
        reason: ReliefDecline,
    },
}

/// The schema of a decision's body.
pub fn schema() -> Described {
    one_of(
        "Decision",
        [
            described::<AssessmentDecision>(),
            described::<ContractsDecision>(),
            described::<LetterPrepared>(),
            described::<LetterDecision>(),
            described::<ReliefConsentDecision>(),
        ],
    )
}

/// The command that a decision on a task is. A counter-guarantor's personal data are sealed.
///
/// # Errors
/// 404: the guarantor has no such task. 400 or 422: the body is none of its decisions.
pub fn decide(vault: &Vault, task: &str, id: &str, body: &[u8]) -> Result<Decision<Guarantor>, Problem> {
    let application_id = application_id(id)?;
    let mut sealed = None;
    let command = match task {
        "due-diligence" => {
            let verdict = match web::from_slice(body)? {
                AssessmentDecision::Agree { amount_fen, conditions, counter_guarantee } => {
                    Assessment::Agree { amount_fen, conditions, counter_guarantee }
                }
                AssessmentDecision::Decline { reason } => Assessment::Decline { reason },
            };
            Command::Assess { application_id, verdict }
        }
        "sign-contracts" => {
            let counter_guarantee;
            (counter_guarantee, sealed) = backing(vault, body)?;
            Command::SignContracts { application_id, counter_guarantee }
        }
        "prepare-letter" => {
            let LetterPrepared {} = web::from_slice(body)?;
            Command::PrepareLetter { application_id }
        }
        "check-letter" => {
            let verdict = match web::from_slice(body)? {
                LetterDecision::Release {} => LetterCheck::Release,
                LetterDecision::Return { because } => LetterCheck::Return { because },
            };
            Command::CheckLetter { application_id, verdict }
        }
        "consent-relief" => {
            let verdict = match web::from_slice(body)? {
                ReliefConsentDecision::Consent {} => ReliefVerdict::Consent,
                ReliefConsentDecision::Withhold { reason } => ReliefVerdict::Withhold { reason },
            };
            Command::ConsentRelief { application_id, verdict }
        }
        _ => return Err(Problem::not_found("担保公司没有这种任务，任务编号见 GET /api/v1/tasks。")),
    };
    Ok(Decision { command, sealed })
}

/// A counter-guarantor, on the way into the vault.
#[derive(Serialize)]
struct CounterGuarantor {
    name: String,
    id: ResidentId,
    relation: String,
}

/// A counter-guarantor as everybody who works on the case may see it.
pub fn mask(record: &Value) -> Value {
    let text = |name: &str| record[name].as_str().unwrap_or_default();
    json!({
        "name": domain::mask_name(text("name")),
        "id": ResidentId::parse(text("id")).map(|id| id.masked()).unwrap_or_default(),
        "relation": record["relation"],
    })
}

enum Backing {
    Waived,
    Person(CounterGuarantor),
    Pledge(String),
}

fn backing(vault: &Vault, body: &[u8]) -> Result<(CounterGuarantee, Option<Sealed>), Problem> {
    let mut fields = Fields::parse(body)?;
    let backing = fields.object("counter_guarantee", |fields| {
        match fields.choice("type", &["NONE", "PERSON", "PLEDGE"])? {
            "NONE" => Some(Backing::Waived),
            "PERSON" => {
                let name = fields.text("name", 2..=30);
                // What is wrong with the number is said without the number.
                let id = fields
                    .read("id", "IDENTIFIER", |text| ResidentId::parse(text).map_err(|_| "不是有效的公民身份号码。"));
                let relation = fields.text("relation", 1..=30);
                Some(Backing::Person(CounterGuarantor { name: name?, id: id?, relation: relation? }))
            }
            _ => fields.text("pledge", 2..=500).map(Backing::Pledge),
        }
    });
    Ok(match fields.finish(backing)? {
        Backing::Waived => (CounterGuarantee::None {}, None),
        Backing::Pledge(pledge) => (CounterGuarantee::Pledge { pledge }, None),
        Backing::Person(person) => {
            let data = serde_json::to_vec(&person).map_err(|error| Problem::internal(&error))?;
            let sealed = vault.seal(&data).map_err(|error| Problem::internal(&error))?;
            (CounterGuarantee::Person { vault_token: sealed.token.clone() }, Some(sealed))
        }
    })
}
