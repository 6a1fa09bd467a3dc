//! What people did, on which day, from lines of the programme's history (DOMAIN.md section 6). It carries no result of a service.
//!
//! A line that cannot have happened as it stands (no JSON, no date, a date before its predecessor) is refused here; what the
//! programme's rules say of a line is for the services to say.

mod service;

use anyhow::{Context, ensure};
use domain::{Charter, Date, Moment, Party, subsidy::Period};
use serde::Serialize;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// A file of the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// An application a line.
    Applications,
    /// The member register.
    Members,
    /// A receipt a line.
    Repayments,
    /// A ticket of the hotline, or a consultation, a line.
    Service,
}

/// A line of a file, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Line {
    /// The file.
    pub source: Source,
    /// Its number there.
    pub number: usize,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match self.source {
            Source::Applications => "申请",
            Source::Members => "会员",
            Source::Repayments => "收款",
            Source::Service => "热线",
        };
        write!(f, "{source}第 {} 行", self.number)
    }
}

/// A line that was not taken, or not to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RefusedLine {
    /// Which.
    #[serde(flatten)]
    pub line: Line,
    /// The line's own number of the application, ticket or consultation, if it has one.
    pub case: String,
    /// Why.
    pub because: String,
}

/// Something that people do.
#[derive(Clone, Debug)]
pub struct Event {
    /// The day.
    pub on: Date,
    /// When exactly, where the line says so.
    pub at: Option<Moment>,
    /// When within the day, or the moment.
    pub step: Step,
    /// The line's own number of the application or ticket; the union gives another. Empty: it is about no single one.
    pub case: String,
    /// Where it is from; none: from the charter's calendar.
    pub line: Option<Line>,
    /// What is done.
    pub act: Act,
}

impl Event {
    /// When it is done: offices open at nine, and a deadline ends an application on exactly its last day, at the day's end.
    pub fn moment(&self) -> Moment {
        self.at.unwrap_or_else(|| match self.step {
            Step::Expire => Moment::end_of(self.on),
            _ => Moment::start_of(self.on).plus_hours(9),
        })
    }
}

/// The order of what is done on one day: what comes from customers first, then what officers decide of it, in the order of a saga's steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// A receipt; the n-th of its loan on that day.
    Receive(u8),
    Claim,
    PrepareList,
    CheckList,
    CheckSubsidy,
    ApproveSubsidy,
    AskForRelief,
    TriageRelief,
    ProposeRelief,
    ConsentToRelief,
    SignRelief,
    File,
    AskForPapers,
    SupplyPapers,
    CheckEligibility,
    AssessGuarantee,
    Investigate,
    DecideCredit,
    SignContracts,
    PrepareLetter,
    CheckLetter,
    SignLoanContract,
    PreparePayment,
    CheckPayment,
    Withdraw,
    Consult,
    TakeCall,
    Dispatch,
    SignFor,
    Begin,
    Reply,
    Visit,
    Close,
    Expire,
}

/// What is done.
#[derive(Clone, Debug)]
pub enum Act {
    /// The applicant, or for the second an officer, files this form.
    File(Box<Value>),
    /// The applicant does this to the application, under this path of it.
    Ask {
        /// Below the application.
        path: &'static str,
        /// What is sent.
        body: Value,
    },
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
        value_date: Date,
        /// How much, fen.
        amount_fen: i64,
        /// SCHEDULED or EARLY.
        kind: &'static str,
    },
    /// The bank's list of a period's subsidies is made, or released by another.
    List {
        /// Of which period.
        period: Period,
        /// By the checker.
        checks: bool,
    },
    /// Somebody asks the hotline something.
    Consult(Value),
    /// Somebody calls, and a ticket is made of it.
    TakeCall(Value),
    /// Somebody does this with a ticket.
    OnTicket {
        /// Name of the task.
        task: &'static str,
        /// What is done.
        body: Value,
        /// Until when the line says that there has to be a reply; none: it says nothing now.
        due_at: Option<Moment>,
    },
    /// Nobody does anything: a deadline ends it, on this day.
    Expire,
}

/// The files of a history, as texts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Files<'f> {
    /// Applications, JSON Lines.
    pub applications: &'f str,
    /// Receipts, JSON Lines.
    pub repayments: &'f str,
    /// Tickets and consultations of the hotline, JSON Lines.
    pub service: &'f str,
}

/// Everything that people did, and the lines that cannot have happened.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// In the order of days, within a day of steps, within a step of lines.
    pub events: Vec<Event>,
    /// In the order of files and lines.
    pub refused: Vec<RefusedLine>,
}

impl Script {
    /// The day of the first event.
    pub fn first_day(&self) -> Option<Date> {
        self.events.first().map(|event| event.on)
    }

    /// The day of the last event.
    pub fn last_day(&self) -> Option<Date> {
        self.events.last().map(|event| event.on)
    }
}

/// Reads the files. Lists of subsidies are made on each period's day until `until`, if given.
///
/// # Errors
/// The calendar does not know a year.
pub fn read(files: &Files, until: Option<Date>) -> anyhow::Result<Script> {
    let mut reader = Reader::default();
    for (index, text) in files.applications.lines().enumerate() {
        let line = Line { source: Source::Applications, number: index + 1 };
        reader.take(line, text, Reader::application);
    }
    for (index, text) in files.repayments.lines().enumerate() {
        let line = Line { source: Source::Repayments, number: index + 1 };
        reader.take(line, text, Reader::repayment);
    }
    for (index, text) in files.service.lines().enumerate() {
        let line = Line { source: Source::Service, number: index + 1 };
        reader.take(line, text, service::line);
    }
    let mut script = reader.script;
    if let (Some(first), Some(until)) = (script.events.iter().map(|event| event.on).min(), until) {
        script.events.extend(lists(first, until)?);
    }
    script.events.sort_by_key(|event| (event.moment(), event.step));
    Ok(script)
}

/// The bank's lists, made and released on the last day for claims of each quarter.
fn lists(first: Date, until: Date) -> anyhow::Result<Vec<Event>> {
    let charter = Charter::programme_2017();
    let mut events = Vec::new();
    let mut period = Period::of(charter.subsidy.trigger, first);
    loop {
        let on = charter.subsidy.cut_off(period, &charter.calendar)?;
        if on > until {
            return Ok(events);
        }
        for (step, checks) in [(Step::PrepareList, false), (Step::CheckList, true)] {
            let act = Act::List { period, checks };
            events.push(Event { on, at: None, step, case: String::new(), line: None, act });
        }
        period = Period::of(charter.subsidy.trigger, period.last_day().tomorrow()?);
    }
}

#[derive(Default)]
struct Reader {
    script: Script,
    /// Applications that were read.
    cases: BTreeSet<String>,
    /// The day of the last filing that was read.
    last_filing: Option<Date>,
    /// Of each loan the last receipt's number, its day, and how many it is of that day.
    receipts: BTreeMap<String, (u64, Date, u8)>,
    /// Tickets and consultations that were read.
    calls: BTreeSet<String>,
}

impl Reader {
    fn take(
        &mut self,
        line: Line,
        text: &str,
        read: impl FnOnce(&mut Reader, Line, &Value) -> anyhow::Result<Vec<Event>>,
    ) {
        let row = serde_json::from_str::<Value>(text).context("no JSON");
        let number = |row: &Value| {
            let names = ["application_id", "ticket_id", "consultation_id"];
            names.iter().find_map(|name| row[name].as_str()).map(str::to_owned)
        };
        let case = row.as_ref().ok().and_then(number).unwrap_or_default();
        match row.and_then(|row| read(self, line, &row)) {
            Ok(events) => self.script.events.extend(events),
            Err(error) => self.script.refused.push(RefusedLine { line, case, because: format!("{error:#}") }),
        }
    }

    fn repayment(&mut self, line: Line, row: &Value) -> anyhow::Result<Vec<Event>> {
        let case = row["application_id"].as_str().context("application_id is missing")?.to_owned();
        let value_date = day(row, "value_date")?.context("value_date is missing")?;
        let number = row["seq"].as_u64().context("seq is no number")?;
        let amount_fen = row["amount_fen"].as_i64().context("amount_fen is no number")?;
        ensure!(self.cases.contains(&case), "a receipt for no loan: there is no application {case}");
        let same_day = match self.receipts.get(&case) {
            Some((before, on, nth)) => {
                ensure!(*before + 1 == number, "receipt {number} follows receipt {before}");
                ensure!(*on <= value_date, "value_date {value_date} is before that of receipt {before}, {on}");
                if *on == value_date { nth.saturating_add(1) } else { 0 }
            }
            None => {
                ensure!(number == 1, "the first receipt of a loan has number 1, not {number}");
                0
            }
        };
        self.receipts.insert(case.clone(), (number, value_date, same_day));
        // It was posted with the pay-out of the loan that repaid this one.
        if !row["rolled_by"].is_null() {
            return Ok(Vec::new());
        }
        let kind = if row["kind"] == "PREPAY" { "EARLY" } else { "SCHEDULED" };
        let reference = format!("HK-{case}-{number}");
        let act = Act::Repay { reference, value_date, amount_fen, kind };
        Ok(vec![Event { on: value_date, at: None, step: Step::Receive(same_day), case, line: Some(line), act }])
    }

    fn application(&mut self, line: Line, row: &Value) -> anyhow::Result<Vec<Event>> {
        let case = row["application_id"].as_str().context("application_id is missing")?.to_owned();
        ensure!(!self.cases.contains(&case), "there is an application {case} before it");
        let filed_on = day(row, "applied_on")?.context("applied_on is missing")?;
        if let Some(before) = self.last_filing {
            ensure!(before <= filed_on, "applied_on {filed_on} is before its predecessor's, {before}");
        }
        let mut events = Vec::new();
        let mut add = |on: Option<Date>, step: Step, act: Act| {
            if let Some(on) = on {
                events.push(Event { on, at: None, step, case: case.clone(), line: Some(line), act });
            }
        };
        add(Some(filed_on), Step::File, Act::File(Box::new(form(row))));
        origination(row, &mut add)?;
        relief(row, &mut add)?;
        subsidy(row, &mut add)?;
        if let Some(early) = events.iter().find(|event| event.on < filed_on) {
            anyhow::bail!("{:?} on {} is before applied_on {filed_on}", early.step, early.on);
        }
        self.last_filing = Some(filed_on);
        self.cases.insert(case);
        Ok(events)
    }
}

/// What the reader of a line does with each thing that was done.
type Add<'a> = &'a mut dyn FnMut(Option<Date>, Step, Act);

fn day(row: &Value, key: &str) -> anyhow::Result<Option<Date>> {
    match &row[key] {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.parse().with_context(|| format!("{key} is no date"))?)),
        _ => anyhow::bail!("{key} is no date"),
    }
}

/// The days under these names, of which none is before the one before it.
fn days<const N: usize>(row: &Value, keys: [&'static str; N]) -> anyhow::Result<[Option<Date>; N]> {
    let mut days = [None; N];
    let mut last: Option<(&str, Date)> = None;
    for (slot, key) in days.iter_mut().zip(keys) {
        *slot = day(row, key)?;
        let Some(on) = *slot else { continue };
        if let Some((before, earlier)) = last {
            ensure!(earlier <= on, "{key} {on} is before {before} {earlier}");
        }
        last = Some((key, on));
    }
    Ok(days)
}

const fn decide(party: Party, task: &'static str, body: Value) -> Act {
    Act::Decide { party, task, body }
}

fn origination(row: &Value, add: Add) -> anyhow::Result<()> {
    let [need_docs, docs_supplied, intake] = days(row, ["need_docs_on", "docs_supplied_on", "intake_on"])?;
    let [_, guarantee, contract, letter, loan_contract, disbursed] =
        days(row, ["intake_on", "guarantee_on", "contract_on", "letter_on", "loan_contract_on", "disbursed_on"])?;
    let [_, credit, _] = days(row, ["intake_on", "credit_on", "contract_on"])?;
    let ended = day(row, "outcome_on")?;
    let reason = row["reason_code"].clone();
    let paid = row["amount_fen"].as_i64().unwrap_or_default();
    let amount = if paid > 0 { json!(paid) } else { row["amount_requested_fen"].clone() };

    let check = "check-eligibility";
    let ask_for_papers = json!({ "verdict": "ask_for_papers" });
    add(need_docs, Step::AskForPapers, decide(Party::Union, check, ask_for_papers));
    add(docs_supplied, Step::SupplyPapers, decide(Party::Union, check, json!({ "verdict": "papers_supplied" })));
    add(intake, Step::CheckEligibility, decide(Party::Union, check, json!({ "verdict": "approve" })));
    // Of an application that was declined before its contracts the history does not say what backed it.
    let backing = &row["counter_guarantee"];
    let demand = backing["type"].as_str().unwrap_or("NONE");
    let agree = json!({ "verdict": "agree", "amount_fen": amount, "conditions": [], "counter_guarantee": demand });
    add(guarantee, Step::AssessGuarantee, decide(Party::Guarantor, "due-diligence", agree));
    if let Some(on) = credit {
        let term = u16::try_from(row["term_months"].as_u64().unwrap_or_default())?;
        let rate =
            row["rate_ppm"].as_u64().unwrap_or_else(|| u64::from(Charter::programme_2017().rate_cap(on, term).get()));
        let terms = json!({ "amount_fen": amount, "rate_ppm": rate, "method": row["method"] });
        let with = |key: &str, word: &str| {
            let mut body = terms.clone();
            body[key] = json!(word);
            body
        };
        add(credit, Step::Investigate, decide(Party::Bank, "investigate", with("finding", "recommend")));
        add(credit, Step::DecideCredit, decide(Party::Bank, "decide-credit", with("verdict", "approve")));
    }
    let sign = json!({ "counter_guarantee": brought(backing, demand) });
    add(contract, Step::SignContracts, decide(Party::Guarantor, "sign-contracts", sign));
    add(letter, Step::PrepareLetter, decide(Party::Guarantor, "prepare-letter", json!({})));
    add(letter, Step::CheckLetter, decide(Party::Guarantor, "check-letter", json!({ "verdict": "release" })));
    add(loan_contract, Step::SignLoanContract, decide(Party::Bank, "sign-loan-contract", json!({})));
    let released =
        if row["renewal_mode"] == "NEW_REPAYS_OLD" { before_the_roll(disbursed, loan_contract)? } else { disbursed };
    add(released, Step::PreparePayment, decide(Party::Bank, "prepare-payment", json!({})));
    add(released, Step::CheckPayment, decide(Party::Bank, "check-payment", json!({ "verdict": "release" })));
    match row["outcome"].as_str().unwrap_or_default() {
        "INTAKE_REJECTED" => {
            let reject = json!({ "verdict": "reject", "reason": reason });
            add(ended, Step::CheckEligibility, decide(Party::Union, check, reject));
        }
        "GUARANTEE_DECLINED" => {
            let decline = json!({ "verdict": "decline", "reason": reason });
            add(ended, Step::AssessGuarantee, decide(Party::Guarantor, "due-diligence", decline));
        }
        "CREDIT_DECLINED" => {
            let advise = json!({ "finding": "advise", "decline": reason });
            add(ended, Step::Investigate, decide(Party::Bank, "investigate", advise));
            let decline = json!({ "verdict": "decline", "reason": reason });
            add(ended, Step::DecideCredit, decide(Party::Bank, "decide-credit", decline));
        }
        "WITHDRAWN" => {
            add(ended, Step::Withdraw, Act::Ask { path: "withdrawal", body: json!({ "reason": reason }) });
        }
        "EXPIRED" => add(ended, Step::Expire, Act::Expire),
        _ => {}
    }
    Ok(())
}

/// What the borrower brings to back the guarantee.
fn brought(backing: &Value, demand: &str) -> Value {
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
    brought
}

/// Maker and checker release a roll on the last working day before it is posted, though not before its contract.
fn before_the_roll(posted: Option<Date>, contract: Option<Date>) -> anyhow::Result<Option<Date>> {
    let Some(posted) = posted else { return Ok(None) };
    let before = Charter::programme_2017().calendar.working_day_on_or_before(posted.yesterday()?)?;
    Ok(Some(contract.map_or(before, |contract| contract.max(before))))
}

fn relief(row: &Value, add: Add) -> anyhow::Result<()> {
    for plan in row["relief"].as_array().into_iter().flatten() {
        let [asked, triaged, proposed, consented, signed] =
            days(plan, ["requested_on", "triaged_on", "proposed_on", "consented_on", "signed_on"])?;
        let ask = json!({ "via": plan["via"], "reason": plan["reason"] });
        add(asked, Step::AskForRelief, Act::Ask { path: "relief-requests", body: ask });
        let accept = json!({ "verdict": "accept" });
        add(triaged, Step::TriageRelief, decide(Party::Union, "triage-relief", accept));
        let mut propose = json!({ "verdict": "propose" });
        for measure in plan["measures"].as_array().into_iter().flatten() {
            match measure["type"].as_str() {
                Some("EXTEND") => propose["extend_to"] = measure["to"].clone(),
                Some("DEFER_INTEREST") => {
                    propose["defer_due_on"] = measure["due_on"].clone();
                    let parts = measure["instalments"].as_array().into_iter().flatten();
                    propose["defer_parts_on"] = parts.map(|part| part["due_on"].clone()).collect();
                }
                _ => anyhow::bail!("{} is no measure", measure["type"]),
            }
        }
        add(proposed, Step::ProposeRelief, decide(Party::Bank, "propose-relief", propose));
        let consent = json!({ "verdict": "consent" });
        add(consented, Step::ConsentToRelief, decide(Party::Guarantor, "consent-relief", consent));
        add(signed, Step::SignRelief, Act::Ask { path: "relief-signature", body: json!({}) });
    }
    Ok(())
}

fn subsidy(row: &Value, add: Add) -> anyhow::Result<()> {
    let claim = &row["subsidy"];
    if claim.is_null() {
        return Ok(());
    }
    let [claimed, checked, approved, _] = days(claim, ["claim_filed_on", "checked_on", "approved_on", "paid_on"])?;
    let vouchers = json!({ "period": null, "vouchers": claim["vouchers"].as_array().cloned().unwrap_or_default() });
    add(claimed, Step::Claim, Act::Ask { path: "subsidy-claims", body: vouchers });
    let reason = &claim["reason_code"];
    // A claim that came too late is in no list: nobody checks it.
    if claim["batch"].is_null() {
        return Ok(());
    }
    let verdict = match reason {
        Value::Null => json!({ "verdict": "pass" }),
        reason => json!({ "verdict": "reject", "reason": reason }),
    };
    add(checked, Step::CheckSubsidy, decide(Party::Union, "check-subsidy", verdict));
    add(approved, Step::ApproveSubsidy, decide(Party::Union, "approve-subsidy", json!({ "verdict": "approve" })));
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
        "green_reason",
        "renewal_of",
        "renewal_mode",
        "renewal_reason",
        "reapplication_of",
        "consents",
    ] {
        form[key] = row[key].clone();
    }
    form
}

#[cfg(test)]
mod tests;
