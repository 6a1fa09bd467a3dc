//! The table of events of DOMAIN.md section 3, with the sums of its golden values.

use super::table::check;

const BANK: &str = "
account B1301/L1 debit >=0
account B1303/L1 debit >=0
account B1132    debit
account B1003    debit >=0
account B2011/E1 credit >=0
account B2012    credit >=0 : 9,000,000.00
account B2013    credit >=0 : 500,000.00
account B6011    credit
account B9132    memo-debit >=0
account B9000    memo-credit
";

const UNION: &str = "
account U1001 debit >=0 : 9,000,000.00
account U1002 debit >=0 : 500,000.00
account U1221 debit >=0
account U5001 debit
account U5002 debit
account U9001 memo-debit >=0
account U9002 memo-debit >=0
account U9003 memo-debit >=0
account U9000 memo-credit <=9,000,000.00
account U9100 memo-credit <=500,000.00
";

const GUARANTOR: &str = "
account G1002 debit >=0 : 3,000,000.00
account G1221 debit >=0
account G1222 debit >=0
account G2202 credit >=0
account G9001 memo-debit >=0
account G9000 memo-credit
";

#[test]
fn bank_disburses_and_is_repaid() {
    // G1: 200,000 bullet, the first row of interest 145.00, then settled.
    check(&format!(
        "{BANK}
voucher disburse NCD-2019-0001
  disb B1301/L1 B2011/E1 200,000.00
booked
B1301/L1 200,000.00
B2011/E1 200,000.00
voucher use NCD-2019-0001
  use B2011/E1 B1003 200,000.00
refused ExceedsLimit account B1003 would be 200,000.00 yuan beyond its limit
# The clearing account is funded first.
voucher fund clearing
  fund B1003 O0000 1,000,000.00
booked
voucher use NCD-2019-0001
  use B2011/E1 B1003 200,000.00
booked
voucher accrue NCD-2019-0001
  acc B1132 B6011 145.00
booked
voucher receive NCD-2019-0001
  in B1003 B2011/E1 200,145.00
booked
voucher repay NCD-2019-0001
  p B2011/E1 B1301/L1 200,000.00
  i B2011/E1 B1132 145.00
booked
B1301/L1 0.00
B1132 0.00
B2011/E1 0.00
B6011 145.00
"
    ));
}

#[test]
fn a_repayment_that_the_account_does_not_cover_is_not_booked_in_part() {
    check(&format!(
        "{BANK}
voucher disburse NCD-2019-0001
  disb B1301/L1 B2011/E1 200,000.00
booked
voucher repay NCD-2019-0001
  p B2011/E1 B1301/L1 200,000.00
  i B2011/E1 B1132 145.00
refused ExceedsLimit account B2011/E1 would be 145.00 yuan beyond its limit
B1301/L1 200,000.00
B2011/E1 200,000.00
"
    ));
}

#[test]
fn bank_moves_an_overdue_loan_and_its_old_interest_off_the_balance_sheet() {
    // G8: claim of 200,000.00 and 2,054.17.
    check(&format!(
        "{BANK}
voucher disburse NCD-2019-0001
  disb B1301/L1 B2011/E1 200,000.00
booked
voucher accrue NCD-2019-0001
  acc B1132 B6011 2,054.17
booked
voucher overdue NCD-2019-0001
  over B1303/L1 B1301/L1 200,000.00
booked
# Over 90 days: the accrued interest leaves income and is remembered as a memo.
voucher interest-off-balance NCD-2019-0001
  off:income B6011 B1132 2,054.17
  off:memo   B9132 B9000 2,054.17
booked
B1132 0.00
B6011 0.00
B9132 2,054.17
voucher claim-paid NCD-2019-0001
  claim:p    B1003 B1303/L1 200,000.00
  claim:i    B1003 B6011    2,054.17
  claim:memo B9000 B9132    2,054.17
booked
B1303/L1 0.00
B6011 2,054.17
B9132 0.00
B1003 202,054.17
"
    ));
}

#[test]
fn union_reserves_shrinks_commits_and_releases() {
    // G10: 200,000 at 5 times is 40,000 of the fund; a repayment of half leaves 20,000.
    check(&format!(
        "{UNION}
voucher reserve NCD-2019-0001
  r:1 U9001 U9000 50,000.00
booked
voucher shrink NCD-2019-0001
  r:2 U9000 U9001 10,000.00
booked
U9001 40,000.00
voucher commit NCD-2019-0001
  r:3 U9002 U9001 40,000.00
booked
voucher repaid NCD-2019-0001
  r:4 U9000 U9002 20,000.00
booked
U9001 0.00
U9002 20,000.00
U9000 20,000.00
voucher release NCD-2019-0001
  r:5 U9000 U9002 20,000.01
refused ExceedsLimit account U9002 would be 0.01 yuan beyond its limit
voucher release NCD-2019-0001
  r:5 U9000 U9002 20,000.00
booked
U9002 0.00
U9000 0.00
"
    ));
}

#[test]
fn union_cannot_reserve_more_than_the_fund() {
    check(&format!(
        "{UNION}
voucher reserve NCD-2019-0001
  r:1 U9001 U9000 8,999,999.99
booked
voucher reserve NCD-2019-0002
  r:2 U9001 U9000 0.02
refused ExceedsLimit account U9000 would be 0.01 yuan beyond its limit
voucher reserve NCD-2019-0002
  r:2 U9001 U9000 0.01
booked
U9000 9,000,000.00
"
    ));
}

#[test]
fn a_subsidy_is_encumbered_paid_returned_and_paid_again() {
    // G2: 39,000.00 of the story.
    check(&format!(
        "{UNION}
voucher encumber 2020Q2
  enc:1 U9003 U9100 39,000.00
booked
voucher pay-subsidy 2020Q2:1
  sub:2020Q2:1 U5001 U1002 39,000.00
  enc:2        U9100 U9003 39,000.00
booked
U5001 39,000.00
U1002 461,000.00
U9003 0.00
# 退汇: the counter-entry names the payment, and the corrected account gets a new attempt.
voucher returned 2020Q2:1
  reversal:sub:2020Q2:1 U1002 U5001 39,000.00 reverses sub:2020Q2:1
booked
U5001 0.00
voucher pay-subsidy 2020Q2:1
  sub:2020Q2:1:2 U5001 U1002 39,000.00
booked
U5001 39,000.00
U1002 461,000.00
"
    ));
    check(&format!(
        "{BANK}
voucher subsidy 2020Q2:1
  sub:2020Q2:1 B2013 B2011/E1 39,000.00
booked
B2013 461,000.00
B2011/E1 39,000.00
"
    ));
}

#[test]
fn guarantor_stands_behind_the_loan_pays_the_claim_and_draws_on_the_union() {
    // G8: claim 202,054.17, union 161,643.34. G9: recovery 30,000.00 split 24,000.00 and 6,000.00.
    check(&format!(
        "{GUARANTOR}
voucher letter-effective NCD-2019-0001
  eff G9001 G9000 200,000.00
booked
voucher claim NCD-2019-0001
  claim:NCD-2019-0001   G1221 G1002 202,054.17
  claim:NCD-2019-0001:m G9000 G9001 200,000.00
booked
G1221 202,054.17
G1002 2,797,945.83
G9001 0.00
voucher draw NCD-2019-0001
  draw:NCD-2019-0001 G1002 G1221 161,643.34
booked
G1221 40,410.83
voucher recovery NCD-2019-0001
  rec:own   G1002 G1221 6,000.00
  rec:union G1002 G2202 24,000.00
booked
G1221 34,410.83
G2202 24,000.00
voucher recovery-paid-over NCD-2019-0001
  over G2202 G1002 24,000.00
booked
G2202 0.00
G1002 2,965,589.17
"
    ));
}

#[test]
fn union_bears_its_share_and_gets_its_part_of_the_recovery() {
    check(&format!(
        "{UNION}
voucher reserve NCD-2019-0001
  r:1 U9001 U9000 40,000.00
booked
voucher commit NCD-2019-0001
  r:2 U9002 U9001 40,000.00
booked
voucher draw NCD-2019-0001
  draw:NCD-2019-0001   U5002 U1001 161,643.34
  draw:NCD-2019-0001:m U9000 U9002 40,000.00
booked
U1001 8,838,356.66
U5002 161,643.34
U9002 0.00
voucher recovery NCD-2019-0001
  rec U1221 U5002 24,000.00
booked
voucher recovery-received NCD-2019-0001
  rec:in U1001 U1221 24,000.00
booked
U1001 8,862,356.66
U1221 0.00
U5002 137,643.34
"
    ));
    check(&format!(
        "{BANK}
voucher fund clearing
  fund B1003 O0000 10.00
booked
voucher draw NCD-2019-0001
  draw:NCD-2019-0001 B2012 B1003 161,643.34
refused ExceedsLimit account B1003
voucher fund clearing
  fund:2 B1003 O0000 200,000.00
booked
voucher draw NCD-2019-0001
  draw:NCD-2019-0001 B2012 B1003 161,643.34
booked
B2012 8,838,356.66
"
    ));
}

#[test]
fn new_loan_repays_old_in_one_posting_whatever_the_order_of_its_lines() {
    for lines in [
        "  new B1301/L2 B2011/E1 300,000.00\n  old B2011/E1 B1301/L1 200,000.00\n  int B2011/E1 B1132 145.00",
        "  old B2011/E1 B1301/L1 200,000.00\n  int B2011/E1 B1132 145.00\n  new B1301/L2 B2011/E1 300,000.00",
    ] {
        check(&format!(
            "{BANK}
account B1301/L2 debit >=0
account B2011/E2 credit >=0
voucher disburse NCD-2019-0001
  d B1301/L1 B2011/E1 200,000.00
booked
voucher spend NCD-2019-0001
  s B2011/E1 B2011/E2 200,000.00
booked
voucher accrue NCD-2019-0001
  acc B1132 B6011 145.00
booked
voucher roll NCD-2020-0002
{lines}
booked
B1301/L1 0.00
B1301/L2 300,000.00
B2011/E1 99,855.00
"
        ));
    }
}
