//! The states of an application: every pair of them, allowed or refused by name.

use saga::IllegalTransition;
use std::fmt::Debug;
use union_core::application::ApplicationState;

/// Where each state leads, a line for each; what is not in it is refused by the names of both.
pub fn table<S: Copy + Debug + PartialEq>(
    all: &[S],
    on: impl Fn(S, S) -> Result<S, IllegalTransition>,
    code: impl Fn(S) -> &'static str,
) -> String {
    let mut table = String::new();
    for from in all {
        let mut onward = Vec::new();
        for to in all {
            match on(*from, *to) {
                Ok(next) => {
                    assert_eq!(next, *to);
                    onward.push(code(*to));
                }
                Err(illegal) => {
                    assert_eq!((illegal.state, illegal.input), (format!("{from:?}"), format!("{to:?}")));
                }
            }
        }
        table += &format!("{} -> {}\n", code(*from), onward.join(" "));
    }
    table
}

#[test]
fn each_pair_of_states_is_in_the_table_or_illegal() {
    insta::assert_snapshot!(table(&ApplicationState::ALL, ApplicationState::on, ApplicationState::code));
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
