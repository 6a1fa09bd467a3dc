//! What people did, on which day, from lines of the programme's history. It carries no result of a service.

use anyhow::Context;
use domain::{Charter, Date, Party};
use serde_json::{Value, json};

/// Something that people do.
#[derive(Clone, Debug)]
pub struct Event {
    /// The day.
    pub on: Date,
    /// The line's own number; the union gives another.
    pub line: String,
    /// What is done.
    pub act: Act,
}

/// What is done.
#[derive(Clone, Debug)]
pub enum Act {
    /// The applicant files this form.
    File(Value),
    /// The applicant withdraws.
    Withdraw(String),
    /// An officer decides a task.
    Decide {
        /// At which organisation.
        party: Party,
        /// Name of the task within its application.
        task: &'static str,
        /// The decision.
        body: Value,
    },
    /// The borrower pays, and the bank books it.
    Repay {
        /// The bank's reference of the money.
        reference: String,
        /// Value date, of the history's line.
        value_date: String,
        /// How much, fen.
        amount_fen: i64,
        /// SCHEDULED or EARLY.
        kind: &'static str,
    },
    /// Nobody does anything: a deadline ends it, on this day.
    Expire,
}

/// The day of the first filing.
///
/// # Errors
/// A line cannot be read.
pub fn first_day(lines: &str) -> anyhow::Result<Date> {
    events(lines, "")?.first().map(|event| event.on).context("there is no application")
}

/// Everything that people did, in the order of days; within a day in the order of the steps, what is paid last.
///
/// # Errors
/// A line cannot be read.
pub fn events(lines: &str, repayments: &str) -> anyhow::Result<Vec<Event>> {
    let mut events = Vec::new();
    for line in lines.lines() {
        let row: Value = serde_json::from_str(line)?;
        of_line(&row, &mut events).with_context(|| format!("line of {}", row["application_id"]))?;
    }
    for line in repayments.lines() {
        let row: Value = serde_json::from_str(line)?;
        events.push(repayment(&row).with_context(|| format!("receipt {} of {}", row["seq"], row["application_id"]))?);
    }
    events.sort_by_key(|event| event.on);
    Ok(events)
}

fn repayment(row: &Value) -> anyhow::Result<Event> {
    let line = row["application_id"].as_str().context("no number")?.to_owned();
    let value_date = row["value_date"].as_str().context("no value date")?.to_owned();
    let reference = format!("HK-{line}-{}", row["seq"]);
    let amount_fen = row["amount_fen"].as_i64().context("no amount")?;
    let kind = if row["kind"] == "PREPAY" { "EARLY" } else { "SCHEDULED" };
    Ok(Event { on: value_date.parse()?, line, act: Act::Repay { reference, value_date, amount_fen, kind } })
}

fn of_line(row: &Value, events: &mut Vec<Event>) -> anyhow::Result<()> {
    let line = row["application_id"].as_str().context("no number")?.to_owned();
    let day = |key: &str| -> anyhow::Result<Option<Date>> {
        row[key].as_str().map(|text| text.parse().with_context(|| format!("{key} is no date"))).transpose()
    };
    let mut add = |on: Option<Date>, act: Act| {
        if let Some(on) = on {
            events.push(Event { on, line: line.clone(), act });
        }
    };
    let decide = |party, task, body| Act::Decide { party, task, body };
    let (ended_on, outcome) = (day("outcome_on")?, row["outcome"].as_str().unwrap_or_default());
    let reason = row["reason_code"].clone();
    let paid = row["amount_fen"].as_i64().unwrap_or_default();
    let amount = if paid > 0 { json!(paid) } else { row["amount_requested_fen"].clone() };

    add(day("applied_on")?, Act::File(form(row)));
    let intake = "check-eligibility";
    add(day("need_docs_on")?, decide(Party::Union, intake, json!({ "verdict": "ask_for_papers" })));
    add(day("docs_supplied_on")?, decide(Party::Union, intake, json!({ "verdict": "papers_supplied" })));
    add(day("intake_on")?, decide(Party::Union, intake, json!({ "verdict": "approve" })));
    // Of an application that was declined before its contracts the history does not say what backed it.
    let backing = &row["counter_guarantee"];
    let demand = backing["type"].as_str().unwrap_or("NONE");
    let agree = json!({ "verdict": "agree", "amount_fen": amount, "conditions": [], "counter_guarantee": demand });
    add(day("guarantee_on")?, decide(Party::Guarantor, "due-diligence", agree));
    if let Some(on) = day("credit_on")? {
        let term = u16::try_from(row["term_months"].as_u64().unwrap_or_default())?;
        let rate =
            row["rate_ppm"].as_u64().unwrap_or_else(|| u64::from(Charter::programme_2017().rate_cap(on, term).get()));
        let terms = json!({ "amount_fen": amount, "rate_ppm": rate, "method": row["method"] });
        let with = |key: &str, word: &str| {
            let mut body = terms.clone();
            body[key] = json!(word);
            body
        };
        add(Some(on), decide(Party::Bank, "investigate", with("finding", "recommend")));
        add(Some(on), decide(Party::Bank, "decide-credit", with("verdict", "approve")));
    }
    let mut brought = json!({ "type": demand });
    match demand {
        "PERSON" => {
            for field in ["name", "id", "relation"] {
                brought[field] = backing["person"][field].clone();
            }
        }
        "PLEDGE" => brought["pledge"] = backing["pledge"].clone(),
        _ => {}
    }
    let sign = json!({ "counter_guarantee": brought });
    add(day("contract_on")?, decide(Party::Guarantor, "sign-contracts", sign));
    add(day("letter_on")?, decide(Party::Guarantor, "prepare-letter", json!({})));
    add(day("letter_on")?, decide(Party::Guarantor, "check-letter", json!({ "verdict": "release" })));
    add(day("loan_contract_on")?, decide(Party::Bank, "sign-loan-contract", json!({})));
    add(day("disbursed_on")?, decide(Party::Bank, "prepare-payment", json!({})));
    add(day("disbursed_on")?, decide(Party::Bank, "check-payment", json!({ "verdict": "release" })));
    match outcome {
        "INTAKE_REJECTED" => {
            add(ended_on, decide(Party::Union, intake, json!({ "verdict": "reject", "reason": reason })));
        }
        "GUARANTEE_DECLINED" => {
            add(ended_on, decide(Party::Guarantor, "due-diligence", json!({ "verdict": "decline", "reason": reason })));
        }
        "CREDIT_DECLINED" => {
            let advise = json!({ "finding": "advise", "decline": reason });
            add(ended_on, decide(Party::Bank, "investigate", advise));
            add(ended_on, decide(Party::Bank, "decide-credit", json!({ "verdict": "decline", "reason": reason })));
        }
        "WITHDRAWN" => add(ended_on, Act::Withdraw(reason.as_str().unwrap_or_default().to_owned())),
        "EXPIRED" => add(ended_on, Act::Expire),
        _ => {}
    }
    Ok(())
}

/// The form as an applicant fills it in: the line's fields of filing, the amount asked.
fn form(row: &Value) -> Value {
    let mut form = json!({ "amount_fen": row["amount_requested_fen"] });
    for key in [
        "enterprise_name",
        "uscc",
        "registered_on",
        "licence_valid_to",
        "industry_code",
        "district",
        "address",
        "size_class",
        "employees",
        "turnover_fen",
        "tax_fen",
        "debt_fen",
        "jobs_kept",
        "jobs_created",
        "legal_rep_name",
        "legal_rep_id",
        "mobile",
        "settle_account",
        "union_org_id",
        "union_name",
        "member_no",
        "beneficiary_group",
        "term_months",
        "method",
        "purpose",
        "intake_channel",
        "channel",
        "consents",
    ] {
        form[key] = row[key].clone();
    }
    form
}
