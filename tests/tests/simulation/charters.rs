//! How the three come to agree on new rules, and what happens when they do not.

use crate::cast::{
    self, Channel, FAR, Setup, actor, amount, application, credit, filed, first_morning, guarantee, kindly,
};
use crate::core_banking::CoreBanking;
use crate::invariants::hold_at_rest;
use contracts::CharterAnswer;
use domain::{Charter, CharterHash, Date, Fen, Party};
use organisation::{
    Organisation,
    charters::{Book, Kept, MOST_OPEN, Motion, SIGNATORY, Standing, Version, book_key, key},
};
use simulation::{Act, Crash, Order, World};
use union_core::Union;

/// Loans of up to 800,000 yuan, from the first of September.
fn next() -> Charter {
    Charter {
        version: 2,
        effective_from: Date::constant(2018, 9, 1),
        amount_max_fen: Fen::new(80_000_000),
        ..Charter::programme_2017()
    }
}

fn motion(to: Party, person: &str, motion: Motion) -> Act {
    let by = actor(person, SIGNATORY);
    match to {
        Party::Union => Act::command(to, by, &union_core::Command::Charter(motion)),
        Party::Guarantor => Act::command(to, by, &guarantor_core::Command::Charter(motion)),
        Party::Bank => Act::command(to, by, &bank_core::Command::Charter(motion)),
    }
}

fn answer(charter: &Charter, answer: CharterAnswer, because: &str) -> Motion {
    Motion::Answer { hash: charter.hash(), charter: Some(Box::new(charter.clone())), answer, because: because.into() }
}

fn yes(charter: &Charter) -> Motion {
    answer(charter, CharterAnswer::Accepted {}, "三方会议纪要第 3 号")
}

fn no(charter: &Charter) -> Motion {
    answer(charter, CharterAnswer::Declined { because: "额度过高".into() }, "额度过高")
}

/// What the person is answered: `done`, or the refusal's code.
fn says(world: &mut World, to: Party, person: &str, what: Motion) -> String {
    cast::told(world, motion(to, person, what))
}

/// Two persons of an organisation answer.
fn two(world: &mut World, party: Party, what: &Motion) {
    for person in ["ann", "bob"] {
        assert_eq!(says(world, party, person, what.clone()), "done", "{party}: {person}");
    }
}

/// The messages that are under way arrive.
fn deliver(world: &mut World) {
    let until = world.now();
    while world.turn(until, &mut |_| None).unwrap() {}
}

fn kept<O: Organisation>(world: &World, row: &organisation::Key) -> Option<Kept> {
    world.shell::<O>()?.own(row).and_then(O::kept_charter).cloned()
}

fn version(world: &World, party: Party, hash: &CharterHash) -> Option<Version> {
    let row = key(hash);
    let kept = match party {
        Party::Union => kept::<Union>(world, &row),
        Party::Guarantor => kept::<guarantor_core::Guarantor>(world, &row),
        Party::Bank => kept::<bank_core::Bank>(world, &row),
    };
    match kept {
        Some(Kept::Version(version)) => Some(*version),
        _ => None,
    }
}

fn standing(world: &World, hash: &CharterHash) -> [Option<Standing>; 3] {
    Party::ALL.map(|party| version(world, party, hash).map(|version| version.standing()))
}

fn book(world: &World) -> Book {
    match kept::<Union>(world, &book_key()) {
        Some(Kept::Book(book)) => book,
        other => panic!("no list but {other:?}"),
    }
}

/// Everybody does what is asked, until nothing moves.
fn play(world: &mut World) {
    let mut core = CoreBanking::default();
    while world.turn(FAR, &mut |world| core.act(world).or_else(|| kindly(world, |_| false))).unwrap() {}
}

#[test]
fn a_charter_that_all_three_have_accepted_binds_from_its_first_day_and_what_was_filed_before_keeps_the_old_one() {
    let mut world = cast::world(Setup::default());
    let (charter, old) = (next(), filed(&mut world, 1, cast::ASKED_FEN, Channel::Standard));
    for party in [Party::Bank, Party::Union, Party::Guarantor] {
        two(&mut world, party, &yes(&charter));
        deliver(&mut world);
    }
    assert_eq!(standing(&world, &charter.hash()), [Some(Standing::Accepted); 3]);

    world.pass_to(domain::Moment::start_of(Date::constant(2018, 8, 31)).plus_hours(9));
    let before = filed(&mut world, 2, cast::ASKED_FEN, Channel::Standard);
    world.pass_to(domain::Moment::start_of(Date::constant(2018, 9, 3)).plus_hours(9));
    let after = filed(&mut world, 3, 80_000_000, Channel::Standard);
    let founding = application(&world, &old).charter;
    assert_ne!(founding, charter.hash());
    assert_eq!(application(&world, &before).charter, founding, "the day before");
    assert_eq!(application(&world, &after).charter, charter.hash());

    play(&mut world);
    hold_at_rest(&world).unwrap();
    assert!(world.refused().is_empty(), "{:?}", world.refused());
    let (guarantor, bank) = (guarantee(&world, &after).unwrap(), credit(&world, &after).unwrap());
    assert_eq!(guarantor.file.as_ref().unwrap().charter, charter.hash());
    assert_eq!(bank.paid_out.as_ref().unwrap().receipt.amount_fen, amount(80_000_000));
    for id in [&old, &before] {
        assert!(credit(&world, id).unwrap().paid_out.is_some(), "{id}");
    }
}

#[test]
fn nobody_files_under_a_charter_before_the_last_has_accepted_it() {
    let mut world = cast::world(Setup::default());
    let charter = next();
    for party in [Party::Union, Party::Bank] {
        two(&mut world, party, &yes(&charter));
    }
    deliver(&mut world);
    assert_eq!(standing(&world, &charter.hash()), [Some(Standing::Proposed); 3]);
    world.pass_to(domain::Moment::start_of(Date::constant(2018, 9, 3)).plus_hours(9));
    let id = filed(&mut world, 1, cast::ASKED_FEN, Channel::Standard);
    assert_ne!(application(&world, &id).charter, charter.hash());
    // And the last comes too late: nobody can have relied on it.
    assert_eq!(says(&mut world, Party::Guarantor, "ann", yes(&charter)), "CHARTER_TOO_LATE");
}

#[test]
fn one_organisation_that_declines_is_enough_for_a_charter_never_to_bind() {
    let mut world = cast::world(Setup::default());
    let charter = next();
    two(&mut world, Party::Union, &yes(&charter));
    deliver(&mut world);
    two(&mut world, Party::Bank, &no(&charter));
    // The guarantor accepts before it hears of the no.
    two(&mut world, Party::Guarantor, &yes(&charter));
    deliver(&mut world);
    assert_eq!(standing(&world, &charter.hash()), [Some(Standing::Declined); 3]);
    let said = &version(&world, Party::Union, &charter.hash()).unwrap().answers[&Party::Bank].answer;
    assert_eq!(*said, CharterAnswer::Declined { because: "额度过高".into() });
    // The next version is another charter.
    let again = Charter { version: 3, amount_max_fen: Fen::new(60_000_000), ..next() };
    for party in Party::ALL {
        two(&mut world, party, &yes(&again));
    }
    deliver(&mut world);
    assert_eq!(standing(&world, &again.hash()), [Some(Standing::Accepted); 3]);
    assert_eq!(book(&world).entries.len(), 2);
}

#[test]
fn whatever_is_refused_changes_nothing() {
    let mut world = cast::world(Setup::default());
    let charter = next();
    let hash = charter.hash();
    let by_hash = |answer| Motion::Answer { hash, charter: None, answer, because: "会议".into() };
    let drop = || Motion::Drop { hash, because: "有误".into() };
    let check = |world: &mut World, person: &str, motion: Motion, code: &str| {
        assert_eq!(says(world, Party::Bank, person, motion.clone()), code, "{person}: {motion:?}");
    };
    let w = &mut world;
    check(w, "ann", answer(&charter, CharterAnswer::Accepted {}, " "), "REASON");
    check(w, "ann", by_hash(CharterAnswer::Accepted {}), "NO_CHARTER");
    check(w, "ann", drop(), "NO_CHARTER");
    let other = Motion::Answer {
        hash,
        charter: Some(Box::new(Charter { version: 9, ..next() })),
        answer: CharterAnswer::Accepted {},
        because: "会议".into(),
    };
    check(w, "ann", other, "CHARTER_HASH");
    check(w, "ann", yes(&Charter { leverage_multiple: 0, ..next() }), "CHARTER_INVALID");
    check(w, "ann", yes(&Charter { programme: "other".into(), ..next() }), "OTHER_PROGRAMME");
    check(w, "ann", yes(&Charter { version: 1, ..next() }), "VERSION_TAKEN");
    check(w, "ann", yes(&Charter { effective_from: first_morning().date(), ..next() }), "CHARTER_TOO_LATE");

    check(w, "ann", yes(&charter), "done");
    check(w, "ann", yes(&charter), "FOUR_EYES");
    check(w, "bob", no(&charter), "PROPOSAL_OPEN");
    check(w, "bob", drop(), "done");
    check(w, "bob", drop(), "NO_PROPOSAL");
    check(w, "bob", by_hash(CharterAnswer::Accepted {}), "done");
    check(w, "ann", by_hash(CharterAnswer::Accepted {}), "done");
    check(w, "ann", no(&charter), "CHARTER_ANSWERED");
    check(w, "ann", yes(&Charter { amount_max_fen: Fen::new(70_000_000), ..next() }), "VERSION_TAKEN");
    let stranger = Act::command(
        Party::Bank,
        actor("max", "payment_maker"),
        &bank_core::Command::Charter(by_hash(CharterAnswer::Accepted {})),
    );
    let before = w.refused().len();
    w.act(stranger).unwrap();
    assert_eq!(w.refused()[before].refusal.code, "FORBIDDEN");
}

#[test]
fn no_more_charters_wait_for_an_answer_than_may() {
    let mut world = cast::world(Setup::default());
    for version in 2.. {
        let open = usize::try_from(version - 2).unwrap();
        let expected = if open < MOST_OPEN { "done" } else { "TOO_MANY_CHARTERS" };
        assert_eq!(says(&mut world, Party::Union, "ann", yes(&Charter { version, ..next() })), expected, "{open}");
        if open == MOST_OPEN {
            break;
        }
    }
}

#[test]
fn whatever_the_network_and_a_crash_do_all_three_come_to_the_same_end() {
    for order in [Order::AsSent, Order::NewestFirst] {
        for crashed in Party::ALL {
            for when in [Crash::BeforeCommit, Crash::AfterCommit] {
                let mut world = cast::world(Setup::default());
                world.order = order;
                let charter = next();
                for party in Party::ALL {
                    two(&mut world, party, &yes(&charter));
                }
                world.crash(crashed, when);
                deliver(&mut world);
                assert_eq!(standing(&world, &charter.hash()), [Some(Standing::Accepted); 3], "{crashed} {when:?}");
            }
        }
    }
}

#[test]
fn a_partner_that_takes_its_answer_back_is_not_believed() {
    let mut world = cast::world(Setup::default());
    let charter = next();
    two(&mut world, Party::Bank, &yes(&charter));
    deliver(&mut world);
    let said = contracts::CharterAnswered {
        charter_hash: charter.hash(),
        charter: Box::new(charter.clone()),
        answer: CharterAnswer::Declined { because: "反悔".into() },
    };
    world.send(said.said(Party::Bank, Party::Union).unwrap()).unwrap();
    let defect = loop {
        match world.turn(first_morning(), &mut |_| None) {
            Ok(true) => {}
            Ok(false) => panic!("it was believed"),
            Err(defect) => break defect,
        }
    };
    assert!(defect.why.contains("takes back its answer"), "{defect}");
}
