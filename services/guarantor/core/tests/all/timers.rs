//! Deadlines remind at 50 and 80 %, escalate at 100 %, and never decide (DOMAIN.md section 2).

use super::office::*;
use domain::Moment;
use guarantor_core::{Duty, Fact};
use organisation::participant::Fact as Owed;
use saga::Notice;

fn moment(text: &str) -> Moment {
    Moment::parse(text).unwrap()
}

#[test]
fn a_task_reminds_twice_escalates_once_and_stays_open() {
    let mut office = Office::manual();
    office.reach(Stage::Asked);
    let due = office.index().tasks[0].due_at;
    // Ten working days after Monday 1 June 2020: Monday 15 June.
    assert_eq!(due, moment("2020-06-15T23:59:59.999+08:00"));
    let notices: Vec<Notice> = office
        .pass(due.plus_hours(1_000))
        .into_iter()
        .map(|fact| match fact {
            Fact::Owed(Owed::Noticed { duty: Duty::DueDiligence, notice, .. }) => notice,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(notices, Notice::ALL);
    let index = office.index();
    assert_eq!((index.wake_at, index.status), (None, "GUARANTEE_REVIEW"));
    assert!(index.tasks[0].escalated);
    assert_eq!(words(&office.act("r", RISK, agree(AMOUNT))), "agreed 30000000", "late is not too late");
}

#[test]
fn each_task_has_the_charters_deadline() {
    let rows = [
        (Stage::Asked, "2020-06-15"),    // 10 working days
        (Stage::Signing, "2020-06-15"),  // aim 10 working days
        (Stage::Drafting, "2020-06-03"), // 2 working days
    ];
    for (stage, due) in rows {
        let mut office = Office::manual();
        office.reach(stage);
        assert_eq!(office.index().tasks[0].due_at.date().to_string(), due, "{stage:?}");
    }
}

#[test]
fn maker_and_checker_share_one_deadline() {
    let mut office = Office::manual();
    office.reach(Stage::Drafting);
    let due = office.index().tasks[0].due_at;
    office.at = office.at.plus_hours(30);
    office.act("m", MAKER, prepare());
    assert_eq!(office.index().tasks[0].due_at, due);
    // A draft returned after the end is overdue at once, and says so.
    office.at = due.plus_hours(10);
    office.act("k", CHECKER, send_back());
    assert_eq!(office.index().wake_at, Some(office.at));
    let at = office.at;
    office.pass(at);
    assert!(office.index().tasks[0].escalated);
}

#[test]
fn a_timer_that_fires_early_changes_nothing() {
    let mut office = Office::manual();
    office.reach(Stage::Asked);
    let before = office.case().clone();
    let due = organisation::Input::Due(guarantor_core::rows::case(&id(1)));
    let outcome = office.decide(&due).unwrap();
    assert!(outcome.recorded.is_empty());
    assert_eq!(office.case(), &before);
}
