//! Every pair of state and input: named here, or refused with both names.

use union_core::application::{ReservationInput, ReservationState};

#[test]
fn each_pair_of_state_and_input_is_named_or_illegal() {
    let named = [
        (ReservationState::Held, ReservationInput::Commit, ReservationState::Committed),
        (ReservationState::Held, ReservationInput::Roll, ReservationState::Rolled),
        (ReservationState::Held, ReservationInput::Release, ReservationState::Released),
        (ReservationState::Rolled, ReservationInput::Release, ReservationState::Released),
        (ReservationState::Committed, ReservationInput::Release, ReservationState::Released),
    ];
    for state in ReservationState::ALL {
        for input in ReservationInput::ALL {
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
