//! S1 step 5: who decides, on what, within which limits.

use crate::harness::*;
use bank_core::{
    Command, CoreBanking, Role,
    command::{CreditVerdict, Finding},
};
use contracts::{CreditDecline, Message};
use domain::{Charter, Fen, Method};
use std::collections::BTreeSet;

#[test]
fn credit_is_investigated_by_one_and_approved_by_another() {
    let mut house = manual();
    check(
        &mut house,
        &[
            ("credit 1", "-"),
            ("bob: approve", "refused NO_TASK"),
            ("ann: recommend", "-"),
            ("ann: recommend", "refused NO_TASK"),
            ("ann: approve", "refused FOUR_EYES"),
            ("bob: approve", "union 1: approved 30000000 at 45500"),
            ("bob: approve", "refused NO_TASK"),
            ("credit 1", "union 1: approved 30000000 at 45500"),
        ],
    );
    let decision = house.case().decision.clone().unwrap();
    assert_eq!((decision.investigator.0.as_str(), decision.approver.0.as_str()), ("ann", "bob"));
    assert_eq!(house.index().status, "CONTRACTING");
}

#[test]
fn a_decline_is_repeated_and_leaves_nothing_open() {
    let mut house = manual();
    check(
        &mut house,
        &[
            ("credit 1", "-"),
            ("ann: recommend", "-"),
            ("bob: decline", "union 1: declined REPAYMENT_SOURCE"),
            ("credit 1", "union 1: declined REPAYMENT_SOURCE"),
            ("contract 1", "union 1: not taken up OutOfOrder"),
            ("cancel 1", "union 1: undone"),
            ("credit 1", "union 1: undone"),
        ],
    );
    assert_eq!(house.index().status, "CREDIT_DECLINED");
    assert!(house.index().ended && house.index().tasks.is_empty());
}

#[test]
fn what_was_not_recommended_cannot_be_approved() {
    let mut house = manual();
    check(
        &mut house,
        &[
            ("credit 1", "-"),
            ("ann: advise", "-"),
            ("bob: approve", "refused NOT_RECOMMENDED"),
            ("bob: return", "-"),
            ("bob: recommend", "-"),
            ("bob: approve", "refused FOUR_EYES"),
            ("ann: approve", "union 1: approved 30000000 at 45500"),
        ],
    );
}

#[test]
fn recommendation_and_approval_stay_within_their_limits() {
    let asked = ASKED;
    // Recommended amount and rate, approved amount and rate (None: not reached), the refusal.
    let rows = [
        (asked + 1, 45_500, None, "AMOUNT_ABOVE_ASKED"),
        (asked, 45_501, None, "RATE_ABOVE_CAP"),
        (asked - 100, 45_500, Some((asked, 45_500)), "AMOUNT_ABOVE_RECOMMENDED"),
        (asked, 40_000, Some((asked, 45_501)), "RATE_ABOVE_CAP"),
        (asked, 45_500, Some((asked, 45_500)), ""),
        (asked - 100, 30_000, Some((asked - 200, 45_500)), ""),
    ];
    for (row, (amount_fen, rate, approved, code)) in rows.into_iter().enumerate() {
        let mut house = manual().after(&["credit 1"]);
        let (amount_fen, rate_ppm, method) = (amount(amount_fen), ppm(rate), Method::EqualPayment);
        let finding = Finding::Recommend { amount_fen, rate_ppm, method };
        let mut said = words(&house.command("ann", Command::Investigate { application_id: id(), finding }));
        if let Some((amount_fen, rate)) = approved {
            assert_eq!(said, "-", "row {row}");
            let (amount_fen, rate_ppm) = (amount(amount_fen), ppm(rate));
            let verdict = CreditVerdict::Approve { amount_fen, rate_ppm, method };
            said = words(&house.command("bob", Command::DecideCredit { application_id: id(), verdict }));
        }
        if code.is_empty() {
            assert!(said.starts_with("union 1: approved"), "row {row}: {said}");
        } else {
            assert_eq!(said, format!("refused {code}"), "row {row}");
        }
    }
}

#[test]
fn by_rule_two_service_identities_decide_in_the_same_decision() {
    let mut house = automatic();
    check(&mut house, &[("credit 1", "union 1: approved 30000000 at 45500")]);
    let decision = house.case().decision.clone().unwrap();
    assert_eq!(decision.investigator.0, "service:credit_investigator");
    assert_eq!(decision.approver.0, "service:credit_approver");
}

#[test]
fn by_rule_debt_above_the_limit_is_declined_and_at_it_is_not() {
    for (most, expected) in
        [(19_999_999, "union 1: declined RELATED_DEBT"), (20_000_000, "union 1: approved 30000000 at 45500")]
    {
        let mut charter = Charter::programme_2017();
        charter.automatic.credit_max_debt_fen = Some(Fen::new(most));
        let mut house = House::under(charter, CoreBanking::OwnLedger, all_roles());
        check(&mut house, &[("credit 1", expected)]);
    }
}

#[test]
fn a_rule_decides_only_its_own_role_and_only_up_to_its_limit() {
    // The approver alone is automatic: it follows the investigator's report.
    let mut house = House::new(CoreBanking::OwnLedger, BTreeSet::from([Role::CreditApprover]));
    check(&mut house, &[("credit 1", "-"), ("ann: advise", "union 1: declined CREDIT_RECORD")]);
    // One fen above the limit, a person decides.
    for (most, expected) in [(ASKED - 1, "-"), (ASKED, "union 1: approved 30000000 at 45500")] {
        let mut charter = Charter::programme_2017();
        charter.automatic.max_amount_fen = Fen::new(most);
        let mut house = House::under(charter, CoreBanking::OwnLedger, all_roles());
        check(&mut house, &[("credit 1", expected)]);
        assert_eq!(house.index().tasks.len(), usize::from(expected == "-"));
    }
}

#[test]
fn an_undo_cancels_undoes_or_overtakes() {
    // While it is open.
    let mut house = manual();
    check(
        &mut house,
        &[
            ("credit 1", "-"),
            ("cancel 1", "union 1: undone"),
            ("ann: recommend", "refused NO_TASK"),
            ("credit 1", "union 1: undone"),
        ],
    );
    assert_eq!(house.index().status, "CANCELLED");
    // After the approval; then under another key again.
    let mut house = automatic();
    check(
        &mut house,
        &[
            ("credit 1", "union 1: approved 30000000 at 45500"),
            ("credit 2", "union 2: not taken up OutOfOrder"),
            ("cancel 1", "union 1: undone"),
            ("contract 1", "union 1: not taken up OutOfOrder"),
            ("credit 3", "union 3: approved 30000000 at 45500"),
        ],
    );
    // Before its original.
    let mut house = automatic();
    check(
        &mut house,
        &[("cancel 1", "union 1: undone"), ("credit 1", "union 1: undone"), ("cancel 1", "union 1: undone")],
    );
    assert_eq!((house.index().status, house.case().file.is_some()), ("", false));
}

#[test]
fn an_approval_is_not_cancelled_under_a_contract() {
    let mut house = manual().after(&CONTRACTED);
    check(
        &mut house,
        &[
            ("cancel 1", "union 1: cannot undo"),
            ("credit 1", "union 1: approved 30000000 at 45500"),
            ("terminate 1", "union 1: undone"),
            ("cancel 1", "union 1: undone"),
        ],
    );
}

#[test]
fn what_the_charter_does_not_grant_is_out_of_order() {
    let rows: [(i64, u16, bool); 6] = [
        (50_000_000, 48, true),
        (50_000_001, 48, false),
        (50_000_000, 49, false),
        (ASKED, 0, false),
        (1, 1, true),
        (ASKED, u16::MAX, false),
    ];
    for (amount_fen, term_months, taken) in rows {
        let mut house = manual();
        let Ok(Message::ApproveCredit(mut ask)) = house.input("credit 1") else { panic!() };
        (ask.wish.amount_fen, ask.wish.term_months) = (amount(amount_fen), term_months);
        let said = words(&house.hear(Message::ApproveCredit(ask)));
        assert_eq!(said == "-", taken, "{amount_fen} {term_months}: {said}");
    }
}

#[test]
fn every_reason_to_decline_reaches_the_union() {
    for reason in CreditDecline::ALL {
        let mut house = manual().after(&["credit 1", "ann: recommend"]);
        let verdict = CreditVerdict::Decline { reason: *reason };
        let said = words(&house.command("bob", Command::DecideCredit { application_id: id(), verdict }));
        assert_eq!(said, format!("union 1: declined {reason}"));
    }
}
