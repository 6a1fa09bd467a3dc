//! Two sides and a network that loses, doubles, reorders, delays and replays, processes that die at any point of a batch, and
//! a side that is restored from an old copy: every message is delivered once and in order, or the channel freezes and says so.
//!
//! A failing run prints its shrunken list of events; proptest keeps its seed beside this file.

use channel::{Freeze, Limits, Phase, Resolution, Settings};
use proptest::prelude::*;

use crate::support::{Fault, PARTNER, Side, US, genesis_of};

/// What may happen next. Indexes are taken modulo what is there.
#[derive(Clone, Debug)]
enum Event {
    /// A side has something to say, alone or together with a frame that has come.
    Say { side: usize, sizes: Vec<usize>, hearing: bool, fault: Fault },
    /// One frame on its way arrives, whichever it is.
    Arrive { index: usize, fault: Fault },
    /// The oldest frame on its way arrives.
    ArriveFirst,
    /// Several frames for one side arrive in one batch.
    ArriveMany { side: usize, fault: Fault },
    /// One frame on its way is lost.
    Lose { index: usize },
    /// One frame on its way will arrive twice.
    Double { index: usize },
    /// A frame that was ever sent arrives again.
    Replay { index: usize },
    /// The broker loses its disk.
    LoseAll,
    /// Time passes; timers fire.
    Pass { ms: u64 },
    /// A process dies between two batches.
    Restart { side: usize },
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![12 => Just(Fault::None), 1 => Just(Fault::BeforeCommit), 1 => Just(Fault::BeforeSend)]
}

fn event() -> impl Strategy<Value = Event> {
    let sizes = prop::collection::vec(1_usize..200, 1..5);
    prop_oneof![
        8 => (0_usize..2, sizes, any::<bool>(), fault())
            .prop_map(|(side, sizes, hearing, fault)| Event::Say { side, sizes, hearing, fault }),
        8 => (any::<usize>(), fault()).prop_map(|(index, fault)| Event::Arrive { index, fault }),
        10 => Just(Event::ArriveFirst),
        3 => (0_usize..2, fault()).prop_map(|(side, fault)| Event::ArriveMany { side, fault }),
        4 => any::<usize>().prop_map(|index| Event::Lose { index }),
        3 => any::<usize>().prop_map(|index| Event::Double { index }),
        3 => any::<usize>().prop_map(|index| Event::Replay { index }),
        1 => Just(Event::LoseAll),
        6 => prop_oneof![0_u64..50, 50_u64..500, 500_u64..10_000, 100_000_u64..1_000_000].prop_map(|ms| Event::Pass { ms }),
        1 => (0_usize..2).prop_map(|side| Event::Restart { side }),
    ]
}

struct World {
    sides: [Side; 2],
    /// What each side was told to say, in order.
    said: [Vec<Vec<u8>>; 2],
    /// Frames on their way: receiver and bytes.
    network: Vec<(usize, Vec<u8>)>,
    /// All frames ever sent, and to whom.
    history: Vec<(usize, Vec<u8>)>,
    now: u64,
    counter: u64,
}

impl World {
    fn new() -> Self {
        // Small, so that cuts, windows and hurried receipts happen within a few messages.
        let settings = Settings {
            limits: Limits { frame_bytes: 800, messages: 3 },
            window_bytes: 3_000,
            window_frames: 5,
            receipt_after_frames: 4,
            ..Settings::default()
        };
        let sides = [Side::new(US, PARTNER, settings, 0), Side::new(PARTNER, US, settings, 0)];
        let said = [Vec::new(), Vec::new()];
        let mut world = Self { sides, said, network: Vec::new(), history: Vec::new(), now: 0, counter: 0 };
        world.collect();
        world
    }

    fn collect(&mut self) {
        for (index, side) in self.sides.iter_mut().enumerate() {
            for bytes in side.out.drain(..) {
                self.network.push((1 - index, bytes.clone()));
                self.history.push((1 - index, bytes));
            }
            assert!(side.channel.in_flight_bytes() <= 3_000, "more in flight than the window");
        }
    }

    fn messages(&mut self, side: usize, sizes: &[usize]) -> Vec<Vec<u8>> {
        let mut messages = Vec::new();
        for size in sizes {
            self.counter += 1;
            let mut message = format!("{:08}", self.counter).into_bytes();
            message.resize(size + 8, b'.');
            messages.push(message);
        }
        self.said[side].extend(messages.iter().cloned());
        messages
    }

    fn take_for(&mut self, side: usize, most: usize) -> Vec<Vec<u8>> {
        let mut taken = Vec::new();
        self.network.retain(|(to, bytes)| {
            let take = *to == side && taken.len() < most;
            if take {
                taken.push(bytes.clone());
            }
            !take
        });
        taken
    }

    fn arrive(&mut self, index: usize, fault: Fault) {
        if self.network.is_empty() {
            return;
        }
        let (side, bytes) = self.network.remove(index % self.network.len());
        self.sides[side].batch(&[bytes], &[], fault, self.now);
    }

    fn happen(&mut self, event: &Event) {
        match event {
            Event::Say { side, sizes, hearing, fault } => {
                let messages = self.messages(*side, sizes);
                let frames = self.take_for(*side, usize::from(*hearing));
                self.sides[*side].batch(&frames, &messages, *fault, self.now);
            }
            Event::Arrive { index, fault } => self.arrive(*index, *fault),
            Event::ArriveFirst => self.arrive(0, Fault::None),
            Event::ArriveMany { side, fault } => {
                let frames = self.take_for(*side, 5);
                self.sides[*side].batch(&frames, &[], *fault, self.now);
            }
            Event::Lose { index } if !self.network.is_empty() => {
                self.network.remove(index % self.network.len());
            }
            Event::Double { index } if !self.network.is_empty() => {
                let copy = self.network[index % self.network.len()].clone();
                self.network.push(copy);
            }
            Event::Lose { .. } | Event::Double { .. } => {}
            Event::Replay { index } => self.network.push(self.history[index % self.history.len()].clone()),
            Event::LoseAll => self.network.clear(),
            Event::Pass { ms } => {
                self.now += ms;
                self.sides.iter_mut().for_each(|side| side.tick(self.now));
            }
            Event::Restart { side } => self.sides[*side].restart(self.now),
        }
        self.collect();
        self.check_always();
    }

    /// What holds at every instant: what was delivered is a beginning of the log, each number once, as the chain says.
    fn check_always(&self) {
        for side in &self.sides {
            let mut hash = genesis_of(side.partner, side.us);
            for ((seq, content), number) in side.store.delivered.iter().zip(1..) {
                assert_eq!(*seq, number, "a number is missing or doubled");
                hash = hash.after(*seq, content.len() as u32, content);
            }
            let received = side.store.heads.received;
            assert_eq!((side.store.delivered.len() as u64, hash), (received.seq, received.hash));
        }
    }

    /// The network works again, and time passes until nothing is outstanding.
    fn heal(&mut self) {
        let end = self.now + 1_500_000;
        while self.now < end {
            while !self.network.is_empty() {
                self.arrive(0, Fault::None);
                self.collect();
            }
            let wake = self.sides.iter().map(|side| side.channel.next_wake()).min().unwrap();
            self.now = wake.clamp(self.now + 1, end);
            self.sides.iter_mut().for_each(|side| side.tick(self.now));
            self.collect();
        }
        self.check_always();
    }

    fn check_healed(&self) {
        for (index, side) in self.sides.iter().enumerate() {
            let partner = &self.sides[1 - index];
            assert_eq!(side.frozen(), None);
            assert!(side.channel.is_settled(), "{} has {} unreceipted", side.us, side.channel.in_flight_bytes());
            assert_eq!(side.channel.in_flight_bytes(), 0);
            assert_eq!(side.store.heads.sent, partner.store.heads.received);
            assert!(side.store.held.is_empty());
        }
    }

    fn delivered(&self, side: usize) -> Vec<Vec<u8>> {
        self.sides[side].store.delivered.iter().map(|(_, content)| content.clone()).collect()
    }
}

/// Enough for every run; a campaign sets `PROPTEST_CASES`.
fn config(cases: u32) -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").map_or(cases, |text| text.parse().unwrap());
    let beside = proptest::test_runner::FileFailurePersistence::WithSource("proptest-regressions");
    ProptestConfig { cases, failure_persistence: Some(Box::new(beside)), ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(96))]

    #[test]
    fn every_message_arrives_once_and_in_order_however_bad_the_network_was(
        events in prop::collection::vec(event(), 1..160),
    ) {
        let mut world = World::new();
        for event in &events {
            world.happen(event);
            prop_assert!(world.sides.iter().all(|side| side.frozen().is_none()), "frozen without cause at {event:?}");
        }
        world.heal();
        world.check_healed();
        prop_assert_eq!(world.delivered(1), world.said[0].clone());
        prop_assert_eq!(world.delivered(0), world.said[1].clone());
    }

    #[test]
    fn a_partner_restored_from_an_old_copy_is_noticed_and_nothing_is_lost_or_doubled_in_silence(
        before in prop::collection::vec(event(), 1..60),
        lost in prop::collection::vec(event(), 1..60),
        after in prop::collection::vec(event(), 0..40),
        restored in 0_usize..2,
        settle_before_loss in any::<bool>(),
        talk_first in any::<bool>(),
    ) {
        let mut world = World::new();
        before.iter().for_each(|event| world.happen(event));
        let copy = world.sides[restored].store.clone();
        lost.iter().for_each(|event| world.happen(event));
        if settle_before_loss {
            world.heal();
        }
        let partner = world.sides[1 - restored].store.clone();
        world.sides[restored].store = copy.clone();
        world.sides[restored].restart(world.now);
        if talk_first {
            world.network.clear();
            world.collect();
        } else {
            world.collect();
            after.iter().for_each(|event| world.happen(event));
        }
        world.heal();

        // The partner has something signed by the restored side that the copy does not know: once the two can talk before
        // anything else arrives, both notice.
        let contradicted =
            partner.heads.received.seq > copy.heads.sent.seq || partner.heads.receipted.seq > copy.heads.received.seq;
        let frozen = world.sides.iter().filter(|side| side.frozen().is_some()).count();
        prop_assert!(!(contradicted && talk_first) || frozen == 2, "{frozen} of two noticed");
        if frozen == 0 {
            // Then nothing was lost: what still was on its way, or was said again in the same words, has made both logs whole.
            world.check_healed();
        }
        for side in &world.sides {
            let knows = side.frozen().is_some() || side.channel.partner_is_frozen();
            prop_assert!(frozen == 0 || knows, "{} does not know", side.us);
        }
        // Whatever the partner holds is what was signed first: an accepted message is never exchanged for another.
        let held: Vec<_> = partner.delivered.iter().collect();
        let now: Vec<_> = world.sides[1 - restored].store.delivered.iter().take(held.len()).collect();
        prop_assert_eq!(now, held);
    }

    #[test]
    fn after_two_persons_decided_both_logs_are_whole_again(
        before in prop::collection::vec(event(), 1..40),
        lost in prop::collection::vec(event(), 20..60),
        restored in 0_usize..2,
        unheard in prop::collection::vec(prop::collection::vec(1_usize..200, 1..5), 0..12),
        restart_between in any::<bool>(),
        unheard_comes_late in any::<bool>(),
    ) {
        let partner = 1 - restored;
        let mut world = World::new();
        before.iter().for_each(|event| world.happen(event));
        world.heal();
        let copy = world.sides[restored].store.clone();
        lost.iter().for_each(|event| world.happen(event));
        world.heal();
        // Receipts alone are no loss: the partner gives them again.
        let now = &world.sides[restored].store.heads;
        let changed = (copy.heads.sent, copy.heads.received) != (now.sent, now.received);
        prop_assume!(changed);
        let held_by_partner = world.delivered(partner);
        let is_fork = copy.heads.sent != world.sides[restored].store.heads.sent;
        let common = copy.heads.sent.seq;
        world.sides[restored].store = copy;
        world.sides[restored].restart(world.now);
        // The partner cannot be reached for longer than a start waits for it: the old copy goes on under used numbers.
        let mut said_unheard = Vec::new();
        for sizes in &unheard {
            world.now += world.sides[restored].settings.greeting_wait_ms;
            world.sides[restored].tick(world.now);
            let messages = world.messages(restored, sizes);
            world.sides[restored].batch(&[], &messages, Fault::None, world.now);
            said_unheard.extend(messages);
            if restart_between {
                world.sides[restored].restart(world.now);
            }
        }
        world.collect();
        if !unheard_comes_late {
            world.network.clear();
        }
        world.heal();
        let first = world.sides[restored].frozen();
        prop_assert!(
            matches!(first, Some(Freeze::WeWereRestored { .. } | Freeze::ReceiptDiffers { .. })),
            "{first:?}",
        );

        let mut forked_above = None;
        let mut rounds = 0;
        while world.sides.iter().any(|side| side.frozen().is_some()) {
            rounds += 1;
            prop_assert!(rounds <= 3, "{:?} {:?}", world.sides[0].frozen(), world.sides[1].frozen());
            if world.sides[restored].frozen().is_some() {
                let unfrozen = world.sides[restored].unfreeze(Resolution::AdoptTheirReceipt, world.now);
                forked_above = forked_above.or(unfrozen.forked_above);
                world.collect();
            }
            let receipted = world.sides[partner].store.heads.receipted.seq;
            let resolution = match world.sides[partner].frozen() {
                Some(Freeze::PartnerWasRestored { their_receipt, .. }) if their_receipt.seq < receipted => {
                    Some(Resolution::ResendToPartner)
                }
                Some(_) => Some(Resolution::KeepOurHeads),
                None => None,
            };
            if let Some(resolution) = resolution {
                world.sides[partner].unfreeze(resolution, world.now);
                world.collect();
            }
            world.heal();
        }
        let is_forked = is_fork && !said_unheard.is_empty();
        prop_assert_eq!(forked_above, is_forked.then_some(common), "exactly what the partner never had is named");
        let last_words = world.messages(restored, &[5]);
        world.sides[restored].batch(&[], &last_words, Fault::None, world.now);
        world.collect();
        world.heal();
        world.check_healed();
        prop_assert!(world.sides.iter().all(|side| side.channel.phase() == Phase::Open));
        // The partner keeps what it had and gets what is new; the restored side gets all of it again.
        let arrived = if is_forked { Vec::new() } else { said_unheard };
        prop_assert_eq!(world.delivered(partner), [held_by_partner, arrived, last_words].concat());
        prop_assert_eq!(world.delivered(restored), world.said[partner].clone());
    }
}
