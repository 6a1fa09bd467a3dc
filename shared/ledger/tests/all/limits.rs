//! Limits: what counts against them, and that they never block the way back.

use super::table::{check, code, fen};
use domain::{Amount, Moment};
use ledger::{Limit, Refusal, Transfer, Voucher};

#[test]
fn what_is_pending_out_is_not_available_and_what_is_pending_in_is_not_yet() {
    check(
        "
account A0001 debit >=0 : 10.00
account A0002 debit >=0
voucher hold C1
  out A0002 A0001 7.00 pending
booked
A0001 10.00 available 3.00
A0002 0.00 available 0.00
voucher pay C1
  t A0002 A0001 3.01
refused ExceedsLimit A0001
# What A0002 will perhaps get it cannot spend.
voucher pay C1
  t A0001 A0002 0.01
refused ExceedsLimit A0002
voucher pay C1
  t A0002 A0001 3.00
booked
A0001 7.00 available 0.00
A0002 3.00 available 3.00
",
    );
}

#[test]
fn what_is_pending_in_counts_against_a_ceiling() {
    check(
        "
account A0001 debit <=10.00
account A0002 credit
voucher hold C1
  h1 A0001 A0002 7.00 pending
booked
voucher hold C1
  h2 A0001 A0002 3.01 pending
refused ExceedsLimit A0001 would be 0.01 yuan
voucher pay C1
  t A0001 A0002 3.00
booked
# A pending decrease does not make room before it is posted.
voucher hold C1
  h3 A0002 A0001 3.00 pending
booked
voucher pay C1
  t2 A0001 A0002 0.01
refused ExceedsLimit A0001
voucher settle C1
  p3 A0002 A0001 3.00 posts h3
booked
voucher pay C1
  t2 A0001 A0002 3.00
booked
A0001 3.00
",
    );
}

#[test]
fn a_limit_that_was_lowered_refuses_what_goes_further_and_takes_what_comes_back() {
    let mut books = check(
        "
account M0001 memo-debit >=0
account M0002 memo-credit <=100.00
voucher reserve C1
  r M0001 M0002 90.00
booked
",
    );
    let (held, capacity) = (code("M0001"), code("M0002"));
    let mut account = books.account(&capacity).unwrap().clone();
    account.set_limit(Limit::AtMost(fen("50.00")));
    assert_eq!(account.excess(), fen("40.00"));
    books.open(account);
    let one = Amount::new(fen("1.00")).unwrap();
    let book = |line| Voucher::new("reserve", "C1").with(line);
    assert_eq!(
        books.post(&book(Transfer::posted("more", &held, &capacity, one)), Moment::default()),
        Err(Refusal::ExceedsLimit { account: capacity.clone(), excess: fen("41.00") })
    );
    books.post(&book(Transfer::posted("less", &capacity, &held, one)), Moment::default()).unwrap();
    assert_eq!(books.account(&capacity).unwrap().excess(), fen("39.00"));
}

#[test]
fn a_credit_account_keeps_its_limit_on_its_own_side() {
    check(
        "
account A0001 debit
account A0002 credit >=0
voucher pay C1
  t1 A0002 A0001 0.01
refused ExceedsLimit A0002
voucher pay C1
  t1 A0001 A0002 1.00
booked
voucher pay C1
  t2 A0002 A0001 1.00
booked
A0002 0.00
A0001 0.00
",
    );
}
