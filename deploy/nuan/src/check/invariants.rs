//! The invariants of DOMAIN.md section 3 across the exports of the three, at rest. I8 has its place once claims have one.
//!
//! What is under way between two organisations shows as a difference: exports are taken when nothing is, or read with that in mind.

use super::export::{Application, Export, Guarantee, Loan, Receipt};
use domain::{Charter, Fen, Party};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// An invariant that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Violation {
    /// I1 to I12.
    pub invariant: &'static str,
    /// What is wrong, and of what.
    pub what: String,
}

/// The exports of the three.
pub(crate) struct Books<'b> {
    union: &'b Export,
    guarantor: &'b Export,
    bank: &'b Export,
    applications: &'b [Application],
    violations: Vec<Violation>,
}

/// The invariants that are checked.
pub(crate) const CHECKED: [&str; 11] = ["I1", "I2", "I3", "I4", "I5", "I6", "I7", "I9", "I10", "I11", "I12"];

/// Every invariant that does not hold.
///
/// # Errors
/// An export is not as the services make it, or one is missing.
pub(crate) fn violations(exports: &BTreeMap<Party, Export>) -> anyhow::Result<Vec<Violation>> {
    let of = |party: Party| exports.get(&party).ok_or_else(|| anyhow::anyhow!("the export of the {party} is missing"));
    let (union, guarantor, bank) = (of(Party::Union)?, of(Party::Guarantor)?, of(Party::Bank)?);
    let mut books = Books { union, guarantor, bank, applications: &union.applications, violations: Vec::new() };
    books.balances_follow_from_postings();
    books.accounts_agree();
    books.fund_covers();
    books.loans_and_letters();
    books.subsidies();
    books.firms();
    books.money_arrived_once();
    books.applications_add_up();
    Ok(books.violations)
}

impl<'b> Books<'b> {
    fn ensure(&mut self, invariant: &'static str, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.violations.push(Violation { invariant, what: what() });
        }
    }

    fn equal(&mut self, invariant: &'static str, what: &str, left: i64, right: i64) {
        self.ensure(invariant, left == right, || format!("{what}: {left} ≠ {right}"));
    }

    fn guarantees(&self) -> BTreeMap<&'b str, &'b Guarantee> {
        self.guarantor.guarantees.iter().map(|case| (case.application_id.as_str(), case)).collect()
    }

    /// I1: each balance is what its postings come to, and no posting's id is used twice.
    fn balances_follow_from_postings(&mut self) {
        for export in [self.union, self.guarantor, self.bank] {
            let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
            let mut ids = BTreeSet::new();
            let party = export.party;
            for posting in &export.postings {
                *sums.entry(&posting.debit).or_default() += posting.amount_fen;
                *sums.entry(&posting.credit).or_default() -= posting.amount_fen;
                self.ensure("I1", ids.insert(&posting.id), || format!("{party}: {} is posted twice", posting.id));
            }
            self.equal("I1", &format!("{party}: debits = credits"), sums.values().sum(), 0);
            for (code, balance) in &export.balances {
                let sum = sums.get(code.as_str()).copied().unwrap_or_default();
                // A balance is shown on the account's own side.
                self.equal("I1", &format!("{party} {code}"), balance.abs(), sum.abs());
            }
        }
    }

    /// I2.
    fn accounts_agree(&mut self) {
        for (ours, theirs) in [("U1001", "B2012"), ("U1002", "B2013")] {
            let (ours_fen, theirs_fen) = (self.union.balance(ours), self.bank.balance(theirs));
            self.equal("I2", &format!("{ours} = {theirs}"), ours_fen, theirs_fen);
        }
    }

    /// I3 and I4, by the multiple of the programme's charter.
    fn fund_covers(&mut self) {
        let multiple = i64::from(Charter::programme_2017().leverage_multiple);
        let (mut held, mut committed, mut guaranteed) = (0, 0, 0);
        for application in self.applications {
            let Some(reservation) = &application.reservation else { continue };
            let (id, reserved) = (&application.application_id, reservation.reserved_fen.get());
            let whole = reservation.exposure_fen.get();
            let exposed = match reservation.state.as_str() {
                // A renewal that repays the old loan holds what it takes beyond that.
                "HELD" => (whole - reservation.rolls.map_or(0, Fen::get)).max(0),
                "COMMITTED" | "ROLLED" => reservation.outstanding_fen.map_or(whole, Fen::get),
                _ => continue,
            };
            if reservation.state == "HELD" {
                held += reserved;
            } else {
                let owed = application.standing.as_ref().map_or(0, |standing| standing.outstanding_fen.get());
                self.equal("I3", &format!("{id}: what the fund stands behind = what is owed"), exposed, owed);
                committed += reserved;
            }
            guaranteed += exposed;
            let share = (exposed + multiple - 1) / multiple;
            self.equal("I3", &format!("{id}: reserved = ⌈{exposed} ÷ {multiple}⌉"), reserved, share);
        }
        self.equal("I3", "U9001 = Σ held", self.union.balance("U9001"), held);
        self.equal("I3", "U9002 = Σ committed", self.union.balance("U9002"), committed);
        let deposit = self.union.balance("U1001");
        self.ensure("I3", held + committed <= deposit, || format!("{} is reserved of {deposit}", held + committed));
        self.ensure("I4", guaranteed <= multiple * deposit, || {
            format!("{guaranteed} is guaranteed, the fund bears {}", multiple * deposit)
        });
    }

    /// I5, I6 and I7.
    fn loans_and_letters(&mut self) {
        let (letters, bank) = (self.guarantees(), self.bank);
        let mut lent = BTreeSet::new();
        for loan in &bank.loans {
            let id = loan.application_id.as_str();
            let booked = bank.balance(&format!("B1301/{id}")) + bank.balance(&format!("B1303/{id}"));
            let owed = owed(loan);
            self.equal("I5", &format!("{id}: B1301 + B1303 = paid out − repaid"), booked, owed);
            self.ensure("I5", owed >= 0, || format!("{id}: {owed} is owed"));
            let letter = letters.get(id).and_then(|case| case.letter.as_ref());
            let state = letter.map_or("none", |letter| letter.state.as_str());
            let liable = self.guarantor.balance(&format!("G9001/{id}"));
            let expected = if state == "EFFECTIVE" { booked } else { 0 };
            self.equal("I6", &format!("{id}: G9001 of a letter that is {state}"), liable, expected);
            if loan.receipt.is_some() && loan.state != "REVERSED" {
                lent.insert(id.to_owned());
                let number = letter.map_or("none", |letter| letter.letter.letter_no.as_str());
                self.ensure("I7", number == loan.letter_no, || {
                    format!("{id}: lent on letter {}, the guarantor has {number}", loan.letter_no)
                });
            }
        }
        for (id, case) in letters {
            let effective = case.letter.as_ref().is_some_and(|letter| letter.state == "EFFECTIVE");
            self.ensure("I7", !effective || lent.contains(id), || {
                format!("{id}: a letter is effective without a loan")
            });
        }
        for application in self.applications {
            let id = &application.application_id;
            let paid_out = application.paid_out().is_some();
            self.ensure("I7", paid_out == lent.contains(id), || {
                format!("{id}: the union and the bank differ on the pay-out")
            });
            let reserved = application.reservation.as_ref().map_or("", |reservation| reservation.state.as_str());
            let fits = !paid_out
                || (matches!(reserved, "COMMITTED" | "RELEASED" | "ROLLED" | "DRAWN") && application.letter.is_some());
            self.ensure("I7", fits, || format!("{id}: paid out with a reservation that is {reserved}"));
        }
    }

    /// I9.
    fn subsidies(&mut self) {
        let interest: BTreeMap<&str, i64> =
            self.bank.loans.iter().map(|loan| (loan.application_id.as_str(), interest(loan))).collect();
        let mut paid = 0;
        for application in self.applications {
            let id = application.application_id.as_str();
            let mut periods = BTreeSet::new();
            let mut sum = 0;
            for claim in application.subsidies.iter().filter(|claim| claim.claim_state == "PAID") {
                self.ensure("I9", periods.insert(claim.period), || format!("{id}: {} is paid twice", claim.period));
                sum += claim.amount_fen.map_or(0, Fen::get);
            }
            let collected = interest.get(id).copied().unwrap_or_default();
            self.ensure("I9", sum <= collected, || format!("{id}: subsidy {sum} on {collected} of interest"));
            paid += sum;
        }
        self.equal("I9", "U5001 = Σ paid", self.union.balance("U5001"), paid);
        let (encumbered, left) = (self.union.balance("U9003"), self.union.balance("U1002"));
        self.ensure("I9", encumbered <= left, || format!("{encumbered} is encumbered of {left}"));
    }

    /// I10.
    fn firms(&mut self) {
        let charter = Charter::programme_2017();
        let mut firms: BTreeMap<&str, (u16, u16)> = BTreeMap::new();
        for loan in self.bank.loans.iter().filter(|loan| loan.receipt.is_some() && loan.state != "REVERSED") {
            let (loans, live) = firms.entry(&loan.uscc).or_default();
            *loans += 1;
            *live += u16::from(matches!(loan.state.as_str(), "ACTIVE" | "OVERDUE"));
            let amount = loan.receipt.as_ref().map_or(Fen::ZERO, |receipt| receipt.amount_fen);
            if amount > charter.amount_max_fen {
                let what = format!("{}: {amount} yuan is above the cap", loan.application_id);
                self.violations.push(Violation { invariant: "I10", what });
            }
        }
        for (firm, (loans, live)) in firms {
            self.ensure("I10", live <= 1 && loans <= charter.max_loans, || {
                format!("{firm}: {loans} loans, {live} of them live")
            });
        }
    }

    /// I11: what one organisation says of money, the others have heard exactly once.
    fn money_arrived_once(&mut self) {
        let guarantees = self.guarantees();
        let union: BTreeMap<&str, &Application> =
            self.applications.iter().map(|one| (one.application_id.as_str(), one)).collect();
        let mut numbers = BTreeSet::new();
        for loan in &self.bank.loans {
            let id = loan.application_id.as_str();
            let Some(receipt) = loan.receipt.as_ref().filter(|_| loan.state != "REVERSED") else { continue };
            self.ensure("I11", numbers.insert(&receipt.posting_no), || format!("{} is used twice", receipt.posting_no));
            let heard = union.get(id).and_then(|application| application.receipt.as_ref());
            self.ensure("I11", heard == Some(receipt), || format!("{id}: the union has heard of {heard:?}"));
            let known = guarantees.get(id).map_or(&[][..], |case| case.repayments.as_slice());
            let split = |receipts: &[Receipt]| -> Vec<(u32, i64, i64)> {
                let counted = receipts.iter().filter(|receipt| receipt.counts());
                counted.map(|one| (one.no, one.principal_fen.get(), one.interest_fen.get())).collect()
            };
            let (ours, theirs) = (split(&loan.receipts), split(known));
            self.ensure("I11", ours == theirs, || {
                format!("{id}: the guarantor has heard of {theirs:?}, not of {ours:?}")
            });
            let owed = owed(loan);
            let known = union
                .get(id)
                .and_then(|one| one.standing.as_ref())
                .map_or(0, |standing| standing.outstanding_fen.get());
            self.equal("I11", &format!("{id}: owed, as the union knows it"), known, owed);
        }
        let mut credited = BTreeSet::new();
        for paid in self.bank.credits.iter().flat_map(|case| &case.subsidies).filter(|paid| paid.returned_on.is_none())
        {
            let number = paid.posting_no.clone();
            self.ensure("I11", credited.insert(number.clone()), || format!("{number} is used twice"));
        }
        let claims = self.applications.iter().flat_map(|application| &application.subsidies);
        let told: BTreeSet<String> =
            claims.filter(|claim| claim.claim_state == "PAID").filter_map(|claim| claim.posting_no.clone()).collect();
        self.ensure("I11", credited == told, || {
            format!(
                "subsidies that only one of union and bank knows: {:?}",
                credited.symmetric_difference(&told).collect::<Vec<_>>()
            )
        });
    }

    /// I12.
    fn applications_add_up(&mut self) {
        let ids: BTreeSet<&str> = self.applications.iter().map(|one| one.application_id.as_str()).collect();
        let (all, different) = (self.applications.len(), ids.len());
        self.ensure("I12", all == different, || format!("{all} applications have {different} numbers"));
        let ended = self.applications.iter().filter(|one| one.ended != one.ending.is_some()).count();
        self.ensure("I12", ended == 0, || format!("{ended} applications are neither open nor ended"));
        let paid: Vec<&Application> = self.applications.iter().filter(|one| one.paid_out().is_some()).collect();
        let firms: BTreeSet<&str> = paid.iter().map(|one| one.firm.uscc.as_str()).collect();
        let (firms, loans) = (firms.len(), paid.len());
        self.ensure("I12", firms <= loans && loans <= all, || {
            format!("{firms} firms, {loans} loans, {all} applications")
        });
    }
}

/// Principal that is owed of a loan by what was paid out and received, fen.
fn owed(loan: &Loan) -> i64 {
    if matches!(loan.state.as_str(), "PENDING" | "TERMINATED" | "REVERSED") {
        return 0;
    }
    let paid_out = loan.receipt.as_ref().map_or(0, |receipt| receipt.amount_fen.get());
    let counted = loan.receipts.iter().filter(|receipt| receipt.counts());
    paid_out - counted.map(|receipt| receipt.principal_fen.get()).sum::<i64>()
}

fn interest(loan: &Loan) -> i64 {
    loan.receipts.iter().filter(|receipt| receipt.counts()).map(|receipt| receipt.interest_fen.get()).sum()
}

#[cfg(test)]
mod tests;
