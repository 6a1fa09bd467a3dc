//! Who has the check of eligibility in hand, in the engine's own task.

use super::office::*;
use organisation::{
    Person,
    people::{Handover, SUPERVISOR, To},
};
use union_core::{Command, command::EligibilityVerdict};

fn hand(to: To) -> Command {
    Command::HandTask(Handover { application_id: id(1), task: "check-eligibility".into(), to })
}

fn approve() -> Command {
    Command::DecideEligibility { application_id: id(1), verdict: EligibilityVerdict::Approve }
}

#[test]
fn the_check_is_claimed_given_back_and_handed_over() {
    let mut office = Office::open(1_000_000_000);
    office.submit(1, AMOUNT);
    assert_eq!(office.refused("sue", SUPERVISOR, hand(To::Me)).code, "FORBIDDEN");
    office.act("li", INTAKE, hand(To::Me));
    assert_eq!(office.refused("liu", INTAKE, hand(To::Me)).code, "CLAIMED");
    assert_eq!(office.refused("liu", INTAKE, approve()).code, "CLAIMED");
    assert_eq!(office.refused("sue", SUPERVISOR, approve()).code, "FORBIDDEN");
    let over = To::Other { person: Person::new("liu"), because: "休假".into() };
    office.act("sue", SUPERVISOR, hand(over));
    assert_eq!(office.refused("li", INTAKE, approve()).code, "CLAIMED");
    office.act("liu", INTAKE, hand(To::Nobody));
    office.act("li", INTAKE, approve());
    assert_eq!(office.refused("li", INTAKE, hand(To::Me)).code, "NO_TASK");
}
