//! The reports on a loan, as a reader follows them.

use crate::samples::received;
use contracts::{Followed, LoanReport};
use proptest::prelude::*;

fn taken(followed: &mut Followed) -> Vec<u32> {
    let mut taken = Vec::new();
    while let Some((seq, _)) = followed.turn() {
        taken.push(seq);
        followed.take();
    }
    taken
}

#[test]
fn what_came_ahead_waits_and_what_is_missing_is_named() {
    let mut followed = Followed::default();
    followed.keep(2, LoanReport::Current {});
    followed.keep(3, LoanReport::Current {});
    assert_eq!((taken(&mut followed), followed.missing_from()), (vec![], Some(1)));
    followed.take();
    assert_eq!(followed.taken(), 0, "out of turn nothing is taken");
    followed.keep(1, received());
    assert_eq!(followed.turn(), Some((1, &received())));
    assert_eq!((taken(&mut followed), followed.missing_from()), (vec![1, 2, 3], None));
    followed.keep(2, received());
    assert!(followed.has(2) && followed.turn().is_none(), "said twice, taken once");
}

proptest! {
    #[test]
    fn in_any_order_and_however_often_each_report_is_taken_once_in_its_turn(
        order in proptest::collection::vec(1_u32..=9, 0..60),
    ) {
        let (mut followed, mut all) = (Followed::default(), Vec::new());
        for seq in order.into_iter().chain(1..=9) {
            followed.keep(seq, LoanReport::Current {});
            all.extend(taken(&mut followed));
            let written = serde_json::to_string(&followed).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Followed>(&written).unwrap(), &followed);
        }
        prop_assert_eq!(all, (1..=9).collect::<Vec<_>>());
    }
}
