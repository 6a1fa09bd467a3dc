//! Every pair of state and input: named here, or refused with both names.

use guarantor_core::case::{LetterInput, LetterState};

#[test]
fn each_pair_of_state_and_input_is_named_or_illegal() {
    let named = [
        (LetterState::Issued, LetterInput::PaidOut, LetterState::Effective),
        (LetterState::Issued, LetterInput::Revoke, LetterState::Revoked),
        (LetterState::Issued, LetterInput::Expire, LetterState::Expired),
        (LetterState::Effective, LetterInput::Release, LetterState::Released),
        (LetterState::Effective, LetterInput::Change, LetterState::Effective),
    ];
    for state in LetterState::ALL {
        for input in LetterInput::ALL {
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
