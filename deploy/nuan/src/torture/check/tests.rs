//! A world in which everything holds, and each thing that may be wrong in it: the check that finds nothing there must find
//! every one of these here.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where a step fails")]

use super::*;

const LOAN_FEN: i64 = 5_000_001; // Its share is no whole fifth.
const SHARE_FEN: i64 = 1_000_001;
const DEPOSIT_FEN: i64 = 900_000_000;

fn receipt(id: &str) -> Receipt {
    Receipt { posting_no: format!("FK-{id}-1"), amount_fen: LOAN_FEN, value_date: "2019-06-03".into() }
}

fn book(evidence: &mut Evidence, party: Party, id: &str, debit: &str, credit: &str, amount_fen: i64) {
    let books = evidence.books.entry(party).or_default();
    books.postings.push(Posting { id: id.into(), debit: debit.into(), credit: credit.into(), amount_fen });
    for (code, is_debit) in [(debit, true), (credit, false)] {
        let grows = DEBIT.contains(&code.split('/').next().unwrap()) == is_debit;
        *books.balances.entry(code.into()).or_default() += if grows { amount_fen } else { -amount_fen };
    }
}

/// Two paid out, one declined by the bank and one withdrawn, both undone, and one that waits for the bank's operations.
fn good() -> Evidence {
    use Party::{Bank, Guarantor, Union};
    let mut evidence = Evidence::default();
    book(&mut evidence, Union, "open:deposit", "U1001", "U3001", DEPOSIT_FEN);
    book(&mut evidence, Bank, "open:union-deposit", "B1003", "B2012", DEPOSIT_FEN);
    book(&mut evidence, Guarantor, "open:capital", "G1002", "G3001", 1_000);
    for (firm, state) in (1..).zip(["DISBURSED", "DISBURSED", "CREDIT_DECLINED", "WITHDRAWN", "DISBURSING"]) {
        let (id, uscc) = (format!("NCD-2019-000{firm}"), format!("firm{firm}"));
        let (lent, open) = (state == "DISBURSED", state == "DISBURSING");
        let stands = lent || open;
        evidence.told.push(Told {
            firm,
            uscc: uscc.clone(),
            owes_too_much: state == "CREDIT_DECLINED",
            numbers: vec![id.clone(), id.clone()],
            refused: Vec::new(),
            withdrew: state == "WITHDRAWN",
            ended_as: if open { Vec::new() } else { vec![state.to_owned()] },
            gone: false,
        });
        let letter_no = stands.then(|| format!("BH-{id}-1"));
        let reservation = if lent {
            "COMMITTED"
        } else if open {
            "HELD"
        } else {
            "RELEASED"
        };
        evidence.applications.push(Application {
            application_id: id.clone(),
            uscc: uscc.clone(),
            state: state.to_owned(),
            ended: !open,
            asked_fen: LOAN_FEN,
            reservation_state: Some(reservation.to_owned()),
            exposure_fen: LOAN_FEN,
            reserved_fen: SHARE_FEN,
            letter_no: letter_no.clone(),
            receipt: lent.then(|| receipt(&id)),
        });
        let letter_state = if lent {
            "EFFECTIVE"
        } else if open {
            "ISSUED"
        } else {
            "REVOKED"
        };
        evidence.cases.push(Case {
            application_id: id.clone(),
            ended: !open,
            letter_no: letter_no.clone(),
            letter_state: Some(letter_state.to_owned()),
            letter_fen: LOAN_FEN,
            loan: lent.then(|| receipt(&id)),
            exposure_fen: if stands { LOAN_FEN } else { 0 },
        });
        evidence.credits.push(Credit {
            application_id: id.clone(),
            uscc: uscc.clone(),
            ended: !open,
            has_contract: open,
            has_payment: open,
            paid_out: lent.then(|| receipt(&id)),
            letter_no: letter_no.filter(|_| lent),
        });
        book(&mut evidence, Union, &format!("reserve:{id}"), "U9001", "U9000", SHARE_FEN);
        if lent {
            book(&mut evidence, Union, &format!("commit:{id}"), "U9002", "U9001", SHARE_FEN);
            book(
                &mut evidence,
                Bank,
                &format!("disb:{id}:1"),
                &format!("B1301/{id}"),
                &format!("B2011/{uscc}"),
                LOAN_FEN,
            );
            let liability = format!("G9001/{id}");
            book(&mut evidence, Guarantor, &format!("effective:BH-{id}-1"), &liability, "G9000", LOAN_FEN);
        } else if !open {
            book(&mut evidence, Union, &format!("release:{id}"), "U9000", "U9001", SHARE_FEN);
        }
        if open {
            evidence.named.insert(id, "operations of the bank".into());
        }
        evidence.fund_guaranteed_fen += if stands { LOAN_FEN } else { 0 };
        evidence.guarantor_exposure_fen += if stands { LOAN_FEN } else { 0 };
    }
    evidence
}

fn application(evidence: &mut Evidence, n: usize) -> &mut Application {
    &mut evidence.applications[n - 1]
}

fn books(evidence: &mut Evidence, party: Party) -> &mut Books {
    evidence.books.get_mut(&party).unwrap()
}

#[test]
fn nothing_is_found_where_everything_holds() {
    assert_eq!(check(&good()), []);
    assert_eq!(check(&Evidence::default()), []);
}

#[test]
fn expiry_is_no_violation_once_time_has_jumped() {
    let mut evidence = good();
    let id = evidence.applications[3].application_id.clone();
    application(&mut evidence, 4).state = "EXPIRED".into();
    evidence.told[3].ended_as = vec!["EXPIRED".into()];
    assert_eq!(check(&evidence).len(), 1, "not before");
    evidence.time_jumped = true;
    assert_eq!(check(&evidence), [], "{id}");
}

/// What is planted, by which rule it must be found, and a word that the finding must hold.
type Planted = (&'static str, &'static str, &'static str, fn(&mut Evidence));

const PLANTED: &[Planted] = &[
    ("an acknowledged application is lost", "answers", "NCD-2019-0001 of firm 1 was acknowledged", |e| {
        e.applications.remove(0);
    }),
    ("one key, two numbers", "answers", "firm 2 was told", |e| e.told[1].numbers.push("NCD-2019-0009".into())),
    ("one number, two firms", "numbers", "given to the firms 1 and 2", |e| {
        e.told[1].numbers = vec!["NCD-2019-0001".into()];
    }),
    ("a number twice at the union", "numbers", "under one number", |e| {
        let first = e.applications[0].clone();
        e.applications.push(first);
    }),
    ("an application that nobody filed", "answers", "nobody was told", |e| {
        let last = e.told.pop().unwrap();
        assert_eq!(last.firm, 5);
    }),
    ("an answer that is no answer", "answers", "firm 3 was refused: 422", |e| e.told[2].refused.push("422 X".into())),
    ("a number that belongs to another firm", "answers", "NCD-2019-0001: firm", |e| {
        application(e, 1).uscc = "x".into()
    }),
    ("an end that was taken back", "answers", "told its applicant as its end", |e| {
        e.told[0].ended_as.push("WITHDRAWN".into());
    }),
    ("a fault that turned into a no", "outcome", "ended as CREDIT_DECLINED, and not as DISBURSED", |e| {
        e.told[2].owes_too_much = false;
    }),
    ("a withdrawal that nobody asked for", "outcome", "ended as WITHDRAWN", |e| e.told[3].withdrew = false),
    ("an application that waits for nobody", "I12", "DISBURSING and waits for nobody", |e| e.named.clear()),
    ("a message without a receipt", "rest", "the bank has 1", |e| e.unrest.push((Party::Bank, "has 1".into()))),
    ("a posting that is there twice", "I1", "disb:NCD-2019-0001:1 is posted twice", |e| {
        let books = books(e, Party::Bank);
        let posting = books.postings[1].clone();
        books.postings.push(posting);
    }),
    ("a balance that its postings do not make", "I1", "balance of B2011/firm1", |e| {
        books(e, Party::Bank).balances.insert("B2011/firm1".into(), LOAN_FEN + 1);
    }),
    ("a posted line that was changed", "I1", "balance of U9002", |e| {
        let books = books(e, Party::Union);
        books.postings.iter_mut().find(|posting| posting.id.starts_with("commit")).unwrap().amount_fen += 1;
    }),
    ("an account below zero", "I1", "U9001 is -", |e| book(e, Party::Union, "x", "U9000", "U9001", 9_000_000)),
    ("one side only", "I1", "debit and credit", |e| {
        books(e, Party::Guarantor).balances.insert("G1002".into(), 2_000);
    }),
    ("a loan paid out twice", "I11", "NCD-2019-0001 is paid out 2 times", |e| {
        book(e, Party::Bank, "disb:NCD-2019-0001:2", "B1301/NCD-2019-0001", "B2011/firm1", LOAN_FEN);
    }),
    ("a payment of what was withdrawn", "I5", "NCD-2019-0004: posted", |e| {
        book(e, Party::Bank, "disb:NCD-2019-0004:1", "B1301/NCD-2019-0004", "B2011/firm4", LOAN_FEN);
    }),
    ("a payment that its receipt does not tell", "I5", "NCD-2019-0001: posted", |e| {
        e.credits[0].paid_out.as_mut().unwrap().amount_fen -= 1;
    }),
    ("a payment while its application waits for a person", "I5", "NCD-2019-0005: posted", |e| {
        book(e, Party::Bank, "disb:NCD-2019-0005:1", "B1301/NCD-2019-0005", "B2011/firm5", LOAN_FEN);
    }),
    ("a liability that is on twice", "I6", "NCD-2019-0001 is guaranteed 2 times", |e| {
        book(e, Party::Guarantor, "effective:2", "G9001/NCD-2019-0001", "G9000", LOAN_FEN);
    }),
    ("an effective letter without a liability", "I6", "NCD-2019-0002: liability", |e| {
        books(e, Party::Guarantor).postings.retain(|posting| !posting.debit.ends_with("0002"));
    }),
    ("an effective letter without a loan", "I7", "NCD-2019-0005: letter EFFECTIVE", |e| {
        e.cases[4].letter_state = Some("EFFECTIVE".into());
    }),
    ("a loan without an effective letter", "I6", "letter is EFFECTIVE", |e| {
        e.cases[0].letter_state = Some("ISSUED".into());
    }),
    ("a receipt that differs at the union", "I11", "receipt at union and bank", |e| {
        application(e, 1).receipt.as_mut().unwrap().posting_no = "FK-other".into();
    }),
    ("a receipt that differs at the guarantor", "I11", "receipt at union and guarantor", |e| e.cases[1].loan = None),
    ("a pay-out that a partner does not know", "I11", "a partner does not know it", |e| {
        e.credits.remove(1);
    }),
    ("a letter that differs between the three", "I7", "NCD-2019-0001: letters", |e| {
        e.credits[0].letter_no = Some("BH-other".into());
    }),
    ("two loans under one letter", "I7", "paid out under one letter", |e| {
        e.credits[1].letter_no = Some("BH-NCD-2019-0001-1".into());
    }),
    ("a loan whose reservation was released", "I3", "its reservation released", |e| {
        book(e, Party::Union, "release:NCD-2019-0001", "U9000", "U9001", 1);
    }),
    ("a reservation that was never booked", "I3", "have no commit", |e| {
        books(e, Party::Union).postings.retain(|posting| posting.id != "commit:NCD-2019-0002");
    }),
    ("a share that was rounded down", "I3", "NCD-2019-0001: reserved share", |e| application(e, 1).reserved_fen -= 1),
    ("a reservation that outlives its application", "I3", "its reservation Some(\"HELD\")", |e| {
        application(e, 3).reservation_state = Some("HELD".into());
    }),
    ("more reserved than there is", "I3", "exceed the deposit", |e| {
        book(e, Party::Union, "reserve:x", "U9001", "U9000", DEPOSIT_FEN);
    }),
    ("more guaranteed than the deposit allows", "I4", "the deposit allows", |e| {
        application(e, 5).exposure_fen = DEPOSIT_FEN * 5;
    }),
    ("a sum of the fund's that is not one", "I4", "the fund's own sum", |e| e.fund_guaranteed_fen += 1),
    ("a sum of the guarantor's that is not one", "I4", "the guarantor's own sum", |e| e.guarantor_exposure_fen += 1),
    ("a letter that was not revoked", "I7", "NCD-2019-0003 is CREDIT_DECLINED, its letter", |e| {
        e.cases[2].letter_state = Some("ISSUED".into());
    }),
    ("an exposure that was not given back", "I6", "NCD-2019-0003: exposure", |e| e.cases[2].exposure_fen = 1),
    ("a contract that was not terminated", "I5", "NCD-2019-0004 is WITHDRAWN, and the bank lends", |e| {
        e.credits[3].has_contract = true;
    }),
    ("a case that the union does not know", "I11", "the guarantor has a case NCD-2019-0077", |e| {
        e.cases.push(Case { application_id: "NCD-2019-0077".into(), ended: true, ..Case::default() });
    }),
    ("a lost application that a partner knows and nobody is named for", "I12", "NCD-2019-0001 is lost", |e| {
        e.union_set_back = true;
        e.applications.remove(0);
    }),
    ("an applicant who was told that his application is not there", "answers", "NCD-2019-0001 is there", |e| {
        e.told[0].gone = true;
    }),
    ("an end that the bank has not reached", "I12", "not at the bank", |e| e.credits[2].ended = false),
    ("an end that a partner of a loan has not reached", "I12", "not at its partners", |e| e.cases[0].ended = false),
    ("deposits that differ", "I2", "deposit at union and bank", |e| {
        book(e, Party::Bank, "x", "B2012", "B1003", 1);
    }),
    ("two live loans of one firm", "I10", "has the live loans", |e| {
        e.credits[1].uscc = "firm1".into();
    }),
    ("more paid out than asked", "I10", "paid out, 5 asked", |e| application(e, 1).asked_fen = 5),
    ("more paid out than the programme allows", "I10", "above the ceiling", |e| {
        book(e, Party::Bank, "disb:more", "B1301/NCD-2019-0001", "B2011/firm1", CEILING_FEN);
    }),
];

#[test]
fn every_violation_that_is_planted_is_found() {
    for (title, rule, word, plant) in PLANTED {
        let mut evidence = good();
        plant(&mut evidence);
        let found = check(&evidence);
        let hit = found.iter().any(|violation| violation.rule == *rule && violation.what.contains(word));
        assert!(hit, "{title}: {rule} with `{word}` is not among {found:#?}");
    }
}

#[test]
fn every_invariant_that_origination_can_break_is_broken_here_once() {
    for rule in ["I1", "I2", "I3", "I4", "I5", "I6", "I7", "I10", "I11", "I12"] {
        assert!(PLANTED.iter().any(|planted| planted.1 == rule), "{rule}");
    }
}
