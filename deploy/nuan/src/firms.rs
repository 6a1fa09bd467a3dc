//! Firms, their members and their forms, made up by number; and what the three organisations need before one can file.
//!
//! The benchmark, the fault campaigns and the tests file with them. Everything is synthetic as DOMAIN.md section 5 wants
//! it (division 119900, 样例…), well formed, and the same for the same number. It decides nothing: what becomes of a form
//! is the services' business.

use crate::{api::Api, cluster::Service};
use anyhow::{Context, bail};
use domain::{CardNumber, Charter, Date, Fen, Party, ResidentId, Uscc};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Everything happens on this working day.
pub const DAY: Date = Date::constant(2019, 6, 3);
/// What every form asks for.
pub const ASKED_FEN: i64 = 5_000_000;
/// Debt above which the bank's rule declines.
pub const DEBT_LIMIT_FEN: i64 = 100_000_000;
/// The union's deposit: nobody waits for the fund.
pub const DEPOSIT_FEN: i64 = 100_000_000_000_000;
/// The guarantor's own capital.
const CAPITAL_FEN: i64 = 10_000_000_000;
/// Members loaded by one request.
const CHUNK: u32 = 5_000;
/// How long the services may take to greet each other.
const PATIENCE: Duration = Duration::from_secs(30);

/// Every role that can decide by rule. An application then ends without anybody's hand.
pub fn every_role() -> BTreeMap<Party, BTreeSet<String>> {
    let union = union_core::Role::ALL.iter().filter(|role| **role == union_core::Role::IntakeOfficer);
    let guarantor = guarantor_core::Role::ALL.iter().filter(|role| **role != guarantor_core::Role::Operator);
    let bank = bank_core::Role::ALL.iter().filter(|role| **role != bank_core::Role::Operator);
    BTreeMap::from([
        (Party::Union, union.map(ToString::to_string).collect()),
        (Party::Guarantor, guarantor.map(ToString::to_string).collect()),
        (Party::Bank, bank.map(ToString::to_string).collect()),
    ])
}

/// The programme's charter with a deposit that suffices and a debt limit at the bank, as a file in `folder`.
///
/// # Errors
/// It cannot be written.
pub fn charter(folder: &Path) -> anyhow::Result<PathBuf> {
    let mut charter = Charter::programme_2017();
    charter.deposit_fen = Fen::new(DEPOSIT_FEN);
    charter.automatic.max_amount_fen = charter.amount_max_fen;
    charter.automatic.credit_max_debt_fen = Some(Fen::new(DEBT_LIMIT_FEN));
    let path = folder.join("charter.json");
    fs::write(&path, serde_json::to_string(&charter)?)?;
    Ok(path)
}

/// Opens the books of the three, puts the members of the first `firms` firms into the register and makes the applicants'
/// account. Returns its access to the union.
///
/// # Errors
/// The services do not greet each other in time, or one of them refuses.
pub async fn open(services: &BTreeMap<Party, Service>, firms: u32) -> anyhow::Result<Api> {
    let operator = |party: Party| Api::new(&services[&party].url, &services[&party].operator_token);
    let union = operator(Party::Union)?;
    let until = Instant::now() + PATIENCE;
    // Commands wait until the partners have greeted; the first one tells that they have.
    while union.get("backlog").await?["position"] == json!(0) {
        if Instant::now() > until {
            bail!("the services do not greet each other");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let deposit = json!({ "deposit_fen": DEPOSIT_FEN });
    union.post("books", &deposit).await?;
    operator(Party::Bank)?.post("books", &deposit).await?;
    operator(Party::Guarantor)?.post("books", &json!({ "capital_fen": CAPITAL_FEN })).await?;
    let mut first = 0;
    while first < firms {
        let last = (first + CHUNK).min(firms);
        let members: Vec<Value> = (first..last).map(member).collect::<anyhow::Result<_>>()?;
        union.post("members", &json!({ "members": members })).await?;
        first = last;
    }
    let account = json!({ "account": "applicants", "person": "person:applicants", "roles": ["applicant"] });
    let made = union.post("tokens", &account).await?;
    Ok(union.with_token(made["token"].as_str().context("no token")?))
}

/// The `n`-th firm's form for [`ASKED_FEN`], filled in on [`DAY`]. With a debt above [`DEBT_LIMIT_FEN`] the bank declines it.
///
/// # Errors
/// There is no `n`-th firm.
pub fn form(n: u32, debt_fen: i64) -> anyhow::Result<Value> {
    let member = member(n)?;
    let consents = [
        "PERSONAL_DATA_UNION",
        "PERSONAL_DATA_GUARANTOR",
        "PERSONAL_DATA_BANK",
        "CREDIT_QUERY",
        "CREDIT_REPORTING",
        "SHARING",
        "SMS",
    ];
    let consents: Vec<Value> = consents
        .iter()
        .map(|kind| json!({ "type": kind, "text_version": "2019-1", "given_at": "2019-06-03T08:00:00+08:00" }))
        .collect();
    Ok(json!({
        "enterprise_name": format!("北京样例{n}号有限公司"),
        "uscc": uscc(n)?.to_string(),
        "registered_on": "2015-01-28",
        "licence_valid_to": null,
        "industry_code": "I65",
        "district": "海淀",
        "address": format!("北京市海淀区样例路{n}号"),
        "size_class": "MICRO",
        "employees": 9,
        "turnover_fen": 100_000_000,
        "tax_fen": 2_000_000,
        "debt_fen": debt_fen,
        "jobs_kept": 9,
        "jobs_created": 1,
        "legal_rep_name": member["name"],
        "legal_rep_id": member["legal_rep_id"],
        "mobile": format!("199{n:08}"),
        "settle_account": settle_account(n)?,
        "union_org_id": member["union_org_id"],
        "union_name": member["union_name"],
        "member_no": member["member_no"],
        "beneficiary_group": "GRADUATE",
        "amount_fen": ASKED_FEN,
        "term_months": 12,
        "method": "BULLET",
        "purpose": "采购原材料",
        "intake_channel": "APP",
        "channel": "STANDARD",
        "consents": consents,
    }))
}

/// The unified social credit code of the `n`-th firm.
///
/// # Errors
/// There is no `n`-th firm.
pub fn uscc(n: u32) -> anyhow::Result<Uscc> {
    // The organisation code is 8 characters and its check, then comes the code's own check.
    let stem = format!("91119900X{n:07}");
    let checks = "0123456789X".chars().flat_map(|a| "0123456789ABCDEFGHJKLMNPQRTUWXY".chars().map(move |b| (a, b)));
    checks
        .filter_map(|(a, b)| Uscc::parse(&format!("{stem}{a}{b}")).ok())
        .next()
        .with_context(|| format!("no credit code for {n}"))
}

/// The `n`-th firm's row of the register of members.
fn member(n: u32) -> anyhow::Result<Value> {
    Ok(json!({
        "member_no": format!("{:012}", 199_000_000_000_u64 + u64::from(n)),
        "name": "样例",
        "legal_rep_id": resident_id(n)?,
        "union_org_id": format!("GH{n:06}"),
        "union_name": format!("样例{n}号工会委员会"),
        "valid_from": "2015-01-01",
        "valid_to": null,
    }))
}

fn resident_id(n: u32) -> anyhow::Result<String> {
    let stem = format!("119900{}{:02}{:02}{:03}", 1970 + n / 336_000, 1 + n / 28_000 % 12, 1 + n / 1000 % 28, n % 1000);
    "0123456789X"
        .chars()
        .map(|check| format!("{stem}{check}"))
        .find(|id| ResidentId::parse(id).is_ok())
        .with_context(|| format!("no resident id for {n}"))
}

fn settle_account(n: u32) -> anyhow::Result<String> {
    ('0'..='9')
        .map(|check| format!("991199{n:012}{check}"))
        .find(|number| CardNumber::parse(number).is_ok())
        .with_context(|| format!("no account number for {n}"))
}
