//! What readers see of a loan: a line in the book of loans, and its account with all that is owed and was paid.

use crate::{
    life::Life,
    rows::{Loan, LoanState},
};
use domain::{
    Date, Fen,
    class::class,
    loan::{Due, Line, Part, Receipt},
};
use serde_json::{Value, json};

/// A loan as a line in the book of loans.
pub fn loan_line(loan: &Loan, today: Date) -> Value {
    let life = loan.life.as_deref();
    let next = life.and_then(|life| life.loan.current().map(|(_, due)| due.on).filter(|on| *on >= today).min());
    json!({
        "application_id": loan.application_id,
        "uscc": loan.uscc,
        "contract_no": loan.contract_no,
        "letter_no": loan.letter_no,
        "amount_fen": loan.amount_fen,
        "rate_ppm": loan.rate_ppm,
        "method": loan.method,
        "term_months": loan.term_months,
        "state": loan.state,
        "receipt": loan.receipt,
        "outstanding_fen": life.filter(|_| loan.state.is_living()).and_then(|life| life.loan.outstanding()),
        "interest_received_fen": life.and_then(|life| life.loan.interest_received()),
        "next_due_on": next.map(|on| on.to_string()).filter(|_| loan.state.is_living()),
        "overdue_since": life
            .filter(|_| loan.state.is_living())
            .and_then(|life| life.loan.overdue_since(today))
            .map(|since| since.to_string()),
        "relief": life.and_then(|life| life.relief),
        "class": life
            .filter(|_| loan.state.is_living())
            .map(|life| class(life.loan.overdue_since(today), today, life.relief.is_some())),
    })
}

/// A loan with what is owed today, what falls due, and what was received.
pub fn loan_account(loan: &Loan, today: Date) -> Value {
    let mut account = loan_line(loan, today);
    let Some(life) = loan.life.as_deref() else { return account };
    let owed = if loan.state.is_living() { life.loan.owed(today).unwrap_or_default() } else { Vec::new() };
    account["owed_today_fen"] = json!(Fen::sum(owed.iter().map(|line| line.amount_fen)));
    account["owed_today"] = owed_by_part(&owed);
    account["schedule_version"] = json!(life.loan.version());
    account["dues"] = dues(life);
    account["receipts"] = life
        .loan
        .receipts()
        .iter()
        .zip(&life.entries)
        .map(|(receipt, entry)| {
            json!({
                "no": receipt.seq,
                "kind": receipt_kind(loan, life, receipt),
                "value_date": receipt.on.to_string(),
                "principal_fen": sum(receipt, Part::is_principal),
                "interest_fen": sum(receipt, Part::is_contract_interest),
                "penalty_fen": sum(receipt, Part::is_penalty),
                "reference": entry.reference,
                "by": entry.by,
                "reversed": entry.reversed,
            })
        })
        .collect();
    account
}

/// What a receipt is: of a plan's deferred interest, of a part that was repaid early, the one that ended the loan, or as scheduled.
fn receipt_kind(loan: &Loan, life: &Life, receipt: &Receipt) -> &'static str {
    let dues =
        |of: fn(&Due) -> bool| receipt.lines.iter().map(move |line| life.loan.dues().get(line.due).is_some_and(of));
    let is_last = life.loan.counted().last().is_some_and(|last| last.seq == receipt.seq);
    match loan.state {
        _ if dues(|due| due.deferred).all(|is| is) => "DEFERRED",
        LoanState::Settled if is_last => "SETTLEMENT",
        LoanState::Prepaid if is_last => "PREPAY",
        _ if dues(|due| due.early).any(|is| is) => "PART",
        _ => "SCHEDULED",
    }
}

fn sum(receipt: &Receipt, of: impl Fn(Part) -> bool) -> Value {
    json!(receipt.sum(of))
}

fn owed_by_part(owed: &[Line]) -> Value {
    let parts = Part::ALL.into_iter().filter_map(|part| {
        let sum = Fen::sum(owed.iter().filter(|line| line.part == part).map(|line| line.amount_fen))?;
        (sum > Fen::ZERO).then(|| json!({ "part": part, "amount_fen": sum }))
    });
    parts.collect()
}

/// What falls due, by its day, and what of it was paid.
fn dues(life: &Life) -> Value {
    let mut dues: Vec<(usize, &Due)> = life.loan.current().collect();
    dues.sort_by_key(|(at, due)| (due.on, due.row, *at));
    let due = |(at, due): (usize, &Due)| {
        json!({
            "on": due.on.to_string(),
            "principal_fen": due.principal_fen,
            "interest_fen": due.interest_fen,
            "deferred": due.deferred,
            "principal_paid_fen": life.loan.paid(at, Part::is_principal),
            "interest_paid_fen": life.loan.paid(at, Part::is_contract_interest),
        })
    };
    dues.into_iter().map(due).collect()
}
