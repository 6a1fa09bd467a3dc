//! Every refusal once, every pair of neighbours in the order of precedence, and what 'the same voucher again' means.

use super::table::{DAY_MS, check, code};
use domain::{Amount, Fen, Moment};
use ledger::{Account, Books, Limit, Normal, Refusal, Transfer, Voucher};

const OPEN: &str = "
account A0001 debit >=0
account A0002 credit >=0
account A0003 debit >=0
account M0001 memo-debit >=0
account M0002 memo-credit
day 10
voucher pay C1
  t1 A0001 A0002 5.00
  t2 A0003 A0002 2.00
booked
voucher hold C1
  open A0001 A0002 3.00 pending
  ends A0001 A0002 3.00 pending until 12
  posted A0001 A0002 3.00 pending
  voided A0001 A0002 3.00 pending
booked
voucher settle C1
  p A0001 A0002 1.00 posts posted
  v A0001 A0002 3.00 voids voided
booked
voucher undo C1
  reversal:p A0002 A0001 1.00 reverses p
booked
";

#[test]
fn each_refusal_names_its_reason() {
    for (lines, refused) in [
        ("", "EmptyVoucher"),
        ("  x A0001 A0002 1.00\n  x A0001 A0002 1.00", "DuplicateId x"),
        ("  x A0001 A0001 1.00", "SameAccount x"),
        ("  x A0002 A0001 5.00 reverses t1", "ReversalMisnamed must have the id reversal:t1"),
        ("  x A0001 A0009 1.00", "UnknownAccount A0009"),
        ("  x A0001/sub A0002 1.00", "UnknownAccount A0001/sub"),
        ("  x A0001 M0002 1.00", "MemoAgainstMoney x"),
        ("  x M0001 A0002 1.00", "MemoAgainstMoney x"),
        ("  t1 A0001 A0002 5.01\n  t2 A0003 A0002 2.00", "ExistsWithDifferentFields t1"),
        ("  t1 A0001 A0002 5.00\n  t2 A0001 A0002 2.00", "ExistsWithDifferentFields t2"),
        ("  t1 A0001 A0002 5.00 pending\n  t2 A0003 A0002 2.00", "ExistsWithDifferentFields t1"),
        ("  t2 A0003 A0002 2.00\n  t1 A0001 A0002 5.00", "ExistsWithDifferentFields t2"),
        ("  t1 A0001 A0002 5.00", "ExistsWithDifferentFields t1"),
        ("  t1 A0001 A0002 5.00\n  x A0003 A0002 2.00", "PartlyBooked x"),
        ("  x A0001 A0002 1.00 posts nothing", "PendingNotFound nothing"),
        ("  x A0001 A0002 1.00 voids nothing", "PendingNotFound nothing"),
        ("  x A0001 A0002 1.00 posts t1", "NotPending t1"),
        ("  x A0001 A0002 1.00 voids p", "NotPending p"),
        ("  x A0001 A0002 1.00 posts posted", "PendingAlreadyPosted posted"),
        ("  x A0001 A0002 3.00 voids posted", "PendingAlreadyPosted posted"),
        ("  x A0001 A0002 3.00 posts voided", "PendingAlreadyVoided voided"),
        ("  x A0001 A0002 3.00 voids voided", "PendingAlreadyVoided voided"),
        ("  x A0002 A0001 3.00 posts open", "PendingOnOtherAccounts open"),
        ("  x A0003 A0002 3.00 voids open", "PendingOnOtherAccounts open"),
        ("  x A0001 A0002 3.01 posts open", "AmountExceedsPending open"),
        ("  x A0001 A0002 3.01 voids open", "AmountExceedsPending open"),
        ("  x A0001 A0002 2.99 voids open", "VoidsOnlyPart open"),
        ("  reversal:n A0002 A0001 1.00 reverses n", "OriginalNotFound n"),
        ("  reversal:open A0002 A0001 3.00 reverses open", "OriginalNotReversible open"),
        ("  reversal:v A0002 A0001 3.00 reverses v", "OriginalNotReversible v"),
        ("  reversal:reversal:p A0001 A0002 1.00 reverses reversal:p", "OriginalNotReversible reversal:p"),
        ("  reversal:t1 A0001 A0002 5.00 reverses t1", "OriginalDiffers t1"),
        ("  reversal:t1 A0002 A0003 5.00 reverses t1", "OriginalDiffers t1"),
        ("  reversal:t1 A0002 A0001 4.99 reverses t1", "OriginalDiffers t1"),
        ("  x A0001 A0002 1.00 pending until 9", "ExpiresInThePast x"),
        ("  x A0002 A0001 7.01", "ExceedsLimit A0001 would be 2.01 yuan"),
        ("  x A0002 A0001 5.01 pending", "ExceedsLimit A0001 would be 0.01 yuan"),
    ] {
        check(&format!("{OPEN}voucher pay C1\n{lines}\nrefused {refused}\n"));
    }
}

#[test]
fn a_used_up_time_refuses_posting_and_voiding() {
    for (day, kind, came_to) in [
        ("12", "1.00 posts ends", "booked"),
        ("12", "3.00 voids ends", "booked"),
        ("13", "1.00 posts ends", "refused PendingExpired ends"),
        ("13", "3.00 voids ends", "refused PendingExpired ends"),
        // The end goes before accounts and amount.
        ("13", "9.00 posts ends", "refused PendingExpired ends"),
    ] {
        check(&format!("{OPEN}day {day}\nvoucher pay C1\n  x A0001 A0002 {kind}\n{came_to}\n"));
    }
}

#[test]
fn another_event_or_case_is_not_the_same_voucher() {
    let lines = "  t1 A0001 A0002 5.00\n  t2 A0003 A0002 2.00\n";
    check(&format!("{OPEN}voucher pay C1\n{lines}already\n"));
    check(&format!("{OPEN}voucher pay C2\n{lines}refused ExistsWithDifferentFields t1\n"));
    check(&format!("{OPEN}voucher receive C1\n{lines}refused ExistsWithDifferentFields t1\n"));
}

#[test]
fn the_same_voucher_again_is_already_booked_even_when_it_could_not_be_booked_now() {
    check(
        "
account A0001 debit >=0
account A0002 credit <=5.00
voucher pay C1
  t A0001 A0002 5.00
booked
voucher pay C1
  t A0001 A0002 5.00
already
A0002 5.00
day 1
voucher hold C1
  h A0002 A0001 1.00 pending until 2
booked
expire h
refused NotDue
day 3
voucher hold C1
  h A0002 A0001 1.00 pending until 2
already
expire h
booked
voucher hold C1
  h A0002 A0001 1.00 pending until 2
already
A0001 5.00 available 5.00
",
    );
}

#[test]
fn of_two_refusals_the_earlier_in_the_list_is_the_answer() {
    for (both, lines, first) in [
        ("DuplicateId before SameAccount", "  x A0001 A0001 1.00\n  x A0001 A0001 1.00", "DuplicateId"),
        (
            "SameAccount before ReversalMisnamed, of a later line too",
            "  x A0002 A0001 5.00 reverses t1\n  y A0001 A0001 1.00",
            "SameAccount y",
        ),
        ("ReversalMisnamed before UnknownAccount", "  x A0002 A0009 5.00 reverses t1", "ReversalMisnamed"),
        (
            "UnknownAccount before MemoAgainstMoney, of a later line too",
            "  x A0001 M0002 1.00\n  y A0001 A0009 1.00",
            "UnknownAccount A0009",
        ),
        (
            "UnknownAccount before ExistsWithDifferentFields",
            "  t1 A0001 A0009 5.00\n  t2 A0003 A0002 2.00",
            "UnknownAccount A0009",
        ),
        (
            "MemoAgainstMoney before ExistsWithDifferentFields",
            "  t1 A0001 M0002 5.00\n  t2 A0003 A0002 2.00",
            "MemoAgainstMoney t1",
        ),
        (
            "ExistsWithDifferentFields before PartlyBooked",
            "  t1 A0001 A0002 5.00\n  x A0001 A0002 2.00\n  t2 A0003 A0002 2.00",
            "ExistsWithDifferentFields t1",
        ),
        (
            "PartlyBooked before PendingNotFound",
            "  t1 A0001 A0002 5.00\n  x A0001 A0002 1.00 posts nothing",
            "PartlyBooked x",
        ),
        (
            "PendingAlreadyPosted before PendingOnOtherAccounts",
            "  x A0003 A0002 1.00 posts posted",
            "PendingAlreadyPosted",
        ),
        (
            "PendingAlreadyVoided before AmountExceedsPending",
            "  x A0001 A0002 9.00 posts voided",
            "PendingAlreadyVoided",
        ),
        (
            "PendingOnOtherAccounts before AmountExceedsPending",
            "  x A0003 A0002 9.00 posts open",
            "PendingOnOtherAccounts",
        ),
        (
            "OriginalNotReversible before OriginalDiffers",
            "  reversal:v A0001 A0002 9.00 reverses v",
            "OriginalNotReversible",
        ),
        (
            "AmountExceedsPending before ExceedsLimit",
            "  x A0001 A0002 9.00 posts open\n  y A0002 A0001 99.00",
            "AmountExceedsPending",
        ),
        (
            "PendingNotFound before ExceedsLimit of an earlier line",
            "  y A0002 A0001 99.00\n  x A0001 A0002 9.00 posts nothing",
            "PendingNotFound",
        ),
        (
            "an earlier line before a later one",
            "  x A0001 A0002 9.00 posts open\n  y A0001 A0002 1.00 posts nothing",
            "AmountExceedsPending",
        ),
        (
            "of two accounts beyond their limit the first by code",
            "  x A0002 A0003 9.00\n  y A0002 A0001 9.00",
            "ExceedsLimit A0001",
        ),
    ] {
        println!("{both}");
        check(&format!("{OPEN}voucher pay C1\n{lines}\nrefused {first}\n"));
    }
}

#[test]
fn sums_that_do_not_fit_are_refused_before_limits() {
    let most = Amount::new(Amount::MAX).unwrap();
    let (debit, credit) = (code("A0001"), code("A0002"));
    let mut books = Books::default();
    books.open(Account::new(debit.clone(), Normal::Debit, Limit::None));
    books.open(Account::new(credit.clone(), Normal::Credit, Limit::None));
    let at = Moment::from_millis(DAY_MS);
    let post = |books: &mut Books, n: i64| {
        let line = Transfer::posted(format!("t{n}"), &debit, &credit, most);
        books.post(&Voucher::new("pay", "C1").with(line), at)
    };
    let fitting = i64::MAX / Amount::MAX.get();
    for n in 0..fitting {
        post(&mut books, n).unwrap();
    }
    let full = books.clone();
    let mut limited = books.account(&debit).unwrap().clone();
    limited.set_limit(Limit::AtMost(Fen::ZERO));
    books.open(limited);
    assert_eq!(post(&mut books, fitting), Err(Refusal::Overflow { account: debit.clone() }));
    // What is pending must fit too, or posting it could fail later.
    books = full;
    let held = Transfer::pending("h", &debit, &credit, most, None);
    assert_eq!(
        books.post(&Voucher::new("hold", "C1").with(held), at),
        Err(Refusal::Overflow { account: debit.clone() })
    );
    assert!(books.trial_balance().holds());
}

#[test]
fn a_voucher_with_too_many_lines_is_refused() {
    let line = Transfer::posted("t", &code("A0001"), &code("A0002"), Amount::new(Fen::new(1)).unwrap());
    let voucher = |lines| Voucher { transfers: vec![line.clone(); lines], ..Voucher::new("pay", "C1") };
    let books = Books::default();
    let decide = |lines| books.decide(&voucher(lines), Moment::default());
    assert_eq!(decide(65_536), Err(Refusal::TooManyLines { lines: 65_536 }));
    assert_eq!(decide(65_535), Err(Refusal::DuplicateId { id: "t".into() }));
}
