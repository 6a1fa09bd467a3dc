//! S6 at the bank: who stands in which list, and what of it is paid.

use crate::harness::*;

/// 300,000 yuan paid back early on 2018-11-08 with two receipts of interest: 60,667 and 182,000.
fn paid_back() -> House {
    manual().after(&RELEASED).after(&[
        "day 2018-09-21",
        "olga: pay r1 2018-09-21 60667",
        "day 2018-11-08",
        "olga: prepay r2 30182000",
        "day 2019-01-18",
    ])
}

#[test]
fn a_settled_loan_stands_in_the_list_of_its_quarter_once() {
    let mut house = paid_back();
    check(
        &mut house,
        &[
            ("max: list-subsidies 2018Q3", "refused NOTHING_TO_LIST"),
            ("cleo: release-subsidies 2018Q4", "refused NO_LIST"),
            ("max: list-subsidies 2018Q4", "-"),
            ("max: list-subsidies 2018Q4", "refused PROPOSAL_OPEN"),
            ("max: release-subsidies 2018Q4", "refused FOUR_EYES"),
            ("cleo: return-subsidies 2018Q4", "-"),
            ("max: list-subsidies 2018Q4", "-"),
            ("cleo: release-subsidies 2018Q4", "union 1: row 1 of 1: 242667 by [1, 2]"),
            ("cleo: release-subsidies 2018Q4", "refused NO_LIST"),
            ("max: list-subsidies 2018Q4", "refused LIST_RELEASED"),
        ],
    );
    let mut early = manual().after(&RELEASED).after(&["day 2018-11-08", "olga: prepay r1 30244120"][..1]);
    assert_eq!(early.says("max: list-subsidies 2018Q4"), "refused TOO_EARLY");
}

#[test]
fn a_row_is_paid_once_and_never_above_its_interest_or_the_account() {
    let mut house = paid_back();
    check(
        &mut house,
        &[
            ("subsidise 1", "union 1: not subsidised NOT_LISTED"),
            ("max: list-subsidies 2018Q4", "-"),
            ("cleo: release-subsidies 2018Q4", "union 1: row 1 of 1: 242667 by [1, 2]"),
            ("subsidise 2", "union 2: not subsidised NO_FUNDS"),
            ("close-subsidy 2", "union 2: closed"),
            ("subsidise 2", "union 2: closed"),
            ("query-subsidy 3", "union 3: unknown"),
        ],
    );
    assert_eq!(house.says("olga: appropriate 500000"), "refused BOOKS_NOT_OPEN");
    house.command("root", bank_core::Command::OpenBooks { deposit_fen: domain::Fen::new(1_000_000) }).unwrap();
    let borrower = house.balance("B2011/91350100M000100Y43");
    check(
        &mut house,
        &[
            ("olga: appropriate 500000", "-"),
            ("subsidise 3", "union 3: subsidised 2019-01-18 TX-NCD-2018-0052-1"),
            ("subsidise 3", "union 3: subsidised 2019-01-18 TX-NCD-2018-0052-1"),
            ("query-subsidy 3", "union 3: subsidised 2019-01-18 TX-NCD-2018-0052-1"),
            ("subsidise 4", "union 4: not subsidised PAID_BEFORE"),
            ("olga: take-subsidy-back 2018Q4", "union 3: subsidy back 2019-01-18"),
            ("olga: take-subsidy-back 2018Q4", "refused NO_SUBSIDY"),
            ("subsidise 5", "union 5: subsidised 2019-01-18 TX-NCD-2018-0052-2"),
        ],
    );
    let borrower = house.balance("B2011/91350100M000100Y43") - borrower;
    assert_eq!((house.balance("B2013"), borrower), (500_000 - 242_667, 242_667));
}
