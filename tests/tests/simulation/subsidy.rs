//! S6: a borrower that has paid its loan back gets the interest back, once, by six persons of two organisations, on the day that the
//! charter names; and whatever is late, incomplete, short of money or sent back is nobody's loss.

use crate::{
    acting::play,
    cast::{self, Channel, FAR, Mood, Setup, actor, application, borrowers_pay, filed, loan, pay},
    invariants::{balance, hold_at_rest},
};
use bank_core::{
    Bank,
    command::{DepositPurpose, ListCheck, RepaymentKind},
};
use domain::{ApplicationId, Moment, Party, subsidy::Period};
use simulation::{Act, Crash, World};
use std::collections::BTreeSet;
use union_core::{
    Union,
    programme::Control,
    subsidy::{Claim, ClaimState},
};

/// Everybody does what is asked until the morning of this day, but nobody a task of this name.
fn until_but(world: &mut World, day: &str, left: &str) {
    let until = Moment::start_of(day.parse().unwrap()).plus_hours(9);
    play(world, until, |task| !left.is_empty() && task.task_id.ends_with(left), borrowers_pay);
}

fn until(world: &mut World, day: &str) {
    until_but(world, day, "");
}

fn works(world: &mut World) {
    let soon = world.now().plus_hours(1);
    play(world, soon, |_| false, |_| None);
}

/// 480,000 yuan that the first firm drew in August 2018 and repays early in November: 2018Q4, to be claimed until 2019-01-18.
fn repaid(world: &mut World, firm: u32) -> ApplicationId {
    let id = filed(world, firm, cast::ASKED_FEN, Channel::Standard);
    play(world, FAR, |_| false, |_| None);
    cast::loans_live(world);
    until(world, "2018-11-08");
    let loan = loan(world, &id).unwrap();
    let act = pay(world, loan, cast::whole(world, loan), RepaymentKind::Early);
    assert_eq!(cast::told(world, act), "done");
    works(world);
    id
}

/// Two persons of the union appropriate money for subsidies, and the bank books what came.
fn appropriated(world: &mut World, fen: i64) {
    let amount_fen = cast::amount(fen);
    for (person, role) in [("wang", "fund_manager"), ("he", "approver")] {
        let command = union_core::Command::Control {
            control: Control::Appropriate { amount_fen },
            because: "年度预算".into(),
        };
        assert_ne!(cast::told(world, Act::command(Party::Union, actor(person, role), &command)), "killed");
    }
    let reference = format!("TX-{}", balance::<Bank>(world, "B2013"));
    let command = bank_core::Command::ReceiveDeposit { reference, amount_fen, purpose: DepositPurpose::Subsidy };
    assert_eq!(cast::told(world, Act::command(Party::Bank, actor("olga", "operations"), &command)), "done");
}

fn claims(world: &mut World, id: &ApplicationId, vouchers: Option<&[u32]>) -> String {
    let act = cast::claim(world, id, vouchers);
    cast::told(world, act)
}

/// Maker and checker of the bank make the list of a period.
fn lists(world: &mut World, period: &str) {
    for checks in [false, true] {
        assert_eq!(cast::told(world, cast::list(period, checks)), "done", "{period}");
    }
}

fn claim<'w>(world: &'w World, id: &ApplicationId) -> &'w Claim {
    application(world, id).claims.last().unwrap()
}

fn state(world: &World, id: &ApplicationId) -> ClaimState {
    claim(world, id).state()
}

/// Paid, encumbered, left at the union; left at the bank.
fn books(world: &World) -> [i64; 4] {
    let union = ["U5001", "U9003", "U1002"].map(|code| balance::<Union>(world, code));
    [union[0], union[1], union[2], balance::<Bank>(world, "B2013")]
}

fn interest(world: &World, id: &ApplicationId) -> i64 {
    loan(world, id).unwrap().life.as_ref().unwrap().loan.interest_received().unwrap().get()
}

#[test]
fn interest_that_was_paid_comes_back_on_the_day_of_payment_by_checker_and_approver() {
    let mut world = cast::world(Setup::default());
    let id = repaid(&mut world, 1);
    appropriated(&mut world, 5_000_000);
    let interest = interest(&world, &id);
    assert_eq!(claims(&mut world, &id, None), "done");
    assert_eq!(claims(&mut world, &id, None), "DUPLICATE");
    assert_eq!(state(&world, &id), ClaimState::Claimable);
    assert_eq!(cast::told(&mut world, cast::list("2018Q4", false)), "TOO_EARLY");
    until(&mut world, "2019-01-18");
    lists(&mut world, "2018Q4");
    until_but(&mut world, "2019-01-19", "check-subsidy");
    assert_eq!(state(&world, &id), ClaimState::Checking);
    until_but(&mut world, "2019-01-21", "approve-subsidy");
    assert_eq!((state(&world, &id), books(&world)), (ClaimState::Approved, [0, interest, 5_000_000, 5_000_000]));
    until(&mut world, "2019-02-18");
    let rest = 5_000_000 - interest;
    assert_eq!((state(&world, &id), books(&world)), (ClaimState::Paid, [interest, 0, rest, rest]));
    assert_eq!(claim(&world, &id).paid().unwrap().on.to_string(), "2019-02-18");
    hold_at_rest(&world).unwrap();
}

#[test]
fn a_claim_after_the_cut_off_is_rejected_and_enters_no_list() {
    let mut world = cast::world(Setup::default());
    let id = repaid(&mut world, 1);
    appropriated(&mut world, 5_000_000);
    until(&mut world, "2019-01-18");
    lists(&mut world, "2018Q4");
    until(&mut world, "2019-01-19");
    assert_eq!(state(&world, &id), ClaimState::Compiled, "nobody has claimed");
    assert_eq!(claims(&mut world, &id, None), "done");
    assert_eq!(state(&world, &id), ClaimState::Rejected);
    until(&mut world, "2019-03-01");
    assert_eq!(books(&world), [0, 0, 5_000_000, 5_000_000]);
    hold_at_rest(&world).unwrap();
}

#[test]
fn what_is_missing_is_asked_for_and_what_stays_missing_is_not_paid() {
    for answers in [true, false] {
        let mut world = cast::world(Setup::default());
        let id = repaid(&mut world, 1);
        appropriated(&mut world, 5_000_000);
        assert_eq!(claims(&mut world, &id, Some(&[1])), "done");
        until(&mut world, "2019-01-18");
        lists(&mut world, "2018Q4");
        // The checker cannot pass it, and asks.
        until_but(&mut world, "2019-01-18", "check-subsidy");
        let pass = |world: &mut World| {
            let verdict = union_core::subsidy::CheckVerdict::Pass;
            let command = union_core::Command::CheckSubsidy { application_id: id.clone(), verdict };
            cast::told(world, Act::command(Party::Union, actor("checker", "subsidy_checker"), &command))
        };
        assert_eq!(pass(&mut world), "NO_VOUCHERS");
        let ask = |world: &World| {
            let (party, task) = world.tasks().find(|(_, task)| task.task_id.ends_with("check-subsidy")).unwrap();
            cast::decide(world, party, task, "checker", Mood::Kind)
        };
        let act = ask(&world);
        assert_eq!(cast::told(&mut world, act), "done");
        assert_eq!(state(&world, &id), ClaimState::Queried);
        if answers {
            let vouchers = BTreeSet::from([2, 3]);
            let command = union_core::Command::AnswerSubsidyQuery { application_id: id.clone(), vouchers };
            let act = Act::command(Party::Union, actor("applicant", "applicant"), &command);
            assert_eq!(cast::told(&mut world, act), "done");
            assert_eq!(state(&world, &id), ClaimState::Checking);
        }
        until(&mut world, "2019-03-01");
        let end = if answers { ClaimState::Paid } else { ClaimState::Rejected };
        assert_eq!(state(&world, &id), end);
        hold_at_rest(&world).unwrap();
    }
}

#[test]
fn whoever_is_no_member_any_more_or_is_turned_down_by_the_approver_gets_nothing() {
    for turned_down in [false, true] {
        let mut world = cast::world(Setup::default());
        let id = repaid(&mut world, 1);
        appropriated(&mut world, 5_000_000);
        assert_eq!(claims(&mut world, &id, None), "done");
        if !turned_down {
            let yesterday = world.now().plus_hours(-24).date();
            world.act(cast::register(1, Some(yesterday))).unwrap();
        }
        until(&mut world, "2019-01-18");
        lists(&mut world, "2018Q4");
        until_but(&mut world, "2019-01-19", "approve-subsidy");
        if turned_down {
            let (party, task) = world.tasks().find(|(_, task)| task.task_id.ends_with("approve-subsidy")).unwrap();
            let own = cast::decide(&world, party, task, "subsidy_checker", Mood::Kind);
            let other = cast::decide(&world, party, task, "he", Mood::Unkind);
            assert_eq!(cast::told(&mut world, own), "FOUR_EYES");
            assert_eq!(cast::told(&mut world, other), "done");
        }
        until(&mut world, "2019-03-01");
        assert_eq!((state(&world, &id), books(&world)), (ClaimState::Rejected, [0, 0, 5_000_000, 5_000_000]));
        hold_at_rest(&world).unwrap();
    }
}

#[test]
fn a_claim_for_which_the_account_is_short_waits_for_more_money() {
    let mut world = cast::world(Setup::default());
    let id = repaid(&mut world, 1);
    appropriated(&mut world, 100);
    assert_eq!(claims(&mut world, &id, None), "done");
    until(&mut world, "2019-01-18");
    lists(&mut world, "2018Q4");
    until(&mut world, "2019-03-01");
    assert_eq!((state(&world, &id), books(&world)[0]), (ClaimState::Approved, 0));
    appropriated(&mut world, 5_000_000);
    works(&mut world);
    assert_eq!(state(&world, &id), ClaimState::Paid);
    hold_at_rest(&world).unwrap();
}

#[test]
fn what_the_borrowers_account_does_not_take_is_paid_again_once_under_the_same_claim() {
    let mut world = cast::world(Setup::default());
    let id = repaid(&mut world, 1);
    appropriated(&mut world, 5_000_000);
    assert_eq!(claims(&mut world, &id, None), "done");
    until(&mut world, "2019-01-18");
    lists(&mut world, "2018Q4");
    until(&mut world, "2019-02-20");
    let paid = books(&world);
    let again = union_core::Command::PaySubsidyAgain { application_id: id.clone(), account: "token".into() };
    let again = Act::command(Party::Union, actor("applicant", "applicant"), &again);
    assert_eq!(cast::told(&mut world, again.clone()), "NOT_RETURNED");
    let period: Period = "2018Q4".parse().unwrap();
    let because = "账户已销户".into();
    let back = bank_core::Command::ReturnSubsidy { application_id: id.clone(), period, because };
    let back = Act::command(Party::Bank, actor("olga", "operations"), &back);
    assert_eq!(cast::told(&mut world, back.clone()), "done");
    works(&mut world);
    assert_eq!((state(&world, &id), books(&world)), (ClaimState::Returned, [0, 0, 5_000_000, 5_000_000]));
    assert_eq!(cast::told(&mut world, back), "NO_SUBSIDY");
    // A firm that has closed never has another account: the money stays with the union.
    until(&mut world, "2019-06-03");
    assert_eq!(state(&world, &id), ClaimState::Returned);
    assert_eq!(cast::told(&mut world, again), "done");
    works(&mut world);
    assert_eq!((state(&world, &id), books(&world)), (ClaimState::Paid, paid));
    assert_eq!(claim(&world, &id).payments.len(), 2);
    hold_at_rest(&world).unwrap();
}

#[test]
fn a_loan_that_is_settled_after_the_list_of_its_quarter_was_made_stands_in_the_next_one() {
    // Early repayment against the cut-off: entered on the 18th of January with the value of the last day of December, it came too late
    // for the list that was made that morning.
    let mut world = cast::world(Setup::default());
    let early = repaid(&mut world, 1);
    let late = filed(&mut world, 2, cast::ASKED_FEN, Channel::Standard);
    works(&mut world);
    appropriated(&mut world, 5_000_000);
    until(&mut world, "2019-01-18");
    lists(&mut world, "2018Q4");
    let loan = loan(&world, &late).unwrap();
    let act = pay(&world, loan, cast::whole(&world, loan), RepaymentKind::Early);
    assert_eq!(cast::told(&mut world, act), "done");
    works(&mut world);
    assert_eq!(cast::told(&mut world, cast::list("2018Q4", false)), "LIST_RELEASED");
    assert!(application(&world, &early).claims.iter().any(|claim| claim.row.is_some()));
    assert!(application(&world, &late).claims.is_empty());
    assert_eq!(claims(&mut world, &late, None), "done");
    until(&mut world, "2019-04-19");
    lists(&mut world, "2019Q1");
    until(&mut world, "2019-05-20");
    assert_eq!(state(&world, &late), ClaimState::Paid);
    hold_at_rest(&world).unwrap();
}

#[test]
fn a_list_takes_two_persons_and_may_be_sent_back() {
    let mut world = cast::world(Setup::default());
    repaid(&mut world, 1);
    until(&mut world, "2019-01-18");
    assert_eq!(cast::told(&mut world, cast::list("2018Q4", true)), "NO_LIST");
    assert_eq!(cast::told(&mut world, cast::list("2017Q4", false)), "NOTHING_TO_LIST");
    assert_eq!(cast::told(&mut world, cast::list("2018Q4", false)), "done");
    assert_eq!(cast::told(&mut world, cast::list("2018Q4", false)), "PROPOSAL_OPEN");
    let check = |person, verdict| {
        let command = bank_core::Command::CheckSubsidyList { period: "2018Q4".parse().unwrap(), verdict };
        Act::command(Party::Bank, actor(person, "payment_checker"), &command)
    };
    assert_eq!(cast::told(&mut world, check("payment_maker", ListCheck::Release)), "FOUR_EYES");
    let because = "漏列一笔".to_owned();
    assert_eq!(cast::told(&mut world, check("cleo", ListCheck::Return { because })), "done");
    lists(&mut world, "2018Q4");
}

#[test]
fn a_crash_at_any_moment_pays_once() {
    for when in [Crash::BeforeCommit, Crash::AfterCommit] {
        for party in [Party::Union, Party::Bank] {
            let mut world = cast::world(Setup::default());
            let id = repaid(&mut world, 1);
            appropriated(&mut world, 5_000_000);
            assert_eq!(claims(&mut world, &id, None), "done");
            until(&mut world, "2019-01-18");
            lists(&mut world, "2018Q4");
            for day in ["2019-01-19", "2019-01-21", "2019-02-18", "2019-02-19", "2019-02-20"] {
                world.crash(party, when);
                until(&mut world, day);
            }
            assert_eq!(state(&world, &id), ClaimState::Paid, "{party} {when:?}");
            hold_at_rest(&world).unwrap();
        }
    }
}
