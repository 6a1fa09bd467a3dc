//! Pending transfers and reversals: hold, post in whole or in part, void, expire, correct.

use super::table::check;

const HELD: &str = "
account A0001 debit >=0 : 10.00
account A0002 debit >=0
day 1
voucher hold C1
  h A0002 A0001 6.00 pending until 5
booked
A0001 10.00 available 4.00
";

#[test]
fn posting_the_whole_moves_it() {
    check(&format!(
        "{HELD}voucher settle C1\n  p A0002 A0001 6.00 posts h\nbooked\nA0001 4.00 available 4.00\nA0002 6.00"
    ));
}

#[test]
fn posting_a_part_gives_the_rest_back() {
    check(&format!(
        "{HELD}voucher settle C1\n  p A0002 A0001 2.50 posts h\nbooked\nA0001 7.50 available 7.50\nA0002 2.50"
    ));
}

#[test]
fn voiding_gives_everything_back() {
    check(&format!(
        "{HELD}voucher undo C1\n  v A0002 A0001 6.00 voids h\nbooked\nA0001 10.00 available 10.00\nA0002 0.00"
    ));
}

#[test]
fn expiry_gives_everything_back_once() {
    check(&format!(
        "{HELD}
day 4
due
expire h
refused NotDue h
day 5
due h
expire h
booked
due
A0001 10.00 available 10.00
expire h
already
voucher settle C1
  p A0002 A0001 6.00 posts h
refused PendingExpired h
"
    ));
}

#[test]
fn a_transfer_may_be_held_until_this_very_moment() {
    check(&format!("{HELD}voucher hold C1\n  now A0002 A0001 1.00 pending until 1\nbooked\ndue now\n"));
}

#[test]
fn at_the_end_itself_a_posting_still_goes_before_the_expiry() {
    check(&format!(
        "{HELD}
day 5
due h
voucher settle C1
  p A0002 A0001 6.00 posts h
booked
due
expire h
refused PendingAlreadyPosted h
"
    ));
}

#[test]
fn expiry_refuses_what_cannot_expire() {
    check(&format!(
        "{HELD}
voucher hold C1
  ever A0002 A0001 1.00 pending
  gone A0002 A0001 1.00 pending until 5
  paid A0002 A0001 1.00
booked
voucher undo C1
  v A0002 A0001 1.00 voids gone
booked
day 99
due h
expire ever
refused NotDue ever
expire gone
refused PendingAlreadyVoided gone
expire paid
refused NotPending paid
expire nothing
refused PendingNotFound nothing
"
    ));
}

#[test]
fn due_expiries_come_by_end_and_then_by_id() {
    check(
        "
account A0001 debit
account A0002 credit
voucher hold C1
  a A0001 A0002 1.00 pending until 9
  b A0001 A0002 1.00 pending until 3
  d A0001 A0002 1.00 pending until 2
  c A0001 A0002 1.00 pending until 2
  e A0001 A0002 1.00 pending
booked
day 1
due
day 3
due c d b
day 9
due c d b a
",
    );
}

#[test]
fn a_voucher_may_settle_what_it_holds_itself() {
    check(
        "
account A0001 debit >=0
account A0002 credit >=0
voucher pay C1
  h A0001 A0002 6.00 pending
  p A0001 A0002 4.00 posts h
booked
A0001 4.00 available 4.00
voucher pay C1
  h A0001 A0002 6.00 pending
  p A0001 A0002 4.00 posts h
already
voucher pay C2
  h2 A0001 A0002 6.00 pending
  p2 A0001 A0002 4.00 posts h2
  q2 A0001 A0002 2.00 posts h2
refused PendingAlreadyPosted h2
",
    );
}

#[test]
fn a_reversal_takes_back_a_posting_at_most_once() {
    check(&format!(
        "{HELD}
voucher settle C1
  p A0002 A0001 2.50 posts h
booked
voucher wrong C1
  reversal:p A0001 A0002 2.50 reverses p
booked
A0001 10.00 available 10.00
voucher wrong C1
  reversal:p A0001 A0002 2.50 reverses p
already
# Another voucher that means the same correction has the same id, and is refused.
voucher wrong-again C1
  reversal:p A0001 A0002 2.50 reverses p
refused ExistsWithDifferentFields reversal:p
A0001 10.00 available 10.00
"
    ));
}

#[test]
fn a_reversal_keeps_limits() {
    check(
        "
account A0001 debit >=0
account A0002 credit
account A0003 debit
voucher in C1
  t A0001 A0002 5.00
booked
voucher spend C1
  s A0003 A0001 5.00
booked
voucher wrong C1
  reversal:t A0002 A0001 5.00 reverses t
refused ExceedsLimit A0001
",
    );
}
