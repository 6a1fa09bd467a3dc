//! What must hold when the faults are over, as a function of what the three organisations and the clients say.
//!
//! Pure: rows in, violations out. It knows DOMAIN.md's invariants (section 3) as far as origination can break them, and
//! nothing of services, faults or files. An application that waits for a named person is still on its way: of it only is
//! asked what must hold at any instant.

#[cfg(test)]
mod tests;

use super::evidence::{Application, Books, Case, Credit, Evidence, Posting, Receipt, Told};
use domain::Party;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// The programme's multiple: what the deposit may stand for.
const MULTIPLE: i64 = 5;
/// The programme's ceiling, fen.
const CEILING_FEN: i64 = 50_000_000;
/// Accounts that grow on the debit side; all others grow on the credit side.
const DEBIT: [&str; 8] = ["U1001", "U9001", "U9002", "G1002", "G9001", "B1003", "B1301", "B1303"];

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which rule: an invariant of DOMAIN.md section 3, or a word.
    pub rule: &'static str,
    /// Of what, and how.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.what)
    }
}

/// Everything that does not hold.
pub fn check(evidence: &Evidence) -> Vec<Violation> {
    let mut found = Found::default();
    acknowledged(evidence, &mut found);
    ends(evidence, &mut found);
    for (party, books) in &evidence.books {
        ledger(*party, books, &mut found);
    }
    let view = View::new(evidence);
    for application in &evidence.applications {
        one(&view, application, &mut found);
    }
    strangers(&view, &mut found);
    sums(&view, &mut found);
    found.0
}

#[derive(Default)]
struct Found(Vec<Violation>);

impl Found {
    fn add(&mut self, rule: &'static str, what: impl Into<String>) {
        self.0.push(Violation { rule, what: what.into() });
    }

    fn unless(&mut self, holds: bool, rule: &'static str, what: impl FnOnce() -> String) {
        if !holds {
            self.add(rule, what());
        }
    }

    fn equal<T: PartialEq + fmt::Debug>(&mut self, rule: &'static str, what: &str, left: &T, right: &T) {
        self.unless(left == right, rule, || format!("{what}: {left:?} is not {right:?}"));
    }
}

/// The evidence by application.
struct View<'e> {
    evidence: &'e Evidence,
    cases: BTreeMap<&'e str, &'e Case>,
    credits: BTreeMap<&'e str, &'e Credit>,
    /// Postings by the account that they are booked under, the part behind the slash included.
    loans: BTreeMap<&'e str, Vec<&'e Posting>>,
    liabilities: BTreeMap<&'e str, Vec<&'e Posting>>,
    /// The union's postings by their ids.
    fund: BTreeMap<&'e str, &'e Posting>,
}

impl<'e> View<'e> {
    fn new(evidence: &'e Evidence) -> Self {
        View {
            evidence,
            cases: evidence.cases.iter().map(|case| (case.application_id.as_str(), case)).collect(),
            credits: evidence.credits.iter().map(|credit| (credit.application_id.as_str(), credit)).collect(),
            loans: postings_under(evidence.books.get(&Party::Bank), "B1301"),
            liabilities: postings_under(evidence.books.get(&Party::Guarantor), "G9001"),
            fund: evidence
                .books
                .get(&Party::Union)
                .into_iter()
                .flat_map(|books| &books.postings)
                .map(|posting| (posting.id.as_str(), posting))
                .collect(),
        }
    }

    fn balance(&self, party: Party, code: &str) -> i64 {
        self.evidence.books.get(&party).map_or(0, |books| books.sum(code))
    }

    fn is_named(&self, id: &str) -> bool {
        self.evidence.named.contains_key(id)
    }
}

/// Postings that touch an account `code/…`, by what is behind the slash.
fn postings_under<'e>(books: Option<&'e Books>, code: &str) -> BTreeMap<&'e str, Vec<&'e Posting>> {
    let mut under: BTreeMap<&str, Vec<&Posting>> = BTreeMap::new();
    for posting in books.into_iter().flat_map(|books| &books.postings) {
        let parts = [&posting.debit, &posting.credit].into_iter().filter_map(|account| account.split_once('/'));
        for (_, part) in parts.filter(|(main, _)| *main == code) {
            under.entry(part).or_default().push(posting);
        }
    }
    under
}

/// Whoever got an answer can rely on it: his application exists, once, under the number he was told, and ends as he was told.
fn acknowledged(evidence: &Evidence, found: &mut Found) {
    let at_union: BTreeMap<&str, &Application> =
        evidence.applications.iter().map(|application| (application.application_id.as_str(), application)).collect();
    found.equal("numbers", "applications under one number", &at_union.len(), &evidence.applications.len());
    let mut owners: BTreeMap<&str, u32> = BTreeMap::new();
    for told in &evidence.told {
        let firm = told.firm;
        let numbers: BTreeSet<&str> = told.numbers.iter().map(String::as_str).collect();
        // A union that was set back has lost what it had answered under the key.
        let is_one = numbers.len() <= 1 || evidence.union_set_back;
        found.unless(is_one, "answers", || format!("firm {firm} was told {numbers:?} under one key"));
        for refusal in &told.refused {
            found.add("answers", format!("firm {firm} was refused: {refusal}"));
        }
        for number in numbers {
            if let Some(other) = owners.insert(number, firm) {
                found.add("numbers", format!("{number} was given to the firms {other} and {firm}"));
            }
            match at_union.get(number) {
                None if evidence.union_set_back => lost(evidence, number, found),
                None => found.add("answers", format!("{number} of firm {firm} was acknowledged and is not there")),
                Some(application) => ended_as_told(evidence, told, application, found),
            }
        }
    }
    for number in at_union.keys().filter(|number| !owners.contains_key(*number)) {
        found.add("answers", format!("{number} is there, and nobody was told so"));
    }
}

/// An application that the union has lost with its database: if a partner knows it, somebody has to act.
fn lost(evidence: &Evidence, number: &str, found: &mut Found) {
    let at_guarantor = evidence.cases.iter().any(|case| case.application_id == number);
    let at_bank = evidence.credits.iter().any(|credit| credit.application_id == number);
    let is_named = evidence.named.contains_key(number);
    found.unless(is_named || !(at_guarantor || at_bank), "I12", || {
        format!("{number} is lost at the union, and nobody was told that its partners know it")
    });
}

fn ended_as_told(evidence: &Evidence, told: &Told, application: &Application, found: &mut Found) {
    let number = &application.application_id;
    found.equal("answers", &format!("{number}: firm"), &application.uscc, &told.uscc);
    let is_there = told.gone && told.numbers.iter().all(|one| one == number);
    found.unless(!is_there, "answers", || format!("{number} is there, and its applicant was told that it is not"));
    for end in &told.ended_as {
        found.equal("answers", &format!("{number}: told its applicant as its end"), end, &application.state);
    }
    if !application.ended {
        return;
    }
    let due = if told.owes_too_much { "CREDIT_DECLINED" } else { "DISBURSED" };
    let expired = application.state == "EXPIRED" && evidence.time_jumped;
    let withdrawn = application.state == "WITHDRAWN" && told.withdrew;
    let as_due = application.state == due || withdrawn || expired;
    found.unless(as_due, "outcome", || format!("{number} ended as {}, and not as {due}", application.state));
}

/// I12: every application has ended, or a named person has to act. Nothing waits for ever, nothing is still said.
fn ends(evidence: &Evidence, found: &mut Found) {
    let open = evidence.applications.iter().filter(|application| !application.ended);
    for application in open.filter(|application| !evidence.named.contains_key(&application.application_id)) {
        found.add("I12", format!("{} is {} and waits for nobody", application.application_id, application.state));
    }
    for (party, unrest) in &evidence.unrest {
        found.add("rest", format!("the {party} {unrest}"));
    }
}

/// I1: every balance is what its postings make it, both sides are equal, none is below zero, no posting is there twice.
fn ledger(party: Party, books: &Books, found: &mut Found) {
    let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
    let mut ids = BTreeSet::new();
    for posting in &books.postings {
        found.unless(ids.insert(&posting.id), "I1", || format!("{party}: {} is posted twice", posting.id));
        *sums.entry(&posting.debit).or_default() += posting.amount_fen;
        *sums.entry(&posting.credit).or_default() -= posting.amount_fen;
    }
    let mut sides = (0, 0);
    let codes: BTreeSet<&str> = sums.keys().copied().chain(books.balances.keys().map(String::as_str)).collect();
    for code in codes {
        let balance = books.balances.get(code).copied().unwrap_or_default();
        let grows_by_debit = DEBIT.contains(&code.split('/').next().unwrap_or_default());
        let posted = sums.get(code).copied().unwrap_or_default();
        let posted = if grows_by_debit { posted } else { -posted };
        found.equal("I1", &format!("{party}: balance of {code} and its postings"), &balance, &posted);
        found.unless(balance >= 0, "I1", || format!("{party}: {code} is {balance}"));
        let side = if grows_by_debit { &mut sides.0 } else { &mut sides.1 };
        *side += balance;
    }
    found.equal("I1", &format!("{party}: debit and credit"), &sides.0, &sides.1);
}

/// One application in the three organisations: paid out in all, or in none.
fn one(view: &View<'_>, application: &Application, found: &mut Found) {
    let id = application.application_id.as_str();
    let (case, credit) = (view.cases.get(id).copied(), view.credits.get(id).copied());
    let loans = view.loans.get(id).map_or(&[][..], Vec::as_slice);
    let liabilities = view.liabilities.get(id).map_or(&[][..], Vec::as_slice);
    // At any instant.
    found.unless(loans.len() <= 1, "I11", || format!("{id} is paid out {} times", loans.len()));
    found.unless(liabilities.len() <= 1, "I6", || format!("{id} is guaranteed {} times", liabilities.len()));
    let paid_out = credit.and_then(|credit| credit.paid_out.as_ref());
    let lent = loans.iter().map(|posting| posting.amount_fen).sum();
    found.equal("I5", &format!("{id}: posted and on the bank's receipt"), &lent, &amount(paid_out));
    let effective = case.is_some_and(|case| case.letter_state.as_deref() == Some("EFFECTIVE"));
    let guaranteed: i64 = liabilities.iter().map(|posting| posting.amount_fen).sum();
    let due = if effective { case.map_or(0, |case| case.letter_fen) } else { 0 };
    found.equal("I6", &format!("{id}: liability and effective letter"), &guaranteed, &due);
    found.unless(!effective || lent > 0, "I7", || format!("{id}: letter EFFECTIVE without a loan"));
    if let Some(receipt) = &application.receipt {
        found.equal("I11", &format!("{id}: receipt at union and bank"), &Some(receipt), &paid_out);
    }
    found.unless(lent <= CEILING_FEN, "I10", || format!("{id}: {lent} fen is above the ceiling"));
    found.unless(lent <= application.asked_fen, "I10", || {
        format!("{id}: {lent} fen paid out, {} asked", application.asked_fen)
    });
    if !application.ended || view.is_named(id) {
        return;
    }
    if application.state == "DISBURSED" {
        disbursed(view, application, found);
    } else {
        undone(view, application, found);
    }
}

/// I5 to I7: one posting, one receipt in three hands, one letter, one reservation.
fn disbursed(view: &View<'_>, application: &Application, found: &mut Found) {
    let id = application.application_id.as_str();
    let (Some(case), Some(credit)) = (view.cases.get(id), view.credits.get(id)) else {
        return found.add("I11", format!("{id} is DISBURSED, and a partner does not know it"));
    };
    let receipt = application.receipt.as_ref();
    found.unless(receipt.is_some(), "I11", || format!("{id} is DISBURSED without a receipt"));
    found.equal("I11", &format!("{id}: receipt at union and bank"), &receipt, &credit.paid_out.as_ref());
    found.equal("I11", &format!("{id}: receipt at union and guarantor"), &receipt, &case.loan.as_ref());
    let lent: i64 = view.loans.get(id).into_iter().flatten().map(|posting| posting.amount_fen).sum();
    found.equal("I6", &format!("{id}: letter is EFFECTIVE"), &case.letter_state.as_deref(), &Some("EFFECTIVE"));
    found.equal("I6", &format!("{id}: guaranteed and lent"), &case.letter_fen, &lent);
    let letters = [&application.letter_no, &case.letter_no, &credit.letter_no];
    let one_letter = letters.iter().all(|no| no.is_some() && *no == letters[0]);
    found.unless(one_letter, "I7", || format!("{id}: letters {letters:?} at the three"));
    let share = lent / MULTIPLE + i64::from(lent % MULTIPLE > 0);
    let state = application.reservation_state.as_deref();
    found.equal("I7", &format!("{id}: reservation"), &state, &Some("COMMITTED"));
    found.equal("I3", &format!("{id}: reserved share"), &application.reserved_fen, &share);
    found.equal("I3", &format!("{id}: exposure and loan"), &application.exposure_fen, &lent);
    for event in ["reserve", "commit"] {
        let posted = view.fund.contains_key(format!("{event}:{id}").as_str());
        found.unless(posted, "I3", || format!("{id}: the union's books have no {event}"));
    }
    found.unless(!view.fund.contains_key(format!("release:{id}").as_str()), "I3", || {
        format!("{id} is DISBURSED and its reservation released")
    });
    found.unless(case.ended && credit.ended, "I12", || format!("{id} has ended at the union and not at its partners"));
}

/// What was turned back leaves nothing behind.
fn undone(view: &View<'_>, application: &Application, found: &mut Found) {
    let id = application.application_id.as_str();
    let state = application.reservation_state.as_deref();
    let released = matches!(state, None | Some("RELEASED"));
    found.unless(released, "I3", || format!("{id} is {}, its reservation {state:?}", application.state));
    found.unless(application.receipt.is_none(), "I11", || format!("{id} is {} with a receipt", application.state));
    if let Some(credit) = view.credits.get(id) {
        let nothing = credit.paid_out.is_none() && !credit.has_contract && !credit.has_payment;
        found.unless(nothing, "I5", || format!("{id} is {}, and the bank lends", application.state));
        found.unless(credit.ended, "I12", || format!("{id} has ended, and not at the bank"));
    }
    if let Some(case) = view.cases.get(id) {
        let letter = case.letter_state.as_deref();
        let withdrawn = matches!(letter, None | Some("REVOKED" | "EXPIRED"));
        found.unless(withdrawn, "I7", || format!("{id} is {}, its letter {letter:?}", application.state));
        found.equal("I6", &format!("{id}: exposure of the guarantor"), &case.exposure_fen, &0);
        found.unless(case.ended, "I12", || format!("{id} has ended, and not at the guarantor"));
    }
}

/// What partners and books have is of an application that the union has.
fn strangers(view: &View<'_>, found: &mut Found) {
    let known: BTreeSet<&str> = view.evidence.applications.iter().map(|one| one.application_id.as_str()).collect();
    let stranger = |id: &str| !known.contains(id) && !view.is_named(id);
    for (whose, ids) in [
        ("the guarantor has a case", view.cases.keys().collect::<Vec<_>>()),
        ("the bank has a case", view.credits.keys().collect()),
        ("the bank has lent for", view.loans.keys().collect()),
        ("the guarantor guarantees", view.liabilities.keys().collect()),
    ] {
        for id in ids.into_iter().filter(|id| stranger(id)) {
            found.add("I11", format!("{whose} {id}, which the union does not know"));
        }
    }
}

/// I2 to I4, I7 and I10 over all, and the sums that the organisations keep beside their books.
fn sums(view: &View<'_>, found: &mut Found) {
    let deposit = view.balance(Party::Union, "U1001");
    let (held, committed) = (view.balance(Party::Union, "U9001"), view.balance(Party::Union, "U9002"));
    found.equal("I2", "deposit at union and bank", &deposit, &view.balance(Party::Bank, "B2012"));
    found.unless(held + committed <= deposit, "I3", || format!("{held} + {committed} exceed the deposit {deposit}"));
    let in_state = |state: &'static str| {
        let all = view.evidence.applications.iter();
        all.filter(move |application| application.reservation_state.as_deref() == Some(state))
    };
    found.equal("I3", "held: books and applications", &held, &in_state("HELD").map(|one| one.reserved_fen).sum());
    let reserved = in_state("COMMITTED").map(|one| one.reserved_fen).sum();
    found.equal("I3", "committed: books and applications", &committed, &reserved);
    let exposure: i64 = ["HELD", "COMMITTED"].into_iter().flat_map(in_state).map(|one| one.exposure_fen).sum();
    let most = deposit.saturating_mul(MULTIPLE);
    found.unless(exposure <= most, "I4", || format!("{exposure} guaranteed, the deposit allows {most}"));
    found.equal("I4", "the fund's own sum and applications", &view.evidence.fund_guaranteed_fen, &exposure);
    let exposed: i64 = view.evidence.cases.iter().map(|case| case.exposure_fen).sum();
    found.equal("I4", "the guarantor's own sum and cases", &view.evidence.guarantor_exposure_fen, &exposed);

    let mut letters: BTreeMap<&str, &str> = BTreeMap::new();
    let mut live: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for credit in view.evidence.credits.iter().filter(|credit| credit.paid_out.is_some()) {
        let id = credit.application_id.as_str();
        live.entry(&credit.uscc).or_default().push(id);
        if let Some(other) = credit.letter_no.as_deref().and_then(|letter| letters.insert(letter, id)) {
            found.add("I7", format!("{other} and {id} are paid out under one letter"));
        }
    }
    for (uscc, loans) in live {
        found.unless(loans.len() <= 1, "I10", || format!("{uscc} has the live loans {loans:?}"));
        let drawn: i64 =
            loans.iter().filter_map(|id| view.credits.get(id)).map(|one| amount(one.paid_out.as_ref())).sum();
        let account = view.balance(Party::Bank, &format!("B2011/{uscc}"));
        found.equal("I5", &format!("account of {uscc} and its loans"), &account, &drawn);
    }
}

fn amount(receipt: Option<&Receipt>) -> i64 {
    receipt.map_or(0, |receipt| receipt.amount_fen)
}
