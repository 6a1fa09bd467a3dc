//! Every pair of state and input: named here, or refused with both names.

use bank_core::rows::{LoanInput, LoanState};

#[test]
fn each_pair_of_state_and_input_is_named_or_illegal() {
    let named = [
        (LoanState::Pending, LoanInput::PaidOut, LoanState::Active),
        (LoanState::Pending, LoanInput::Terminated, LoanState::Terminated),
        (LoanState::Active, LoanInput::Reversed, LoanState::Reversed),
        (LoanState::Active, LoanInput::FellOverdue, LoanState::Overdue),
        (LoanState::Active, LoanInput::Settled, LoanState::Settled),
        (LoanState::Active, LoanInput::Prepaid, LoanState::Prepaid),
        (LoanState::Overdue, LoanInput::BroughtCurrent, LoanState::Active),
        (LoanState::Overdue, LoanInput::Settled, LoanState::Settled),
        (LoanState::Overdue, LoanInput::Prepaid, LoanState::Prepaid),
        (LoanState::Active, LoanInput::Relieved, LoanState::Relief),
        (LoanState::Overdue, LoanInput::Relieved, LoanState::Relief),
        (LoanState::Relief, LoanInput::Relieved, LoanState::Relief),
        (LoanState::Relief, LoanInput::ReliefKept, LoanState::Active),
        (LoanState::Relief, LoanInput::ReliefBroken, LoanState::Overdue),
    ];
    for state in LoanState::ALL {
        for input in LoanInput::ALL {
            let next = named.iter().find(|(from, by, _)| (*from, *by) == (state, input)).map(|(_, _, to)| *to);
            match (state.on(input), next) {
                (Ok(to), Some(next)) => assert_eq!(to, next, "{state:?} on {input:?}"),
                (Err(illegal), None) => {
                    assert_eq!((illegal.state, illegal.input), (format!("{state:?}"), format!("{input:?}")));
                }
                (got, named) => panic!("{state:?} on {input:?}: {got:?}, named {named:?}"),
            }
        }
    }
}
