//! The form of an application: validated field by field, personal data sealed, facts derived for the core.
//!
//! DOMAIN.md section 5 has the fields; here they are checked for form. What the charter says of them (amounts, terms, age,
//! area) is the core's to decide. No personal data leaves this file but sealed, as a pseudonym, or as a derived fact.

use crate::{
    identifiers::{day, fault_zh, last_day},
    members::pseudonym,
};
use contracts::{Firm, Wish};
use domain::{
    Amount, ApplicationId, CardNumber, Date, Fen, Method, Mobile, Moment, ResidentId, Uscc, schedule::add_months,
};
use party::vault::{Sealed, Vault};
use serde::Serialize;
use std::collections::BTreeSet;
use union_core::{
    command::Form,
    renewal::{Renewal, RenewalMode},
    vocabulary::{GreenReason, RenewalReason},
};
use utoipa::ToSchema;
use web::{Fields, Problem};

/// Consents without which nothing may be processed (DOMAIN.md section 5).
const MANDATORY: &[&str] = &[
    "PERSONAL_DATA_UNION",
    "PERSONAL_DATA_GUARANTOR",
    "PERSONAL_DATA_BANK",
    "CREDIT_QUERY",
    "CREDIT_REPORTING",
    "SHARING",
];
const CONSENTS: &[&str] = &[
    "PERSONAL_DATA_UNION",
    "PERSONAL_DATA_GUARANTOR",
    "PERSONAL_DATA_BANK",
    "CREDIT_QUERY",
    "CREDIT_REPORTING",
    "SHARING",
    "SMS",
    "PUBLICITY",
];
const GROUPS: &[&str] =
    &["TRANSFERRED", "LAID_OFF", "MIGRANT", "MODEL_WORKER", "HARDSHIP", "HARDSHIP_CHILD", "GRADUATE", "VETERAN"];
const INTAKE_CHANNELS: &[&str] = &["WINDOW", "APP", "WECHAT", "DISTRICT", "12351"];
const METHODS: [(&str, Method); 3] =
    [("BULLET", Method::Bullet), ("EQUAL_PAYMENT", Method::EqualPayment), ("EQUAL_PRINCIPAL", Method::EqualPrincipal)];

/// The body of `POST /api/v1/applications`. It is read field by field; this is what the document says of it.
#[derive(ToSchema)]
#[allow(dead_code, reason = "read field by field; only its schema is used")]
pub struct Submission {
    /// 企业名称，2 至 100 字
    enterprise_name: String,
    /// 统一社会信用代码（GB 32100-2015）
    uscc: String,
    /// 成立日期 YYYY-MM-DD
    registered_on: String,
    /// 营业执照有效期末日；null 或 长期 表示长期
    licence_valid_to: Option<String>,
    /// 行业，GB/T 4754 门类与大类，例如 I65
    industry_code: String,
    /// 所在区，例如 海淀
    district: String,
    /// 经营地址
    address: String,
    /// 划型 MICRO、SMALL
    size_class: String,
    /// 从业人数
    employees: u32,
    /// 上年营业收入，分
    turnover_fen: i64,
    /// 上年纳税额，分
    tax_fen: i64,
    /// 现有负债，分
    debt_fen: i64,
    /// 稳定岗位数
    jobs_kept: u32,
    /// 新增岗位数
    jobs_created: u32,
    /// 法定代表人姓名
    legal_rep_name: String,
    /// 法定代表人公民身份号码（GB 11643）
    legal_rep_id: String,
    /// 手机号码
    mobile: String,
    /// 结算账户，16 至 19 位
    settle_account: String,
    /// 基层工会编号
    union_org_id: String,
    /// 基层工会名称
    union_name: String,
    /// 会员号（京卡号）
    member_no: String,
    /// 人群类别
    beneficiary_group: String,
    /// 申请金额，分
    amount_fen: i64,
    /// 期限，月
    term_months: u16,
    /// 还款方式 BULLET、EQUAL_PAYMENT、EQUAL_PRINCIPAL
    method: String,
    /// 资金用途
    purpose: String,
    /// 受理渠道 WINDOW、APP、WECHAT、DISTRICT、12351
    intake_channel: String,
    /// 办理通道 STANDARD、GREEN（绿色通道，即申即办）
    channel: String,
    /// 绿色通道的理由 HIT_INDUSTRY、OFFICER_FLAG（仅受理人员代交时）；普通办理为 null 或不填
    green_reason: Option<String>,
    /// 续贷：旧贷款的申请编号；不是续贷为 null 或不填
    renewal_of: Option<String>,
    /// 续贷方式 REPAY_FIRST（先还后贷：旧贷结清次日起放款）、NEW_REPAYS_OLD（无还本续贷：旧贷到期日以新还旧）；续贷必填
    renewal_mode: Option<String>,
    /// 纾困续贷的理由 HIT_INDUSTRY、PROMISING；其他为 null 或不填
    renewal_reason: Option<String>,
    /// 再次申请：此前未获放款即终止的申请编号；不得与续贷并填
    reapplication_of: Option<String>,
    /// 授权
    consents: Vec<SubmittedConsent>,
}

/// A consent that the applicant gave.
#[derive(ToSchema)]
#[schema(as = Consent)]
#[allow(dead_code, reason = "read field by field; only its schema is used")]
pub struct SubmittedConsent {
    /// 授权种类
    r#type: String,
    /// 授权文本版本
    text_version: String,
    /// 授权时间 ISO 8601
    given_at: String,
}

/// A form without fault.
struct Validated {
    green: Option<GreenReason>,
    renewal: Option<Renewal>,
    reapplication_of: Option<ApplicationId>,
    intake_channel: &'static str,
    firm: Firm,
    wish: Wish,
    licence_valid_to: Option<Date>,
    legal_rep_id: ResidentId,
    private: Private,
}

/// What goes into the vault: the personal data, and what only the union needs.
#[derive(Serialize)]
struct Private {
    legal_rep_name: String,
    legal_rep_id: ResidentId,
    mobile: Mobile,
    settle_account: CardNumber,
    address: String,
    union_org_id: String,
    union_name: String,
    member_no: String,
    beneficiary_group: &'static str,
    size_class: &'static str,
    jobs_kept: u32,
    jobs_created: u32,
    consents: Vec<Consent>,
    /// Goes before the bytes of each paper when its address is made, so that an address tells nothing of them.
    paper_salt: String,
}

#[derive(Serialize)]
struct Consent {
    r#type: &'static str,
    text_version: String,
    given_at: String,
}

/// Reads a form as it came on `today`: what the core gets to decide on, and the personal data beside it.
///
/// # Errors
/// 400: no JSON. 422: everything that is wrong with it, at once.
pub fn read(body: &[u8], vault: &Vault, today: Date) -> Result<(Form, Sealed), Problem> {
    let mut fields = Fields::parse(body)?;
    let validated = validate(&mut fields, today);
    derive(fields.finish(validated)?, vault, today)
}

fn validate(fields: &mut Fields, today: Date) -> Option<Validated> {
    // Every field is read before any is missed, so that everything wrong is said at once.
    let enterprise_name = fields.text("enterprise_name", 2..=100);
    let uscc = fields.read("uscc", "IDENTIFIER", |text| Uscc::parse(text).map_err(|error| fault_zh(&error)));
    let registered_on = fields.read("registered_on", "DATE", day);
    let licence_valid_to = fields.read_optional("licence_valid_to", "DATE", last_day);
    let industry_code = fields.read("industry_code", "INDUSTRY", industry);
    let district = fields.text("district", 2..=20);
    let address = fields.text("address", 2..=200);
    let size_class = fields.choice("size_class", &["MICRO", "SMALL"]);
    let employees = fields.integer::<u32>("employees", 0..=1_000_000);
    let turnover_fen = fields.integer::<i64>("turnover_fen", 0..=Amount::MAX.get());
    let tax_fen = fields.integer::<i64>("tax_fen", 0..=Amount::MAX.get());
    let debt_fen = fields.integer::<i64>("debt_fen", 0..=Amount::MAX.get());
    let jobs_kept = fields.integer::<u32>("jobs_kept", 0..=1_000_000);
    let jobs_created = fields.integer::<u32>("jobs_created", 0..=1_000_000);
    let legal_rep_name = fields.text("legal_rep_name", 2..=30);
    let legal_rep_id = fields.read("legal_rep_id", "IDENTIFIER", |text| resident_id(text, today));
    let mobile = fields.read("mobile", "IDENTIFIER", |text| Mobile::parse(text).map_err(|error| fault_zh(&error)));
    let settle_account =
        fields.read("settle_account", "IDENTIFIER", |text| CardNumber::parse(text).map_err(|error| fault_zh(&error)));
    let union_org_id = fields.text("union_org_id", 1..=40);
    let union_name = fields.text("union_name", 2..=100);
    let member_no = fields.text("member_no", 4..=40);
    let beneficiary_group = fields.choice("beneficiary_group", GROUPS);
    let amount_fen = fields.integer::<i64>("amount_fen", 1..=Amount::MAX.get());
    let term_months = fields.integer::<u16>("term_months", 1..=600);
    let method = fields.choice("method", &METHODS.map(|(code, _)| code));
    let purpose = fields.text("purpose", 2..=200);
    let intake_channel = fields.choice("intake_channel", INTAKE_CHANNELS);
    let green = green(fields);
    let before = before(fields);
    let consents = consents(fields, today);

    let (renewal, reapplication_of) = before?;
    Some(Validated {
        green: green?,
        renewal,
        reapplication_of,
        intake_channel: intake_channel?,
        firm: Firm {
            enterprise_name: enterprise_name?,
            uscc: uscc?,
            industry_code: industry_code?,
            district: district?.trim_end_matches('区').to_owned(),
            registered_on: registered_on?,
            employees: employees?,
            turnover_fen: Fen::new(turnover_fen?),
            tax_fen: Fen::new(tax_fen?),
            debt_fen: Fen::new(debt_fen?),
        },
        wish: Wish {
            amount_fen: Amount::new(Fen::new(amount_fen?)).ok()?,
            term_months: term_months?,
            method: METHODS.into_iter().find(|(code, _)| Some(*code) == method)?.1,
            purpose: purpose?,
        },
        licence_valid_to: licence_valid_to?.flatten(),
        legal_rep_id: legal_rep_id.clone()?,
        private: Private {
            legal_rep_name: legal_rep_name?,
            legal_rep_id: legal_rep_id?,
            mobile: mobile?,
            settle_account: settle_account?,
            address: address?,
            union_org_id: union_org_id?,
            union_name: union_name?,
            member_no: member_no?,
            beneficiary_group: beneficiary_group?,
            size_class: size_class?,
            jobs_kept: jobs_kept?,
            jobs_created: jobs_created?,
            consents: consents?,
            paper_salt: String::new(),
        },
    })
}

/// The channel: STANDARD, or GREEN and why.
fn green(fields: &mut Fields) -> Option<Option<GreenReason>> {
    let channel = fields.choice("channel", &["STANDARD", "GREEN"]);
    let reason = fields.read_optional("green_reason", "CHOICE", |text| match text {
        "HIT_INDUSTRY" => Ok(GreenReason::HitIndustry),
        "OFFICER_FLAG" => Ok(GreenReason::OfficerFlag),
        _ => Err("应为 HIT_INDUSTRY 或 OFFICER_FLAG。"),
    })?;
    match (channel?, reason) {
        ("GREEN", None) => {
            fields.wrong("green_reason", "REQUIRED", "绿色通道须写明理由：HIT_INDUSTRY 或 OFFICER_FLAG。");
            None
        }
        ("STANDARD", Some(_)) => {
            fields.wrong("green_reason", "NOT_ALLOWED", "普通办理没有绿色通道的理由，请填 null。");
            None
        }
        (_, reason) => Some(reason),
    }
}

/// What came before: the loan that is renewed, or the application that is tried again.
fn before(fields: &mut Fields) -> Option<(Option<Renewal>, Option<ApplicationId>)> {
    let number = |text: &str| ApplicationId::parse(text).map_err(|_| "应为申请编号，例如 NCD-2018-0052。");
    let of = fields.read_optional("renewal_of", "IDENTIFIER", number);
    let mode = fields.read_optional("renewal_mode", "CHOICE", |text| match text {
        "REPAY_FIRST" => Ok(RenewalMode::RepayFirst),
        "NEW_REPAYS_OLD" => Ok(RenewalMode::NewRepaysOld),
        _ => Err("应为 REPAY_FIRST 或 NEW_REPAYS_OLD。"),
    });
    let reason = fields.read_optional("renewal_reason", "CHOICE", |text| match text {
        "HIT_INDUSTRY" => Ok(RenewalReason::HitIndustry),
        "PROMISING" => Ok(RenewalReason::Promising),
        _ => Err("应为 HIT_INDUSTRY 或 PROMISING。"),
    });
    let again = fields.read_optional("reapplication_of", "IDENTIFIER", number);
    let (of, mode, reason, again) = (of?, mode?, reason?, again?);
    match (&of, mode) {
        (Some(_), None) => {
            fields.wrong("renewal_mode", "REQUIRED", "续贷须写明方式：REPAY_FIRST 或 NEW_REPAYS_OLD。");
            return None;
        }
        (None, Some(_)) => {
            fields.wrong("renewal_mode", "NOT_ALLOWED", "不是续贷，请填 null。");
            return None;
        }
        _ => {}
    }
    if of.is_none() && reason.is_some() {
        fields.wrong("renewal_reason", "NOT_ALLOWED", "不是续贷，请填 null。");
        return None;
    }
    if of.is_some() && again.is_some() {
        fields.wrong("reapplication_of", "NOT_ALLOWED", "续贷不是再次申请，两者只填其一。");
        return None;
    }
    Some((of.map(|of| Renewal { of, mode: mode.unwrap_or_default(), reason }), again))
}

fn industry(text: &str) -> Result<String, &'static str> {
    let is_code = match text.as_bytes() {
        [section, division @ ..] => {
            (b'A'..=b'T').contains(section) && division.len() == 2 && division.iter().all(u8::is_ascii_digit)
        }
        [] => false,
    };
    if is_code { Ok(text.to_owned()) } else { Err("应为 GB/T 4754 门类字母加两位大类，例如 I65。") }
}

fn resident_id(text: &str, today: Date) -> Result<ResidentId, String> {
    let id = ResidentId::parse(text).map_err(|error| fault_zh(&error))?;
    if id.age_on(today).is_none() {
        Err("公民身份号码中的出生日期在今日之后。".to_owned())
    } else {
        Ok(id)
    }
}

fn consents(fields: &mut Fields, today: Date) -> Option<Vec<Consent>> {
    let consents = fields.objects("consents", 0..=CONSENTS.len(), |consent| {
        let r#type = consent.choice("type", CONSENTS);
        let text_version = consent.label("text_version", 1..=20);
        let given_at = consent.read("given_at", "MOMENT", |text| match Moment::parse(text) {
            Ok(at) if at.date() <= today => Ok(at.to_string()),
            Ok(_) => Err("授权时间在今日之后。"),
            Err(_) => Err("应为带时区的 ISO 8601 时间，例如 2020-02-24T09:05:00+08:00。"),
        });
        Some(Consent { r#type: r#type?, text_version: text_version?, given_at: given_at? })
    })?;
    let given: BTreeSet<&str> = consents.iter().map(|consent| consent.r#type).collect();
    let missing: Vec<&str> = MANDATORY.iter().filter(|consent| !given.contains(**consent)).copied().collect();
    if given.len() < consents.len() {
        fields.wrong("consents", "DUPLICATE", "同一种授权只能出现一次。");
        return None;
    }
    if !missing.is_empty() {
        fields.wrong("consents", "CONSENT_MISSING", format!("缺少必需的授权：{}。", missing.join("、")));
        return None;
    }
    Some(consents)
}

/// Seals what is personal and hands over what follows from it.
fn derive(form: Validated, vault: &Vault, today: Date) -> Result<(Form, Sealed), Problem> {
    let Validated {
        green,
        renewal,
        reapplication_of,
        intake_channel,
        firm,
        wish,
        licence_valid_to,
        legal_rep_id,
        mut private,
    } = form;
    let member = pseudonym(
        vault,
        &private.member_no,
        &private.legal_rep_name,
        &legal_rep_id,
        &private.union_org_id,
        &private.union_name,
    );
    let credit_query = private.consents.iter().find(|consent| consent.r#type == "CREDIT_QUERY");
    let credit_query_consent = credit_query.map(|consent| consent.text_version.clone()).unwrap_or_default();
    private.paper_salt = vault.salt();
    let data = serde_json::to_vec(&private).map_err(|error| Problem::internal(&error))?;
    let sealed = vault.seal(&data).map_err(|error| Problem::internal(&error))?;
    let maturity = add_months(today, wish.term_months);
    let form = Form {
        intake_channel: intake_channel.to_owned(),
        firm,
        wish,
        licence_valid_to,
        legal_rep_age: legal_rep_id.age_on(today).unwrap_or_default(),
        legal_rep_age_at_maturity: maturity.ok().and_then(|last| legal_rep_id.age_on(last)).unwrap_or(u16::MAX),
        in_beijing: private.address.starts_with("北京"),
        member,
        union_org: Some(private.union_org_id.clone()),
        vault_token: sealed.token.clone(),
        credit_query_consent,
        green,
        renewal,
        reapplication_of,
    };
    Ok((form, sealed))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use web::openapi::described;

    #[test]
    fn the_document_names_exactly_the_fields_that_are_read() {
        let mut fields = Fields::parse(b"{}").unwrap();
        assert!(validate(&mut fields, Date::constant(2018, 8, 13)).is_none());
        let read: BTreeSet<String> = fields.known().map(str::to_owned).collect();
        let described: BTreeSet<String> = described::<Submission>().properties().into_iter().collect();
        assert_eq!(read, described);
    }
}
