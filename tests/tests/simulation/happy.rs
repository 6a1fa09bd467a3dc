//! One application from its filing to the pay-out, and everything that the three keep of it.

use crate::{
    cast::{self, Channel, FAR, Setup, amount, application, credit, decide, filed, guarantee, kindly},
    core_banking::CoreBanking,
    invariants::{balance, endings, hold, hold_at_rest},
};
use bank_core::Bank;
use domain::{ApplicationId, Party};
use guarantor_core::{Guarantor, case::LetterState};
use simulation::{Crash, World};
use union_core::{Union, application::ReservationState};

fn statuses(world: &World, id: &ApplicationId) -> [&'static str; 3] {
    let of = |party, key: String| {
        let found = world.indexes().find(|(of, at, _)| *of == party && at.to_string() == key);
        found.map_or("", |(.., index)| index.status)
    };
    [
        of(Party::Union, format!("application/{id}")),
        of(Party::Guarantor, format!("case/{id}")),
        of(Party::Bank, format!("case/{id}")),
    ]
}

#[test]
fn an_application_goes_through_all_three_to_the_pay_out_and_their_books_agree() {
    for core_banking in [bank_core::CoreBanking::OwnLedger, bank_core::CoreBanking::Port] {
        let mut world = cast::world(Setup { core_banking, ..Setup::default() });
        let id = filed(&mut world, 1, 48_000_000, Channel::Standard);
        let mut core = CoreBanking::default();
        let mut seen = vec![statuses(&world, &id)];
        // The guarantor agrees to 470,000 yuan, the bank approves 460,000; nobody else lowers anything.
        let mut outside = |world: &World| {
            let lowers = |role: &str| ["risk_manager", "credit_approver"].contains(&role);
            match world.tasks().find(|(_, task)| lowers(&task.role)) {
                Some((party, task)) => Some(decide(world, party, task, &task.role, cast::Mood::Sparing)),
                None => core.act(world).or_else(|| kindly(world, |_| false)),
            }
        };
        while world.turn(FAR, &mut outside).unwrap() {
            hold(&world).unwrap();
            let now = statuses(&world, &id);
            if seen.last() != Some(&now) {
                seen.push(now);
            }
        }
        hold_at_rest(&world).unwrap();
        let expected = [
            ["INTAKE_REVIEW", "", ""],
            ["GUARANTEE_REVIEW", "", ""],
            ["GUARANTEE_REVIEW", "GUARANTEE_REVIEW", ""],
            ["GUARANTEE_REVIEW", "CREDIT_REVIEW", ""],
            ["CREDIT_REVIEW", "CREDIT_REVIEW", ""],
            ["CREDIT_REVIEW", "CREDIT_REVIEW", "CREDIT_REVIEW"],
            ["CREDIT_REVIEW", "CREDIT_REVIEW", "CONTRACTING"],
            ["CONTRACTING", "CREDIT_REVIEW", "CONTRACTING"],
            ["CONTRACTING", "CONTRACTING", "CONTRACTING"],
            ["CONTRACTING", "DRAFT", "CONTRACTING"],
            ["CONTRACTING", "ISSUED", "CONTRACTING"],
            ["CONTRACTING", "ISSUED", "READY"],
            ["READY", "ISSUED", "READY"],
            ["READY", "ISSUED", "DISBURSING"],
            ["READY", "ISSUED", "DISBURSED"],
            ["DISBURSED", "ISSUED", "DISBURSED"],
            ["DISBURSED", "EFFECTIVE", "DISBURSED"],
        ];
        assert_eq!(seen, expected);
        assert!(world.refused().is_empty(), "{:?}", world.refused());
        assert_eq!(world.now(), cast::first_morning(), "nobody waits for anything but people");

        assert_eq!(balance::<Bank>(&world, "B1301"), 46_000_000);
        assert_eq!(balance::<Bank>(&world, &format!("B2011/{}", nuan::firms::uscc(1).unwrap())), 46_000_000);
        assert_eq!(balance::<Guarantor>(&world, "G9001"), 46_000_000);
        assert_eq!((balance::<Union>(&world, "U9001"), balance::<Union>(&world, "U9002")), (0, 9_200_000));
        let (union, guarantor, bank) =
            (application(&world, &id), guarantee(&world, &id).unwrap(), credit(&world, &id).unwrap());
        let reservation = union.reservation.as_ref().unwrap();
        assert_eq!(reservation.exposure_fen, amount(46_000_000));
        assert_eq!(reservation.state, ReservationState::Committed);
        let letter = guarantor.letter.as_ref().unwrap();
        assert_eq!(letter.state, LetterState::Effective);
        assert_eq!((union.letter.as_ref(), bank.letter.as_ref()), (Some(&letter.letter), Some(&letter.letter)));
        let paid_out = bank.paid_out.as_ref().unwrap();
        assert_eq!(
            (union.receipt.as_ref(), guarantor.loan.as_ref()),
            (Some(&paid_out.receipt), Some(&paid_out.receipt))
        );
    }
}

/// One application, one organisation that is killed once `after` so many turns; how many turns it took.
fn with_a_crash(party: Party, when: Crash, after: usize) -> Result<usize, String> {
    let mut world = cast::world(Setup::default());
    filed(&mut world, 1, cast::ASKED_FEN, Channel::Standard);
    let mut core = CoreBanking::default();
    for turns in 0.. {
        if turns == after {
            world.crash(party, when);
        }
        let mut outside = |world: &World| core.act(world).or_else(|| kindly(world, |_| false));
        if !world.turn(FAR, &mut outside).map_err(|defect| defect.to_string())? {
            hold_at_rest(&world)?;
            let ended = endings(&world);
            return if ended == [("completed", 1)].into() { Ok(turns) } else { Err(format!("{ended:?}")) };
        }
        hold(&world)?;
    }
    unreachable!("the turns have an end")
}

#[test]
fn a_crash_of_any_of_them_before_or_after_any_commit_changes_nothing_in_the_end() {
    for party in [Party::Union, Party::Guarantor, Party::Bank] {
        for when in [Crash::BeforeCommit, Crash::AfterCommit] {
            let mut after = 0;
            loop {
                let turns = with_a_crash(party, when, after);
                let turns = turns.unwrap_or_else(|why| panic!("{party} {when:?} after {after} turns: {why}"));
                if turns <= after {
                    break;
                }
                after += 1;
            }
            assert!(after > 25, "only {after} turns");
        }
    }
}
