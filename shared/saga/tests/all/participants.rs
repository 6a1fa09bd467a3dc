//! The asked side: all of (state, input), and what any order of messages must leave behind.

use proptest::prelude::*;
use saga::participant::{Input, Reply, Request, Wanted, Work};

type R = Request<&'static str>;
type I = Input<&'static str>;

fn states() -> Vec<R> {
    vec![
        R::Unheard,
        R::Open,
        R::InDoubt { wanted: None },
        R::InDoubt { wanted: Some(Wanted::Undo) },
        R::InDoubt { wanted: Some(Wanted::Close) },
        R::Done("yes"),
        R::Refused("no"),
        R::Undoing("yes"),
        R::Undone,
        R::Closed,
    ]
}

fn inputs() -> Vec<I> {
    vec![
        I::Ask,
        I::Query,
        I::Undo,
        I::Close,
        I::HandedOver,
        I::Finished("yes"),
        I::Declined("no"),
        I::UndoFinished,
        I::UndoDeclined("cannot"),
    ]
}

#[test]
fn every_input_in_every_state_has_its_response() {
    let mut table = String::new();
    for state in states() {
        table.push_str(&format!("{state:?}\n"));
        for input in inputs() {
            let line = match state.on(&input) {
                Ok((next, response)) => {
                    let work = response.work.map_or(String::new(), |work| format!(", {work:?}"));
                    let reply = response.reply.map_or(String::new(), |reply| format!(", answers {reply:?}"));
                    format!("{next:?}{work}{reply}")
                }
                Err(illegal) => format!("illegal: {illegal}"),
            };
            table.push_str(&format!("    {:<24} {line}\n", format!("{input:?}")));
        }
    }
    insta::assert_snapshot!("participant", table);
}

#[test]
fn a_late_original_founders_on_the_tombstone() {
    let play = |inputs: &[I]| {
        let mut request = R::default();
        let mut last = None;
        for input in inputs {
            let (next, response) = request.on(input).unwrap();
            assert_ne!(response.work, Some(Work::Begin), "nothing begins");
            request = next;
            last = response.reply;
        }
        last
    };
    assert_eq!(play(&[I::Undo, I::Ask]), Some(Reply::Undone));
    assert_eq!(play(&[I::Close, I::Ask]), Some(Reply::Closed));
    assert_eq!(play(&[I::Close, I::Undo, I::Ask]), Some(Reply::Undone));
    assert_eq!(play(&[I::Query, I::Close, I::Ask, I::Ask]), Some(Reply::Closed));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever order messages and work come in: the work is begun at most once, undone only if done, never done once
    /// the key was answered as closed or undone, and an answer that is final never changes.
    #[test]
    fn work_is_done_at_most_once_and_a_closed_key_stays_closed(
        messages in prop::collection::vec(prop::sample::select(inputs()), 0..40)
    ) {
        let mut request = R::default();
        let (mut begun, mut done, mut sealed) = (0, false, false);
        for input in messages {
            let report = matches!(input, I::HandedOver | I::Finished(_) | I::Declined(_) | I::UndoFinished | I::UndoDeclined(_));
            let Ok((next, response)) = request.on(&input) else {
                prop_assert!(report, "a message from outside is never illegal");
                continue;
            };
            done = done || matches!(next, R::Done(_) | R::Undoing(_));
            if response.work == Some(Work::Begin) {
                begun += 1;
                prop_assert!(!sealed);
            }
            if response.work == Some(Work::Undo) {
                prop_assert!(done, "only what was done is undone");
            }
            if sealed {
                prop_assert!(matches!(next, R::Closed | R::Undone), "{next:?} after a seal");
            }
            sealed = sealed || matches!(response.reply, Some(Reply::Closed | Reply::Undone));
            if matches!(response.reply, Some(Reply::Closed)) {
                prop_assert!(!done || matches!(request, R::Undone | R::Closed), "closed means that nothing stands");
            }
            request = next;
        }
        prop_assert!(begun <= 1);
    }
}
