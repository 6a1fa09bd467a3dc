//! Any sequence of events whatsoever, sense or nonsense: nothing panics, the pivot is passed at most once, nothing goes
//! back after it, only what moves is recorded, and cooperation always leads to an end with the lock given back.

use proptest::prelude::*;
use saga::{
    ChildOutcome, Definition, Ending, Event, Fact, IncidentKind, Outcome, Person, Phase, Reaction, RepairAction, State,
    Verdict,
};

use crate::all::toy::{BECAUSE, MINUTE, Reason, Toy, approver, clerk, operator, order, repair};

const STEPS: [&str; 13] = [
    "check order",
    "reserve stock",
    "insure",
    "note premium",
    "book carrier",
    "quote rate",
    "approve order",
    "check price",
    "charge",
    "ship",
    "file papers",
    "look after",
    "no such step",
];

#[derive(Clone, Debug)]
enum Act {
    Event(Event<Reason>),
    /// An answer under the step's current key.
    Answer(&'static str, Outcome<Reason>),
    ChildEnded(ChildOutcome<Reason>),
    /// Time passes and a tick comes.
    Pass(i64),
    /// Whatever the run waits for happens.
    Cooperate,
    Stock(bool),
    /// Whether the check holds.
    Price(bool),
    Market(bool),
}

fn outcome() -> impl Strategy<Value = Outcome<Reason>> {
    prop_oneof![
        4 => Just(Outcome::Done),
        1 => Just(Outcome::Refused(Reason::No)),
        1 => Just(Outcome::NotDone(Reason::Later)),
        1 => Just(Outcome::Blocked(Reason::Hopeless)),
        1 => Just(Outcome::Transient),
        1 => Just(Outcome::Unknown),
        2 => Just(Outcome::Closed),
        2 => Just(Outcome::Undone),
        1 => Just(Outcome::UndoRefused(Reason::CannotUndo)),
    ]
}

fn person() -> impl Strategy<Value = Person> {
    prop_oneof![Just(clerk()), Just(approver()), Just(operator())]
}

fn verdict() -> impl Strategy<Value = Verdict<Reason>> {
    prop_oneof![
        4 => Just(Verdict::Approve),
        1 => Just(Verdict::Refuse(Reason::No)),
        1 => Just(Verdict::AskForPapers { expiry: "PAPERS".to_owned(), term: domain::Term::WorkingDays(10) }),
        1 => Just(Verdict::PapersSupplied),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    let step = || prop::sample::select(STEPS.to_vec());
    let named = || step().prop_map(str::to_owned);
    let action = prop_oneof![
        Just(RepairAction::RetryUndo),
        Just(RepairAction::ResolveUndo),
        Just(RepairAction::RetryAsk),
        Just(RepairAction::Resolve),
        Just(RepairAction::Settle),
    ];
    prop_oneof![
        8 => Just(Act::Cooperate),
        6 => (step(), outcome()).prop_map(|(step, outcome)| Act::Answer(step, outcome)),
        3 => (named(), person(), verdict()).prop_map(|(step, by, verdict)| {
            Act::Event(Event::Decided { step, by, verdict })
        }),
        1 => (named(), prop::option::of(person())).prop_map(|(step, by)| Act::Event(Event::Claimed { step, by })),
        1 => named().prop_map(|step| Act::Event(Event::Woken { step })),
        1 => named().prop_map(|step| Act::Event(Event::Contradicted { step, reason: Reason::No })),
        1 => Just(Act::Event(Event::Cancel { reason: Reason::ChangedMind })),
        2 => (named(), person(), action).prop_map(|(step, by, action)| {
            Act::Event(Event::Repair { step, by, action, because: BECAUSE.to_owned() })
        }),
        1 => prop_oneof![Just(ChildOutcome::Completed), Just(ChildOutcome::Failed(Reason::No))]
            .prop_map(Act::ChildEnded),
        3 => prop_oneof![Just(MINUTE), Just(60 * MINUTE), Just(24 * 60 * MINUTE), 0..40 * 24 * 60 * MINUTE]
            .prop_map(Act::Pass),
        1 => any::<bool>().prop_map(Act::Stock),
        1 => any::<bool>().prop_map(Act::Price),
        1 => any::<bool>().prop_map(Act::Market),
    ]
}

/// The next event that everybody's good will would bring; none when the run rests for good.
fn cooperation(toy: &Toy) -> Option<Event<Reason>> {
    let contradicted = toy.run.incidents().find(|(_, i)| matches!(i.kind, IncidentKind::Contradicted(_)));
    if let Some((_, incident)) = contradicted {
        return Some(repair(&incident.step, RepairAction::Settle));
    }
    toy.run.steps.iter().find_map(|(name, step)| {
        let answer = |outcome| {
            let key = step.key.clone().unwrap_or_default();
            Some(Event::Answered { step: name.clone(), key, outcome })
        };
        match &step.state {
            State::Deciding { task } if task.suspended.is_some() => {
                Some(Event::Decided { step: name.clone(), by: clerk(), verdict: Verdict::PapersSupplied })
            }
            State::Deciding { task } => {
                let by = task
                    .claimed_by
                    .clone()
                    .or_else(|| [clerk(), approver(), operator()].into_iter().find(|by| !task.excluded.contains(by)))?;
                Some(Event::Decided { step: name.clone(), by, verdict: Verdict::Approve })
            }
            State::Waiting | State::Between { .. } => Some(Event::Woken { step: name.clone() }),
            State::Asked { .. } => answer(Outcome::Done),
            State::Closing { .. } => answer(Outcome::Closed),
            State::Undoing { .. } => answer(Outcome::Undone),
            State::Child => Some(Event::ChildEnded {
                step: name.clone(),
                key: step.key.clone().unwrap_or_default(),
                outcome: ChildOutcome::Completed,
            }),
            State::Stuck { .. } => Some(repair(name, RepairAction::RetryAsk)),
            State::UndoFailed { .. } => Some(repair(name, RepairAction::RetryUndo)),
            State::Done | State::Refused { .. } | State::Undone | State::Abandoned | State::Kept => None,
        }
    })
}

fn put(toy: &mut Toy, definition: &Definition<Toy>, event: Event<Reason>) {
    let (before, recorded) = (toy.run.clone(), toy.facts.len());
    let reaction = toy.on(definition, event.clone());
    if reaction == Reaction::Moved {
        assert!(toy.facts.len() > recorded, "{event} moved without a fact");
    } else {
        assert_eq!(toy.facts.len(), recorded, "{event} recorded though {reaction:?}");
        assert_eq!(toy.run, before);
    }
    check(toy);
}

fn check(toy: &Toy) {
    let passed = toy.facts.iter().position(|fact| matches!(fact, Fact::PivotPassed { .. }));
    let passes = toy.facts.iter().filter(|fact| matches!(fact, Fact::PivotPassed { .. })).count();
    assert!(passes <= 1, "the pivot is passed once");
    if let Some(passed) = passed {
        let back = toy.facts.iter().skip(passed).find(|fact| {
            matches!(
                fact,
                Fact::UnwindingBegan { .. }
                    | Fact::UndoAsked { .. }
                    | Fact::Undone { .. }
                    | Fact::StepKept { .. }
                    | Fact::StepRefused { .. }
                    | Fact::StepAbandoned { .. }
            )
        });
        assert!(back.is_none(), "goes back after the pivot: {back:?}");
    }
    let ended = matches!(toy.run.phase, Phase::Ended { .. });
    assert_eq!(toy.locks.is_empty(), ended, "the lock is held until the end, and not longer");
    assert_eq!(toy.run.lock.is_none(), ended);
    if !ended {
        assert!(!toy.run.waiting_for().is_empty(), "somebody has the ball: {:?}", toy.run);
    }
    if passed.is_some() && ended {
        assert_eq!(toy.run.ending(), Some(&Ending::Completed));
    }
}

fn play(acts: Vec<Act>) {
    let definition = order().unwrap();
    let mut toy = Toy::default();
    assert_eq!(definition.start(&mut toy).unwrap(), Reaction::Moved);
    for act in acts {
        let key = |toy: &Toy, step: &str| toy.run.step(step).and_then(|run| run.key.clone()).unwrap_or_default();
        let event = match act {
            Act::Event(event) => event,
            Act::Answer(step, outcome) => Event::Answered { step: step.to_owned(), key: key(&toy, step), outcome },
            Act::ChildEnded(outcome) => {
                Event::ChildEnded { step: "look after".to_owned(), key: key(&toy, "look after"), outcome }
            }
            Act::Pass(ms) => {
                toy.now = domain::Moment::from_millis(toy.now.millis() + ms);
                put(&mut toy, &definition, Event::Tick);
                let again = toy.on(&definition, Event::Tick);
                assert_ne!(again, Reaction::Moved, "a tick leaves nothing due");
                continue;
            }
            Act::Cooperate => match cooperation(&toy) {
                Some(event) => event,
                None => continue,
            },
            Act::Stock(stock) => {
                toy.stock = stock;
                continue;
            }
            Act::Price(holds) => {
                toy.refusing = (!holds).then_some("check price");
                continue;
            }
            Act::Market(open) => {
                toy.market_open = open;
                continue;
            }
        };
        put(&mut toy, &definition, event);
    }
    toy.stock = true;
    toy.refusing = None;
    toy.market_open = true;
    let mut left = 100;
    while let Some(event) = cooperation(&toy) {
        put(&mut toy, &definition, event);
        left -= 1;
        assert!(left > 0, "good will leads to an end: {:?}", toy.run);
    }
    assert!(toy.run.ending().is_some(), "good will leads to an end: {:?}", toy.run);
    assert_eq!(toy.replayed(), toy.run, "the facts alone rebuild the run");
    assert_eq!(toy.run.next_wake(), None, "an ended run has no timer");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_events_breaks_the_engine(acts in prop::collection::vec(act(), 0..80)) {
        play(acts);
    }
}
