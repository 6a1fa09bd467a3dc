//! The totals of a history under the names of its summary, out of the services' own books: the union's statistics and applications, the
//! bank's loans, the postings of both.

use crate::{
    api::Api,
    check::export::{Application, Export, Loan},
};
use domain::{Charter, Date, Fen, Party, industry, subsidy::Period};
use serde_json::{Map, Number, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Totals by the path of their name, `by_year.2020.disbursed_fen`.
pub(super) type Totals = BTreeMap<String, Value>;

/// What is in a summary and is no total.
const NO_TOTALS: [&str; 1] = ["seed"];

/// The totals of a summary.
pub(super) fn expected(summary: &Value) -> Totals {
    let mut totals = Totals::new();
    flatten("", summary, &mut totals);
    totals.retain(|name, _| !NO_TOTALS.contains(&name.as_str()));
    totals
}

/// The totals as a summary has them.
pub(super) fn nested(totals: &Totals) -> Value {
    let mut nested = json!({});
    for (name, value) in totals {
        let place = name.split('.').fold(&mut nested, |place, key| &mut place[key]);
        *place = value.clone();
    }
    nested
}

/// Sagas that an export of the union knows: of each application its origination, its relief, its claims.
pub(super) fn sagas(union: &Export) -> usize {
    union.applications.iter().map(|one| 1 + one.relief.len() + one.subsidies.len()).sum()
}

fn flatten(name: &str, value: &Value, totals: &mut Totals) {
    match value {
        Value::Object(parts) => {
            for (key, part) in parts {
                let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                flatten(&name, part, totals);
            }
        }
        value => {
            totals.insert(name.to_owned(), value.clone());
        }
    }
}

/// What the services report.
///
/// # Errors
/// A service does not answer, or not as expected.
pub(super) async fn reported(exports: &BTreeMap<Party, Export>, union: &Api, until: Date) -> anyhow::Result<Totals> {
    let (books, bank) = (&exports[&Party::Union], &exports[&Party::Bank]);
    let by_year = union.get("statistics?by=year").await?;
    let by_channel = union.get("statistics?by=channel").await?;
    let applications = books.applications.as_slice();
    let members = union.get("members").await?["rows"].clone();
    let mut totals = json!({ "as_of": until.to_string(), "members": members });
    let year = |group: &Value| {
        let mut year = pick(
            group,
            &[
                "applications",
                "loans_paid_out",
                "disbursed_fen",
                "principal_collected_fen",
                "interest_collected_fen",
                "subsidy_fen",
            ],
        );
        year.insert("receipts".into(), group["repayments"].clone());
        Value::Object(year)
    };
    for group in by_year["items"].as_array().into_iter().flatten() {
        match group["group"].as_str().unwrap_or_default() {
            "total" => totals_of_all(group, &mut totals),
            name => totals["by_year"][name] = year(group),
        }
    }
    medians(&by_channel, &mut totals);
    of_applications(applications, &mut totals, until)?;
    of_loans(bank, applications, &mut totals);
    of_the_fund(books, bank, &mut totals);
    let mut flat = Totals::new();
    flatten("", &totals, &mut flat);
    Ok(flat)
}

fn pick(from: &Value, names: &[&str]) -> Map<String, Value> {
    names.iter().map(|name| ((*name).to_owned(), from[*name].clone())).collect()
}

fn totals_of_all(group: &Value, totals: &mut Value) {
    let same = [
        "applications",
        "renewal_applications",
        "loans_paid_out",
        "renewal_loans_paid_out",
        "enterprises_paid_out",
        "enterprises_renewed",
        "enterprises_in_all",
        "reapplications",
        "disbursed_fen",
        "enterprises_subsidised",
        "subsidy_claims_paid",
        "subsidy_fen",
        "subsidy_rejected",
        "principal_collected_fen",
        "interest_collected_fen",
        "relief_measures",
        "tickets",
        "consultations",
    ];
    for (name, value) in pick(group, &same) {
        totals[name] = value;
    }
    totals["receipts"] = group["repayments"].clone();
    totals["outstanding_at_end_fen"] = group["outstanding_fen"].clone();
}

fn medians(by_channel: &Value, totals: &mut Value) {
    for group in by_channel["items"].as_array().into_iter().flatten() {
        let Some(channel) = group["group"].as_str().filter(|name| *name != "total") else { continue };
        let steps = [
            ("intake", "check eligibility"),
            ("guarantee", "assess guarantee"),
            ("credit", "approve credit"),
            ("contract", "sign contracts"),
            ("letter", "issue letter"),
            ("loan_contract", "sign loan contract"),
            ("disbursement", "disburse"),
            ("filing_to_disbursement", union_core::statistics::FILING_TO_PAY_OUT),
        ];
        for (name, step) in steps {
            totals["working_day_medians"][name][channel] = group["median_working_days"][step].clone();
        }
    }
}

/// Adds one to a count, or a sum to a sum.
fn add(totals: &mut Value, path: &[&str], more: i64) {
    let mut place = totals;
    for key in path {
        place = &mut place[*key];
    }
    *place = json!(place.as_i64().unwrap_or_default() + more);
}

/// How an application ended, in the words of DOMAIN.md section 6.
fn outcome(application: &Application) -> &str {
    match application.standing.as_ref().map(|standing| standing.loan_state.as_str()) {
        Some("OVERDUE") => "ACTIVE",
        Some(state) => state,
        None if application.ended => &application.state,
        None => "IN_PROGRESS",
    }
}

fn of_applications(applications: &[Application], totals: &mut Value, until: Date) -> anyhow::Result<()> {
    let charter = Charter::programme_2017();
    add(totals, &["subsidy_claimable"], 0);
    add(totals, &["relief_requests"], 0);
    for application in applications {
        let paid = application.paid_out().map(|receipt| receipt.amount_fen.get());
        let outcome = outcome(application);
        add(totals, &["by_outcome", outcome, "applications"], 1);
        add(totals, &["by_outcome", outcome, "amount_requested_fen"], application.wish.amount_fen.get());
        add(totals, &["by_outcome", outcome, "disbursed_fen"], paid.unwrap_or_default());
        add(totals, &["by_channel", &application.channel], 1);
        let reason = application.ending.as_ref().and_then(|ending| ending.reason_code.as_deref()).unwrap_or_default();
        match outcome {
            "EXPIRED" => add(totals, &["expired_by", reason], 1),
            "IN_PROGRESS" => add(totals, &["in_progress_states", &application.state], 1),
            "WITHDRAWN" => {
                add(totals, &["refusals", &format!("WITHDRAWN/{reason}")], 1);
                add(totals, &["withdrawn_at_stage", application.turned_back_at.as_deref().unwrap_or_default()], 1);
            }
            "INTAKE_REJECTED" | "GUARANTEE_DECLINED" | "CREDIT_DECLINED" => {
                add(totals, &["refusals", &format!("{outcome}/{reason}")], 1);
            }
            _ => {}
        }
        for relief in &application.relief {
            add(totals, &["relief_requests"], 1);
            add(totals, &["relief_status", &relief.relief_state], 1);
        }
        for claim in application.subsidies.iter().filter(|claim| claim.claim_state == "REJECTED") {
            let reason = claim.ending.as_ref().and_then(|ending| ending.reason_code.as_deref());
            add(totals, &["subsidy_refusals", reason.unwrap_or_default()], 1);
        }
        if let Some(settled_on) = application.standing.as_ref().and_then(|standing| standing.settled_on) {
            let period = Period::of(charter.subsidy.trigger, settled_on);
            let open = charter.subsidy.cut_off(period, &charter.calendar)? > until;
            add(totals, &["subsidy_claimable"], i64::from(open));
        }
        if paid.is_some() {
            let section = application.firm.industry_code.chars().next().and_then(industry::section_zh);
            add(totals, &["by_industry_paid", section.unwrap_or(&application.firm.industry_code)], 1);
            add(totals, &["by_district_paid", &application.firm.district], 1);
            add(totals, &["by_channel_paid", &application.channel], 1);
            if let Some(mode) = &application.renewal_mode {
                add(totals, &["renewal_modes_paid", mode], 1);
                add(totals, &["renewals_paid_under_policy"], i64::from(application.renewal_reason.is_some()));
            }
        }
    }
    Ok(())
}

fn of_loans(bank: &Export, applications: &[Application], totals: &mut Value) {
    let paid: BTreeSet<&str> =
        applications.iter().filter(|one| one.paid_out().is_some()).map(|one| one.application_id.as_str()).collect();
    let loans = bank.loans.iter().filter(|loan: &&Loan| paid.contains(loan.application_id.as_str()));
    for loan in loans {
        let amount = loan.receipt.as_ref().map_or(Fen::ZERO, |receipt| receipt.amount_fen);
        add(totals, &["by_method", &loan.method], 1);
        add(totals, &["by_term", &loan.term_months.to_string()], 1);
        add(totals, &["by_amount_wan", &(amount.get() / 1_000_000).to_string()], 1);
        for receipt in loan.receipts.iter().filter(|receipt| receipt.counts()) {
            add(totals, &["receipts_by_kind", &receipt.kind], 1);
        }
    }
}

/// Peaks are sums at the close of a day, with the first day that reaches them.
fn of_the_fund(union: &Export, bank: &Export, totals: &mut Value) {
    let deposit = union.balance("U1001");
    totals["deposit_fen"] = json!(deposit);
    totals["leverage"] = json!(Charter::programme_2017().leverage_multiple);
    if let Some((on, peak)) = peak(bank, &["B1301", "B1303"]) {
        totals["peak_outstanding_fen"] = json!(peak);
        totals["peak_on"] = json!(on.to_string());
        totals["peak_over_deposit"] = json!(ratio(peak, deposit));
    }
    if let Some((on, peak)) = peak(union, &["U9001", "U9002"]) {
        totals["fund_reserved_peak_fen"] = json!(peak);
        totals["fund_reserved_peak_on"] = json!(on.to_string());
    }
    totals["fund_reserved_at_end_fen"] = json!(union.balance("U9001") + union.balance("U9002"));
}

/// The largest sum of these accounts at the close of a day.
fn peak(export: &Export, codes: &[&str]) -> Option<(Date, i64)> {
    let is_of = |account: &str| codes.contains(&account.split('/').next().unwrap_or_default());
    let mut changes: BTreeMap<Date, i64> = BTreeMap::new();
    for posting in &export.postings {
        let change = changes.entry(posting.on()).or_default();
        *change += if is_of(&posting.debit) { posting.amount_fen } else { 0 };
        *change -= if is_of(&posting.credit) { posting.amount_fen } else { 0 };
    }
    let mut sum = 0;
    let closes = changes.into_iter().map(|(on, change)| {
        sum += change;
        (on, sum)
    });
    closes.fold(None, |peak, close| match peak {
        Some((_, highest)) if highest >= close.1 => peak,
        _ => Some(close),
    })
}

/// A ratio with four decimals, half up, as a JSON number.
fn ratio(part: i64, whole: i64) -> Option<Number> {
    let scaled = (part * 20_000 + whole) / (whole * 2);
    let text = format!("{}.{:04}", scaled / 10_000, scaled % 10_000);
    serde_json::from_str(&text).ok()
}

/// The application that was paid the largest subsidy, whose story a reader is shown, and that subsidy.
pub(super) fn largest_subsidy(union: &Export) -> Option<(Fen, &str)> {
    let paid = union.applications.iter().flat_map(|application| {
        let claims = application.subsidies.iter().filter(|claim| claim.claim_state == "PAID");
        claims.filter_map(|claim| Some((claim.amount_fen?, application.application_id.as_str())))
    });
    paid.max()
}
