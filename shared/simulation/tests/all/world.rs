//! What a world does, and in which order.

use crate::toy::*;
use domain::{Moment, Party};
use organisation::{PortAnswer, PostingAnswer};
use simulation::{Act, Crash, Order, Reply, World};

const U: Party = Party::Union;
const G: Party = Party::Guarantor;

fn at(ms: i64) -> Moment {
    Moment::from_millis(ms)
}

fn say(key: &str) -> Command {
    Command::Say(key.into())
}

fn do_all(world: &mut World, acts: &[(Party, Command)]) {
    for (to, command) in acts {
        world.act(tell(*to, command)).unwrap();
    }
}

/// Lets everything happen that nobody outside has a part in.
fn settle(world: &mut World) {
    world.run(at(i64::MAX), &mut |_| None).unwrap();
}

#[test]
fn within_one_instant_messages_come_before_timers_and_timers_before_commands() {
    let mut world = toys();
    do_all(&mut world, &[(U, Command::WakeAt(at(5))), (G, say("a")), (G, say("b"))]);
    for parcel in &mut world.parcels {
        parcel.arrives_at = Some(at(5));
    }
    let mut commanded = false;
    world
        .run(at(100), &mut |world| {
            let now = world.now() >= at(5) && !std::mem::replace(&mut commanded, world.now() >= at(5));
            now.then(|| tell(U, &say("c")))
        })
        .unwrap();
    assert_eq!(written::<true>(&world), "hear a, hear b, woken, say c");
    assert_eq!(world.now(), at(5), "nothing more happens");
}

#[test]
fn timers_fire_by_due_time_and_then_by_organisation_however_late_they_are() {
    let mut world = toys();
    do_all(&mut world, &[(U, Command::WakeAt(at(7))), (G, Command::WakeAt(at(9)))]);
    world.pass_to(at(20));
    assert!(world.turn(at(20), &mut |_| None).unwrap());
    assert_eq!((written::<true>(&world), written::<false>(&world)), ("woken".into(), String::new()));
    assert!(world.turn(at(20), &mut |_| None).unwrap());
    assert_eq!(written::<false>(&world), "woken");
    assert!(!world.turn(at(20), &mut |_| None).unwrap());
}

#[test]
fn time_moves_to_the_next_event_and_not_beyond_what_was_allowed() {
    let mut world = toys();
    do_all(&mut world, &[(U, Command::WakeAt(at(7)))]);
    world.run(at(6), &mut |_| None).unwrap();
    assert_eq!((world.now(), written::<true>(&world)), (at(0), String::new()));
    world.run(at(7), &mut |_| None).unwrap();
    assert_eq!((world.now(), written::<true>(&world)), (at(7), "woken".into()));
    // Somebody outside waits: time comes to them too.
    world.run(at(50), &mut |world| (world.now() < at(30)).then_some(Act::Wait(at(30)))).unwrap();
    assert_eq!(world.now(), at(30));
}

#[test]
fn what_is_held_between_two_holds_up_what_is_behind_it_and_nothing_else() {
    let mut world = toys();
    do_all(&mut world, &[(U, say("a")), (U, say("b")), (G, say("c"))]);
    world.parcels[0].arrives_at = None;
    settle(&mut world);
    assert_eq!((written::<false>(&world), written::<true>(&world)), ("say c".into(), "say a, say b, hear c".into()));
    world.parcels[0].arrives_at = Some(at(40));
    settle(&mut world);
    assert_eq!(written::<false>(&world), "say c, hear a, hear b");
    assert_eq!(world.now(), at(40));
}

#[test]
fn the_newest_comes_first_where_that_is_asked_for() {
    let mut world = toys();
    world.order = Order::NewestFirst;
    do_all(&mut world, &[(U, say("a")), (U, say("b")), (U, say("c"))]);
    world.parcels[2].arrives_at = None;
    settle(&mut world);
    assert_eq!(written::<false>(&world), "hear b, hear a");
}

#[test]
fn a_seed_draws_whose_turn_it_is_and_keeps_the_order_between_two() {
    let played = |seed| {
        let mut world = toys();
        world.order = Order::Shuffled(seed);
        let acts = ["a", "b", "c", "d"].map(|key| [(U, say(key)), (G, say(key))]).concat();
        do_all(&mut world, &acts);
        let mut order = Vec::new();
        while let Some(first) = world.parcels.first().map(|_| world.parcels.clone()) {
            world.turn(at(0), &mut |_| None).unwrap();
            let left: Vec<u64> = world.parcels.iter().map(|parcel| parcel.no).collect();
            order.extend(first.iter().map(|parcel| parcel.no).find(|no| !left.contains(no)));
        }
        assert!(written::<true>(&world).ends_with("hear a, hear b, hear c, hear d"));
        assert!(written::<false>(&world).ends_with("hear a, hear b, hear c, hear d"));
        order
    };
    assert_eq!(played(7), played(7));
    let different: std::collections::BTreeSet<_> = (0..20).map(played).collect();
    assert!(different.len() > 5, "{different:?}");
}

#[test]
fn a_parcel_that_is_copied_comes_twice_and_one_that_is_removed_never() {
    let mut world = toys();
    do_all(&mut world, &[(U, say("a")), (U, say("b"))]);
    let copy = world.parcels[0].clone();
    world.parcels.push(copy);
    world.parcels.remove(1);
    settle(&mut world);
    assert_eq!(written::<false>(&world), "hear a, hear a");
    assert_eq!(world.parcels_so_far(), 2);
}

#[test]
fn a_message_can_be_sent_in_a_name_but_only_to_whom_that_one_speaks() {
    let mut world = toys();
    world.send(message::<true>("forged")).unwrap();
    settle(&mut world);
    assert_eq!(written::<false>(&world), "hear forged");
    // A core that takes the word of another is found out by the receiver.
    let lie = world.act(tell(U, &Command::Lie));
    let defect = lie.and_then(|()| world.run(at(0), &mut |_| None)).unwrap_err();
    assert_eq!(defect.party, U);
    assert!(defect.why.contains("source"), "{defect}");
}

#[test]
fn what_was_not_committed_before_the_crash_is_gone_and_comes_again() {
    let mut world = toys();
    do_all(&mut world, &[(U, say("a"))]);
    world.crash(G, Crash::BeforeCommit);
    assert!(world.turn(at(0), &mut |_| None).unwrap());
    assert_eq!(written::<false>(&world), "", "decided, and not committed");
    settle(&mut world);
    assert_eq!(written::<false>(&world), "hear a");

    world.crash(U, Crash::BeforeCommit);
    let said = Act::command(U, somebody(), &say("b"));
    let Act::Command { to, actor, command } = said.clone() else { panic!() };
    assert_eq!(world.command(to, actor, command).unwrap(), Reply::Nothing);
    settle(&mut world);
    assert_eq!((written::<true>(&world), written::<false>(&world)), ("say a".into(), "hear a".into()));
    world.act(said).unwrap();
    assert_eq!(written::<true>(&world), "say a, say b", "it crashes once");
}

#[test]
fn what_was_committed_before_the_crash_is_said_late_and_heard_again() {
    let mut world = toys();
    world.crash(U, Crash::AfterCommit);
    let Act::Command { to, actor, command } = tell(U, &say("a")) else { panic!() };
    assert_eq!(world.command(to, actor, command).unwrap(), Reply::Nothing);
    world.crash(G, Crash::AfterCommit);
    settle(&mut world);
    assert_eq!(written::<true>(&world), "say a");
    assert_eq!(written::<false>(&world), "hear a, hear a", "it was acknowledged to nobody");
    assert_eq!(world.now(), at(2_000));
}

#[test]
fn a_timer_that_was_not_committed_is_still_due() {
    let mut world = toys();
    do_all(&mut world, &[(U, Command::WakeAt(at(3)))]);
    world.crash(U, Crash::BeforeCommit);
    settle(&mut world);
    assert_eq!(written::<true>(&world), "woken");
}

#[test]
fn one_commit_takes_several_messages_of_one_organisation_and_loses_them_together() {
    for (batch, lost) in [(1, "hear a"), (2, ""), (10, "")] {
        let mut world = toys();
        world.batch = batch;
        do_all(&mut world, &[(U, say("a")), (U, say("refuse me")), (U, say("b")), (G, say("c"))]);
        if batch == 1 {
            world.turn(at(0), &mut |_| None).unwrap();
        }
        world.crash(G, Crash::BeforeCommit);
        world.turn(at(0), &mut |_| None).unwrap();
        assert_eq!(written::<false>(&world), ["say c", lost].join(", ").trim_end_matches(", "), "batch {batch}");
        settle(&mut world);
        assert_eq!(written::<false>(&world), "say c, hear a, hear b");
        let refused: Vec<_> = world.refused().iter().map(|refused| (refused.by, refused.input.as_str())).collect();
        assert_eq!(refused, [(G, "guarantee.withdraw_opinion")], "a refusal in a batch refuses nothing else");
        let versions: Vec<u64> = world.shell::<Guarantor>().unwrap().stored().values().map(|row| row.version).collect();
        assert_eq!(versions, [3], "each input counts one change");
    }
}

#[test]
fn what_follows_comes_to_rest_in_the_same_commit() {
    let mut world = toys();
    world.crash(U, Crash::BeforeCommit);
    do_all(&mut world, &[(U, Command::Follow(2))]);
    assert_eq!(written::<true>(&world), "");
    do_all(&mut world, &[(U, Command::Follow(2))]);
    assert_eq!(written::<true>(&world), "rest");
}

#[test]
fn a_refusal_is_answered_and_kept_and_changes_nothing() {
    let mut world = toys();
    let Act::Command { to, actor, command } = tell(U, &Command::Refuse) else { panic!() };
    let Reply::Refused(refusal) = world.command(to, actor, command).unwrap() else { panic!() };
    assert_eq!(refusal.code, "NO");
    assert_eq!((written::<true>(&world), world.refused().len()), (String::new(), 1));
}

#[test]
fn orders_to_ports_lie_until_they_are_answered_one_a_key() {
    let mut world = toys();
    let order = |key: &str| Command::Order(key.into());
    do_all(&mut world, &[(U, order("k")), (U, order("l")), (U, order("k"))]);
    let keys = |world: &World| world.orders.iter().map(|(_, order)| order.key.clone()).collect::<Vec<_>>();
    assert_eq!(keys(&world), ["l", "k"]);
    let answer = PortAnswer::CoreBanking { key: "l".into(), posting: PostingAnswer::Closed };
    let act = Act::Port { to: U, application_id: id(), answer };
    world.crash(U, Crash::BeforeCommit);
    world.act(act.clone()).unwrap();
    assert_eq!(keys(&world), ["l", "k"], "an answer that was not committed is no answer");
    world.act(act).unwrap();
    assert_eq!((keys(&world), written::<true>(&world)), (vec!["k".to_owned()], "port l".into()));
}

#[test]
fn what_no_core_may_come_to_is_a_defect() {
    let book = || Command::Book("t".into());
    for (commands, why) in [
        (vec![Command::Break], "broken"),
        (vec![Command::Hide], "comes back otherwise"),
        (vec![Command::Follow(20_000)], "more than 10000 inputs follow"),
        (vec![say("stuck"), Command::WakeAt(at(0))], "still due"),
        (vec![book(), book()], "is new and exists"),
    ] {
        let mut world = toys();
        let mut result = Ok(());
        for command in &commands {
            result = result.and_then(|()| world.act(tell(U, command)));
        }
        let result = result.and_then(|()| world.run(at(0), &mut |_| None));
        let defect = result.unwrap_err();
        assert!(defect.why.contains(why), "{commands:?}: {defect}");
        assert_eq!(defect.party, U);
    }
    let mut world = toys();
    assert!(world.act(Act::Command { to: U, actor: somebody(), command: "nonsense".into() }).is_err());
    let absent = world.act(tell(Party::Bank, &Command::Break)).unwrap_err();
    assert_eq!(absent.why, "it is not in this world");
}

#[test]
fn stored_rows_follow_from_the_facts_alone() {
    let mut world = toys();
    do_all(&mut world, &[(U, say("a")), (U, Command::WakeAt(at(3))), (U, Command::Follow(3)), (U, Command::Refuse)]);
    settle(&mut world);
    let union = world.shell::<Union>().unwrap();
    union.follows_from_its_facts().unwrap();
    assert_eq!(union.journal().len(), 9);
    assert!(world.shell::<Toy<true>>().is_some() && World::new(start()).shell::<Union>().is_none());
}
