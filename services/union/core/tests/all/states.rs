//! The states of an application: every pair of them, allowed or refused by name.

use union_core::application::ApplicationState;

#[test]
fn each_pair_of_states_is_in_the_table_or_illegal() {
    let mut table = String::new();
    for from in ApplicationState::ALL {
        let mut onward = Vec::new();
        for to in ApplicationState::ALL {
            match from.on(to) {
                Ok(next) => {
                    assert_eq!(next, to);
                    onward.push(to.code());
                }
                Err(illegal) => {
                    assert_eq!((illegal.state, illegal.input), (format!("{from:?}"), format!("{to:?}")));
                }
            }
        }
        table += &format!("{} -> {}\n", from.code(), onward.join(" "));
    }
    insta::assert_snapshot!(table);
}

#[test]
fn what_has_ended_goes_nowhere_and_nothing_comes_to_life_again() {
    for from in ApplicationState::ALL {
        for to in ApplicationState::ALL {
            let may = from.leads_to(to);
            let reversed = (from, to) == (ApplicationState::Disbursed, ApplicationState::Reversed);
            assert!(!from.is_final() || may == (from == to || reversed), "{from:?} to {to:?}");
            assert!(
                !(from == ApplicationState::Compensating && !to.is_final() && from != to && may),
                "{from:?} to {to:?}"
            );
        }
    }
    assert!(!ApplicationState::Compensating.leads_to(ApplicationState::Disbursed));
    assert!(ApplicationState::IntakeReview.leads_to(ApplicationState::Disbursed));
}
