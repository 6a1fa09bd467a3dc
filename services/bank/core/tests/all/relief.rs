//! S7 at the bank: the plan, the guarantor's own consent, the switch, and what becomes of the plan.

use crate::harness::*;
use bank_core::rows::LoanState;

/// Paid out on 2018-09-05: 300,000 yuan at 4.55 % until 2019-09-05, interest on each quarter's 21st.
fn lent() -> House {
    under_relief().after(&RELEASED)
}

#[test]
fn a_plan_needs_signature_and_the_guarantors_own_consent_in_whatever_order_they_come() {
    check(
        &mut lent(),
        &[
            ("relief 1", "-"),
            ("ann: propose defer=2018-09-21/2018-10-21,2018-11-21", "union 1: plan until 2019-09-05"),
            ("consent 1", "-"),
            ("switch 1", "both 1: schedule 2 until 2019-09-05; union 1: switched 2018-09-05"),
            ("switch 1", "union 1: switched 2018-09-05"),
            ("query-switch 1", "union 1: switched 2018-09-05"),
            ("close-switch 1", "union 1: switched 2018-09-05"),
            ("withdraw-relief 1", "union 1: undone"),
        ],
    );
    check(
        &mut lent(),
        &[
            ("relief 1", "-"),
            ("ann: propose extend=2019-10-05", "union 1: plan until 2019-10-05"),
            ("switch 1", "-"),
            ("rescind 1", "-"),
            ("consent 1", "both 1: schedule 2 until 2019-10-05; union 1: switched 2018-09-05"),
        ],
    );
}

#[test]
fn what_is_taken_back_before_the_switch_never_comes_into_force() {
    check(
        &mut lent(),
        &[
            ("relief 1", "-"),
            ("withdraw-relief 1", "union 1: undone"),
            ("ann: propose extend=2019-10-05", "refused NO_TASK"),
            ("relief 2", "-"),
            ("ann: propose extend=2019-10-05", "union 2: plan until 2019-10-05"),
            ("switch 2", "-"),
            ("close-switch 2", "union 2: closed"),
            ("consent 2", "-"),
            ("withdraw-relief 2", "union 2: undone"),
            ("consent 2", "-"),
            ("switch 2", "union 2: closed"),
            ("relief 3", "-"),
            ("ann: no-relief", "union 3: no plan NO_ABILITY"),
            ("switch 3", "union 3: not switched NO_PLAN"),
            ("relief 3", "union 3: no plan NO_ABILITY"),
        ],
    );
    let house = lent();
    assert_eq!(house.loan().unwrap().life.as_ref().unwrap().loan.version(), 1);
}

#[test]
fn a_plan_that_no_policy_covers_or_that_does_not_fit_is_refused_and_changes_nothing() {
    let mut house = lent().after(&["relief 1"]);
    let before = house.case().clone();
    for (plan, why) in [
        ("", "no measure"),
        ("defer=2018-09-22/2018-10-21", "no interest falls due on that day"),
        ("defer=2019-09-05/2019-10-05", "interest of the maturity row"),
        ("defer=2018-09-21/2019-04-01", "further than the policy lets it move"),
        ("defer=2018-09-21/2018-11-21,2018-10-21", "parts out of their order"),
        ("extend=2019-09-05", "no later day"),
        ("extend=2020-01-01", "further than the policy lets it move"),
        ("rest=2018-12-31/2019-03-21", "no principal falls due"),
    ] {
        assert_eq!(house.says(format!("ann: propose {plan}").trim()), "refused PLAN", "{plan}: {why}");
        assert_eq!(*house.case(), before, "{plan}");
    }
    // Outside of its days there is no policy at all.
    let mut late = lent().after(&["day 2019-09-01"]);
    assert_eq!(late.says("relief 1"), "-");
    assert_eq!(late.says("ann: propose extend=2019-10-05"), "refused POLICY_NOT_IN_FORCE");
}

#[test]
fn deferred_parts_fall_due_and_once_they_are_paid_the_plan_is_kept() {
    let mut house =
        lent().after(&["relief 1", "ann: propose defer=2018-09-21/2018-10-21,2018-11-21", "consent 1", "switch 1"]);
    let table = [
        ("day 2018-09-22", "-"),
        ("day 2018-10-21", "-"),
        ("olga: pay r1 2018-10-21 30333", "both 1: received 0+30333, 30000000 left"),
        ("day 2018-11-21", "-"),
        ("olga: pay r2 2018-11-21 30334", "both 2: received 0+30334, 30000000 left; both 3: relief 1 kept 2018-11-21"),
    ];
    let table = table.map(|(line, said)| (line, renumbered(said)));
    for (line, said) in &table {
        assert_eq!(house.says(line), *said, "{line}");
    }
    assert_eq!(house.loan().unwrap().state, LoanState::Active);
    assert_eq!(house.balance("B6011"), 60_667, "as if nothing had been deferred");
}

/// The schedule was the first report.
fn renumbered(said: &str) -> String {
    let mut text = said.to_owned();
    for n in (1..=3).rev() {
        text = text.replace(&format!("both {n}:"), &format!("both {}:", n + 1));
    }
    text
}

#[test]
fn what_is_not_paid_under_a_plan_breaks_it() {
    let mut house =
        lent().after(&["relief 1", "ann: propose defer=2018-09-21/2018-10-21,2018-11-21", "consent 1", "switch 1"]);
    assert_eq!(house.loan().unwrap().state, LoanState::Relief);
    assert_eq!(house.says("day 2018-10-22"), "both 2: relief 1 broken 2018-10-22; both 3: overdue 2018-10-21");
    assert_eq!(house.loan().unwrap().state, LoanState::Overdue);
    assert_eq!(house.says("day 2018-11-20"), "-");
    // The plan's schedule stays.
    assert_eq!(house.says("olga: pay r1 2018-10-21 30333"), "both 4: received 0+30333, 30000000 left; both 5: current");
}

#[test]
fn a_plan_comes_into_force_before_the_first_day_it_moves_or_never() {
    let mut house =
        lent().after(&["relief 1", "ann: propose defer=2018-09-21/2018-10-21", "switch 1", "day 2018-09-21"]);
    assert_eq!(house.says("consent 1"), "union 1: not switched TOO_LATE");
    let mut settled = lent().after(&["relief 1", "ann: propose extend=2019-10-05", "consent 1", "day 2018-09-10"]);
    assert_eq!(
        settled.says("olga: prepay r1 30018958"),
        "both 1: received 30000000+18958, 0 left; both 2: prepaid 2018-09-10"
    );
    assert_eq!(settled.says("switch 1"), "union 1: not switched NOT_LIVING");
    assert_eq!(settled.says("relief 2"), "union 2: not taken up OutOfOrder");
}

#[test]
fn what_falls_due_under_a_request_is_called_overdue_once_its_time_is_over() {
    // The 18th and ten working days, over the days off of autumn: the 8th of October.
    let mut house = lent().after(&["day 2018-09-18", "relief 1"]);
    assert_eq!(house.says("day 2018-10-08"), "-");
    assert_eq!(house.loan().unwrap().state, LoanState::Active);
    assert_eq!(house.says("day 2018-10-09"), "both 1: overdue 2018-09-21");
    assert_eq!(house.says("ann: no-relief"), "union 1: no plan NO_ABILITY");
}
