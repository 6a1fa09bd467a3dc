//! What the three organisations say over HTTP when the faults are over, and what the clients were told on the way: plain
//! data for [`check`](super::check). It judges nothing.

use crate::api::Api;
use anyhow::Context;
use domain::Party;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// All that is known.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// What clients were told, by firm.
    pub told: Vec<Told>,
    /// Applications at the union.
    pub applications: Vec<Application>,
    /// Cases at the guarantor.
    pub cases: Vec<Case>,
    /// Cases at the bank.
    pub credits: Vec<Credit>,
    /// The three ledgers.
    pub books: BTreeMap<Party, Books>,
    /// Σ exposure as the union's fund keeps it, fen.
    pub fund_guaranteed_fen: i64,
    /// Σ exposure as the guarantor's limits keep it, fen.
    pub guarantor_exposure_fen: i64,
    /// Applications for which somebody has to act, and who: an open task, an incident, a parked input, at any of the three.
    pub named: BTreeMap<String, String>,
    /// What is still under way where nothing should be.
    pub unrest: Vec<(Party, String)>,
    /// Business time was driven past deadlines: an application may have expired.
    pub time_jumped: bool,
    /// The union's database was set back to an older copy: it cannot know what was filed since.
    pub union_set_back: bool,
}

/// What a firm's applicant was told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The firm.
    pub firm: u32,
    /// Its code.
    pub uscc: String,
    /// The bank's rule declines it.
    pub owes_too_much: bool,
    /// Numbers that were answered to the one form under its one key; all the same, one hopes.
    pub numbers: Vec<String>,
    /// Answers that were neither a number nor a request to try again.
    pub refused: Vec<String>,
    /// A withdrawal was acknowledged, or may have been.
    pub withdrew: bool,
    /// States in which the application was seen after its end.
    pub ended_as: Vec<String>,
    /// The applicant was told that there is no application under his number.
    pub gone: bool,
}

/// An application as the union shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Application {
    /// Its number.
    pub application_id: String,
    /// The firm's code.
    pub uscc: String,
    /// State in the words of DOMAIN.md section 4.
    pub state: String,
    /// Whether it has ended.
    pub ended: bool,
    /// Principal asked for, fen.
    pub asked_fen: i64,
    /// HELD, COMMITTED or RELEASED; none if nothing was reserved.
    pub reservation_state: Option<String>,
    /// Principal that the reservation covers, fen.
    pub exposure_fen: i64,
    /// Share of the fund, fen.
    pub reserved_fen: i64,
    /// The letter that the guarantor told of.
    pub letter_no: Option<String>,
    /// The pay-out that the bank reported.
    pub receipt: Option<Receipt>,
}

/// Proof of a pay-out.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Receipt {
    /// Number of the posting.
    pub posting_no: String,
    /// Principal, fen.
    pub amount_fen: i64,
    /// Value date.
    pub value_date: String,
}

/// A case as the guarantor shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Case {
    /// Its number.
    pub application_id: String,
    /// Whether it has ended.
    pub ended: bool,
    /// Number of the letter issued last.
    pub letter_no: Option<String>,
    /// What has become of it: ISSUED, EFFECTIVE, REVOKED, EXPIRED.
    pub letter_state: Option<String>,
    /// Principal guaranteed by it, fen.
    pub letter_fen: i64,
    /// The loan under it, as the bank told.
    pub loan: Option<Receipt>,
    /// What it takes of the limits, fen.
    pub exposure_fen: i64,
}

/// A case as the bank shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credit {
    /// Its number.
    pub application_id: String,
    /// The firm's code.
    pub uscc: String,
    /// Whether it has ended.
    pub ended: bool,
    /// A loan contract stands.
    pub has_contract: bool,
    /// A payment is under way.
    pub has_payment: bool,
    /// The pay-out.
    pub paid_out: Option<Receipt>,
    /// The letter that the pay-out rests on.
    pub letter_no: Option<String>,
}

/// A ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Books {
    /// Balance on the normal side by account, fen.
    pub balances: BTreeMap<String, i64>,
    /// Every transfer.
    pub postings: Vec<Posting>,
}

impl Books {
    /// Σ of an account and all below it, fen.
    pub fn sum(&self, code: &str) -> i64 {
        let below = format!("{code}/");
        self.balances.iter().filter(|(one, _)| *one == code || one.starts_with(&below)).map(|(_, fen)| fen).sum()
    }
}

/// A transfer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Posting {
    /// Idempotency key.
    pub id: String,
    /// Account debited.
    pub debit: String,
    /// Account credited.
    pub credit: String,
    /// Fen.
    pub amount_fen: i64,
}

/// Main accounts of the three.
const ACCOUNTS: [(Party, &[&str]); 3] = [
    (Party::Union, &["U"]),
    (Party::Guarantor, &["G1", "G3", "G9000", "G9001"]),
    (Party::Bank, &["B1003", "B1301", "B1303", "B2011", "B2012"]),
];

impl Evidence {
    /// Reads everything from the three, `operators` being who may read it.
    ///
    /// # Errors
    /// A service does not answer, or shows less than it has.
    pub async fn read(operators: &BTreeMap<Party, Api>, told: Vec<Told>) -> anyhow::Result<Self> {
        let [union, guarantor, bank] = [Party::Union, Party::Guarantor, Party::Bank].map(|party| &operators[&party]);
        let mut evidence = Evidence { told, ..Evidence::default() };
        evidence.applications = union.all("applications").await?.iter().map(application).collect();
        evidence.cases = guarantor.all("applications").await?.iter().map(case).collect();
        evidence.credits = bank.all("applications").await?.iter().map(credit).collect();
        for (party, codes) in ACCOUNTS {
            evidence.books.insert(party, books(&operators[&party], codes).await?);
        }
        evidence.fund_guaranteed_fen = union.get("fund").await?["guaranteed_fen"].as_i64().context("no fund")?;
        evidence.guarantor_exposure_fen = guarantor.get("limits").await?["exposure_fen"].as_i64().context("no sum")?;
        for (party, operator) in operators {
            evidence.named.extend(named(*party, operator).await?);
            evidence.unrest.extend(unrest(operator).await?.map(|what| (*party, what)));
        }
        Ok(evidence)
    }
}

/// Applications of an organisation for which somebody has to act, and who.
pub async fn named(party: Party, operator: &Api) -> anyhow::Result<BTreeMap<String, String>> {
    let mut named = BTreeMap::new();
    for (list, owner) in [("tasks", "role"), ("incidents", "owner"), ("parked", "")] {
        for item in operator.all(list).await? {
            let who = item[owner].as_str().unwrap_or("operator");
            if let Some(id) = text(&item["application_id"]) {
                named.insert(id, format!("{who} of the {party}"));
            }
        }
    }
    Ok(named)
}

/// What is under way in an organisation, if anything is.
pub async fn unrest(operator: &Api) -> anyhow::Result<Option<String>> {
    let backlog = operator.get("backlog").await?;
    let count = |name: &str| backlog[name].as_u64().unwrap_or_default();
    let (queued, unreceipted, frozen) = (count("queued"), count("unreceipted"), count("frozen"));
    Ok((queued + unreceipted + frozen > 0).then(|| {
        format!("has {queued} inputs queued, {unreceipted} messages without receipt and {frozen} channels frozen")
    }))
}

async fn books(operator: &Api, codes: &[&str]) -> anyhow::Result<Books> {
    let mut books = Books::default();
    for code in codes {
        let rows = operator.all(&format!("balances?prefix={code}")).await?;
        let balance = |row: &Value| Some((text(&row["code"])?, row["balance_fen"].as_i64()?));
        books.balances.extend(rows.iter().filter_map(balance));
    }
    for row in operator.all("transfers").await? {
        books.postings.push(serde_json::from_value(row)?);
    }
    Ok(books)
}

fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

fn fen(value: &Value) -> i64 {
    value.as_i64().unwrap_or_default()
}

fn receipt(value: &Value) -> Option<Receipt> {
    serde_json::from_value(value.clone()).ok()
}

fn application(view: &Value) -> Application {
    Application {
        application_id: text(&view["application_id"]).unwrap_or_default(),
        uscc: text(&view["firm"]["uscc"]).unwrap_or_default(),
        state: text(&view["state"]).unwrap_or_default(),
        ended: view["ended"] == Value::Bool(true),
        asked_fen: fen(&view["wish"]["amount_fen"]),
        reservation_state: text(&view["reservation"]["state"]),
        exposure_fen: fen(&view["reservation"]["exposure_fen"]),
        reserved_fen: fen(&view["reservation"]["reserved_fen"]),
        letter_no: text(&view["letter"]["letter_no"]),
        receipt: receipt(&view["receipt"]),
    }
}

fn case(view: &Value) -> Case {
    let letter = &view["letter"];
    Case {
        application_id: text(&view["application_id"]).unwrap_or_default(),
        ended: view["ended"] == Value::Bool(true),
        letter_no: text(&letter["letter"]["letter_no"]),
        letter_state: text(&letter["state"]),
        letter_fen: fen(&letter["letter"]["amount_fen"]),
        loan: receipt(&view["loan"]),
        exposure_fen: fen(&view["exposure_fen"]),
    }
}

fn credit(view: &Value) -> Credit {
    let paid_out = &view["paid_out"];
    Credit {
        application_id: text(&view["application_id"]).unwrap_or_default(),
        uscc: text(&view["firm"]["uscc"]).unwrap_or_default(),
        ended: view["ended"] == Value::Bool(true),
        has_contract: !view["contract"].is_null() && paid_out.is_null(),
        has_payment: !view["payment"].is_null() && paid_out.is_null(),
        paid_out: receipt(&paid_out["receipt"]),
        letter_no: text(&paid_out["letter_no"]),
    }
}
