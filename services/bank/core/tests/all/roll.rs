//! S3, NEW_REPAYS_OLD: 300,000 yuan that were lent on 2018-09-05 are repaid on 2019-09-05 by a new loan of as much.

use crate::{
    harness::{ASKED, House, RELEASED, check, command, day, manual, ppm, words},
    payment::valid_until,
};
use bank_core::{
    Command,
    command::{CreditVerdict, Finding},
    rows::{self, LoanState},
};
use contracts::Message;
use domain::{ApplicationId, Moment};
use organisation::{Key, Row};
use serde::{Serialize, de::DeserializeOwned};

const NEW: &str = "NCD-2018-0052";
const OLD: &str = "NCD-2017-0004";

fn old() -> ApplicationId {
    ApplicationId::parse(OLD).unwrap()
}

fn renamed<T: Serialize + DeserializeOwned>(value: &T) -> T {
    serde_json::from_str(&serde_json::to_string(value).unwrap().replace(NEW, OLD)).unwrap()
}

/// The loan of this house under the old one's number, and nothing else: the firm applies anew.
fn with_an_old_loan(before: &House) -> House {
    let mut house = manual();
    house.at = before.at;
    for (key, row) in before.rows.iter() {
        let key = match key {
            Key::Row(key) => Key::Row(key.replace(NEW, OLD)),
            Key::Account(code) => Key::Account(renamed(code)),
            Key::Transfer(transfer) => Key::Transfer(renamed(transfer)),
        };
        let row = match row {
            Row::Own(row) => Row::Own(renamed(row)),
            Row::Account(account) => Row::Account(renamed(account)),
            Row::Transfer(transfer) => Row::Transfer(renamed(transfer)),
        };
        house.rows.load(key, Some(row), 1);
    }
    house
}

/// A week before the last day of the old loan, on which all interest but the last is paid, the payment that repays it is ordered.
fn ordered(rolls: ApplicationId) -> House {
    let lent = manual().after(&RELEASED).after(&[
        "day 2018-09-21",
        "olga: pay r1 2018-09-21 60667",
        "day 2018-12-21",
        "olga: pay r2 2018-12-21 345042",
        "day 2019-03-21",
        "olga: pay r3 2019-03-21 341250",
        "day 2019-06-21",
        "olga: pay r4 2019-06-21 348833",
        "day 2019-08-29",
    ]);
    let mut house = with_an_old_loan(&lent);
    for line in ["credit 1", "ann: recommend", "bob: approve", "letter 1", "contract 1", "olga: sign", "disburse 1"] {
        if let Some((person, what)) = line.split_once(": ") {
            house.command(person, at_a_lower_rate(command(what))).unwrap();
            continue;
        }
        let mut message = house.input(line).unwrap();
        match &mut message {
            Message::PresentLetter(present) => valid_until(&mut present.letter, "2019-09-30"),
            Message::Disburse(ask) => {
                (ask.membership_verified_on, ask.rolls) = (day("2019-08-29"), Some(rolls.clone()))
            }
            _ => {}
        }
        house.hear(message).unwrap();
    }
    house
}

/// By then the cap is lower.
fn at_a_lower_rate(mut command: Command) -> Command {
    match &mut command {
        Command::Investigate { finding: Finding::Recommend { rate_ppm, .. }, .. }
        | Command::DecideCredit { verdict: CreditVerdict::Approve { rate_ppm, .. }, .. } => *rate_ppm = ppm(41_500),
        _ => {}
    }
    command
}

/// The same, released.
fn released() -> House {
    ordered(old()).after(&["max: prepare", "cleo: release"])
}

fn tick_on(house: &mut House, on: &str) -> String {
    house.at = Moment::start_of(day(on));
    words(&house.tick())
}

fn state_of_old(house: &House) -> LoanState {
    match house.rows.own(&rows::loan(&old())).unwrap() {
        Some(bank_core::Row::Loan(loan)) => loan.state,
        other => panic!("no loan but {other:?}"),
    }
}

#[test]
fn released_before_it_is_posted_on_the_last_day_and_repays_the_old_loan_in_the_same_voucher() {
    let mut house = ordered(old());
    let booked = house.booked;
    check(&mut house, &[("max: prepare", "-"), ("max: release", "refused FOUR_EYES"), ("cleo: release", "-")]);
    assert_eq!((house.booked, state_of_old(&house)), (booked, LoanState::Active), "nothing is posted before that day");
    assert_eq!(house.index().wake_at, Some(Moment::start_of(day("2019-09-05"))));
    assert_eq!(tick_on(&mut house, "2019-09-04"), "-");
    assert_eq!(
        tick_on(&mut house, "2019-09-05"),
        "both 5: received 30000000+288167, 0 left; both 6: settled 2019-09-05; \
         union 1: posted FK-NCD-2018-0052-1; guarantor 1: loan disbursed FK-NCD-2018-0052-1"
    );
    assert_eq!(tick_on(&mut house, "2019-09-05"), "-", "once");
    let of = |main: &str, id: &str| house.balance(&format!("{main}/{id}"));
    assert_eq!([of("B1301", NEW), of("B1301", OLD), of("B1132", OLD)], [ASKED, 0, 0]);
    assert_eq!(of("B2011", "91350100M000100Y43"), ASKED - 288_167, "what it fell short of was the borrower's");
    assert_eq!(house.balance("B6011"), 1_383_959);
    let receipt = house.loan().unwrap().receipt.clone().unwrap();
    assert_eq!((receipt.value_date, receipt.maturity_on), (day("2019-09-05"), day("2020-09-05")));
    assert_eq!((state_of_old(&house), house.loan().unwrap().state), (LoanState::Settled, LoanState::Active));
    assert_eq!(house.case().paid_out.as_ref().unwrap().rolls, Some(old()));
    check(
        &mut house,
        &[("max: want-reversal", "refused ROLLED"), ("disburse 1", "union 1: posted FK-NCD-2018-0052-1")],
    );
}

#[test]
fn released_on_the_last_day_itself_it_is_posted_at_once() {
    let mut house = ordered(old());
    house.at = Moment::start_of(day("2019-09-05")).plus_hours(10);
    let said = house.after(&["max: prepare"]).says("cleo: release");
    assert!(said.ends_with("guarantor 1: loan disbursed FK-NCD-2018-0052-1"), "{said}");
}

#[test]
fn what_cannot_repay_the_old_loan_is_not_posted_and_the_old_loan_stays_as_it_is() {
    type Wrong = fn() -> String;
    let table: &[(&str, Wrong, &str)] = &[
        (
            "another firm's, or none",
            || ordered(ApplicationId::parse("NCD-2017-0009").unwrap()).after(&["max: prepare"]).says("cleo: release"),
            "union 1: not posted NothingToRoll",
        ),
        (
            "released too late",
            || {
                let mut house = ordered(old()).after(&["max: prepare"]);
                house.at = Moment::start_of(day("2019-09-06"));
                house.says("cleo: release")
            },
            "union 1: not posted RollDayPassed",
        ),
        ("nobody looked on that day", || tick_on(&mut released(), "2019-09-06"), "union 1: not posted RollDayPassed"),
    ];
    for (what, act, expected) in table {
        let said = act();
        assert!(said.starts_with(expected), "{what}: {said}");
    }
}

#[test]
fn repaid_by_the_borrower_before_that_day_there_is_nothing_left_to_repay() {
    let mut house = released();
    let life = Key::Row(format!("loan/{OLD}"));
    match house.rows.own_mut(&life).unwrap() {
        Some(bank_core::Row::Loan(loan)) => loan.state = LoanState::Prepaid,
        other => panic!("no loan but {other:?}"),
    }
    assert_eq!(tick_on(&mut house, "2019-09-05"), "union 1: not posted NothingToRoll");
    assert_eq!(house.balance(&format!("B1301/{NEW}")), 0);
}

#[test]
fn while_it_waits_for_its_day_it_may_be_asked_about_and_closed() {
    let mut house = released();
    check(&mut house, &[("query 1", "union 1: unknown"), ("close 1", "union 1: closed")]);
    assert_eq!(tick_on(&mut house, "2019-09-05"), "-");
    assert_eq!(
        (state_of_old(&house), house.loan().is_some_and(|loan| loan.life.is_some())),
        (LoanState::Active, false)
    );
}

#[test]
fn it_goes_to_no_other_account() {
    let mut house = ordered(old()).after(&["max: prepare"]);
    check(&mut house, &[("cleo: suspend", "refused ROLL"), ("cleo: return-payment", "-"), ("max: prepare", "-")]);
}
