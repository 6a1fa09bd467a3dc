//! Two organisations with a store each, as small as a shell can be: what the tests drive the protocol with.

use channel::{
    Action, BuiltFrame, ChainHash, Channel, Empty, Freeze, Heads, KeyRing, Known, Limits, NumberRefusal, Opened,
    Resolution, Settings, SigningKey, TwoPersons, Unfrozen, Verdict, genesis, open,
};
use domain::Party;

pub const US: Party = Party::Guarantor;
pub const PARTNER: Party = Party::Bank;

pub fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed([seed; 32])
}

pub fn key_of(party: Party) -> SigningKey {
    key(party.code())
}

pub fn ring_of(party: Party) -> KeyRing {
    KeyRing::new(*key_of(party).public())
}

pub fn genesis_of(from: Party, to: Party) -> ChainHash {
    genesis("warm-loan", "test", from, to, key_of(from).public(), key_of(to).public())
}

pub fn fresh_heads(us: Party, partner: Party) -> Heads {
    Heads::at_genesis(genesis_of(us, partner), genesis_of(partner, us))
}

/// Where a process dies in the middle of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    BeforeCommit,
    BeforeSend,
}

/// What survives a crash, and what an old copy brings back.
#[derive(Clone, Debug)]
pub struct Store {
    pub heads: Heads,
    pub commit: u64,
    pub outbox: Vec<BuiltFrame>,
    pub inbox: Vec<Opened>,
    /// Number and content of each delivered message, in order of delivery.
    pub delivered: Vec<(u64, Vec<u8>)>,
    /// Messages that have no number yet.
    pub held: Vec<Vec<u8>>,
}

/// One organisation: a store, a channel over it, and the frames it has put on the network.
pub struct Side {
    pub us: Party,
    pub partner: Party,
    pub settings: Settings,
    pub store: Store,
    pub channel: Channel,
    pub sessions: u64,
    pub out: Vec<Vec<u8>>,
    pub last_verdict: Option<Verdict>,
}

impl Side {
    pub fn new(us: Party, partner: Party, settings: Settings, now: u64) -> Self {
        let heads = fresh_heads(us, partner);
        let store =
            Store { heads, commit: 0, outbox: Vec::new(), inbox: Vec::new(), delivered: Vec::new(), held: Vec::new() };
        let session = u64::from(us.code()) << 32;
        let (channel, actions) = Channel::start(settings, us, partner, store.heads.clone(), session, now);
        let mut side =
            Self { us, partner, settings, store, channel, sessions: session, out: Vec::new(), last_verdict: None };
        side.perform(actions, &[], now);
        side
    }

    pub fn frozen(&self) -> Option<&Freeze> {
        self.store.heads.frozen.as_ref()
    }

    /// The process dies and starts again over its store.
    pub fn restart(&mut self, now: u64) {
        self.sessions += 1 << 16;
        let (channel, actions) =
            Channel::start(self.settings, self.us, self.partner, self.store.heads.clone(), self.sessions, now);
        self.channel = channel;
        self.perform(actions, &[], now);
    }

    pub fn open(&self, bytes: &[u8]) -> Opened {
        open(bytes, &Limits::RECEIVE, &ring_of(self.partner), self.partner, self.us).unwrap()
    }

    /// One batch: the frames that came, and new messages to say; one commit; then the sends.
    pub fn batch(&mut self, frames: &[Vec<u8>], say: &[Vec<u8>], fault: Fault, now: u64) {
        let mut work = self.channel.clone();
        let mut store = self.store.clone();
        for bytes in frames {
            let frame = self.open(bytes);
            let needs = work.needs(&frame);
            let stored = |seq: u64| store.inbox.iter().find_map(|frame| frame.hash_at(seq));
            // As a shell looks it up: a number in the middle of a frame has a hash too.
            let sent = |seq: u64| self.outbound_hash(seq);
            let known =
                Known { inbound: needs.inbound_seq.and_then(stored), outbound: needs.outbound_seq.and_then(sent) };
            let verdict = work.on_frame(&frame, known, now);
            if let Verdict::Accept { skip } = verdict {
                let messages = frame.messages().skip(skip).map(|(seq, content, _)| (seq, content.to_vec()));
                store.delivered.extend(messages);
                store.inbox.push(frame);
            }
            self.last_verdict = Some(verdict);
        }
        store.held.extend(say.iter().cloned());
        let mut built = Vec::new();
        if !store.held.is_empty() {
            match work.next_frames(store.commit + 1, &store.held, &key_of(self.us)) {
                Ok(frames) => {
                    built = frames;
                    store.held.clear();
                }
                Err(NumberRefusal::Frozen | NumberRefusal::Greeting) => {}
                Err(refusal) => panic!("{refusal}"),
            }
        }
        if fault == Fault::BeforeCommit {
            // What was said to the process was never acknowledged: say it again after the restart.
            self.store.held.extend(say.iter().cloned());
            self.restart(now);
            return;
        }
        store.outbox.extend(built.iter().cloned());
        store.heads = work.heads().clone();
        store.commit += 1;
        self.store = store;
        self.channel = work;
        if fault == Fault::BeforeSend {
            self.restart(now);
            return;
        }
        let metas: Vec<_> = built.iter().map(|frame| frame.meta).collect();
        let actions = self.channel.on_committed(&metas, now);
        self.perform(actions, &built, now);
    }

    pub fn tick(&mut self, now: u64) {
        let actions = self.channel.on_tick(now);
        self.perform(actions, &[], now);
        if !self.store.held.is_empty() {
            self.batch(&[], &[], Fault::None, now);
        }
    }

    pub fn say(&mut self, text: &str, now: u64) {
        self.batch(&[], &[text.as_bytes().to_vec()], Fault::None, now);
    }

    pub fn hear(&mut self, bytes: &[u8], now: u64) -> Verdict {
        self.batch(&[bytes.to_vec()], &[], Fault::None, now);
        self.last_verdict.clone().unwrap()
    }

    /// Two persons end the freeze so; what is forked leaves the outbox in the same commit.
    pub fn unfreeze(&mut self, resolution: Resolution, now: u64) -> Unfrozen {
        let persons = TwoPersons::new("first", "second").unwrap();
        let ours = self.channel.needs_to_unfreeze().and_then(|seq| self.outbound_hash(seq));
        let unfrozen = self.channel.unfreeze(resolution, persons, ours, now).unwrap();
        if let Some(above) = unfrozen.forked_above {
            self.store.outbox.retain(|built| built.meta.last <= above);
        }
        self.batch(&[], &[], Fault::None, now);
        unfrozen
    }

    fn outbound_hash(&self, seq: u64) -> Option<ChainHash> {
        let built = self.store.outbox.iter().find(|built| built.meta.last >= seq)?;
        let own = ring_of(self.us);
        open(&built.bytes, &Limits::RECEIVE, &own, self.us, self.partner).unwrap().hash_at(seq)
    }

    pub fn empty(&self, empty: Empty) -> Vec<u8> {
        self.channel.empty_frame(empty, self.store.commit, &key_of(self.us)).unwrap()
    }

    /// Sends what the protocol asks to be sent.
    pub fn perform(&mut self, actions: Vec<Action>, built: &[BuiltFrame], now: u64) {
        for action in actions {
            match action {
                Action::Publish { frames } => self.out.extend(built[..frames].iter().map(|frame| frame.bytes.clone())),
                Action::Send { first, max_bytes } => {
                    let frames = self.load(first, max_bytes);
                    let metas: Vec<_> = frames.iter().map(|frame| frame.meta).collect();
                    self.out.extend(frames.into_iter().map(|frame| frame.bytes));
                    self.channel.on_sent(&metas, now);
                }
                Action::SendHistory { first, max_bytes } => {
                    let frames = self.load(first, max_bytes);
                    self.out.extend(frames.into_iter().map(|frame| frame.bytes));
                }
                Action::SendEmpty(empty) => {
                    let bytes = self.empty(empty);
                    self.out.push(bytes);
                }
            }
        }
    }

    fn load(&self, first: u64, max_bytes: usize) -> Vec<BuiltFrame> {
        let mut total = 0;
        let from_first = self.store.outbox.iter().filter(|frame| frame.meta.last >= first);
        let within = |frame: &&BuiltFrame| {
            let alone = total == 0;
            total += frame.meta.bytes;
            alone || total <= max_bytes
        };
        from_first.take_while(within).cloned().collect()
    }
}

/// Gives each side what the other has sent, in order, until both are silent.
pub fn exchange(a: &mut Side, b: &mut Side, now: u64) {
    for _ in 0..1_000 {
        let (from_a, from_b) = (std::mem::take(&mut a.out), std::mem::take(&mut b.out));
        if from_a.is_empty() && from_b.is_empty() {
            return;
        }
        for bytes in &from_a {
            b.hear(bytes, now);
        }
        for bytes in &from_b {
            a.hear(bytes, now);
        }
    }
    panic!("the two never stop talking");
}

/// Lets time pass to each timer in turn, with a network that works, until nothing is outstanding or `until` has come.
pub fn run(a: &mut Side, b: &mut Side, mut now: u64, until: u64) -> u64 {
    exchange(a, b, now);
    while now < until {
        now = a.channel.next_wake().min(b.channel.next_wake()).clamp(now + 1, until);
        a.tick(now);
        b.tick(now);
        exchange(a, b, now);
    }
    now
}

/// A guarantor and a bank that have greeted each other.
pub fn pair(settings: Settings) -> (Side, Side) {
    let (mut a, mut b) = (Side::new(US, PARTNER, settings, 0), Side::new(PARTNER, US, settings, 0));
    exchange(&mut a, &mut b, 0);
    (a, b)
}

/// Takes what a side has put on the network.
pub fn sent(side: &mut Side) -> Vec<Vec<u8>> {
    std::mem::take(&mut side.out)
}

/// What was delivered to a side, as text.
pub fn contents(side: &Side) -> Vec<String> {
    side.store.delivered.iter().map(|(_, content)| String::from_utf8(content.clone()).unwrap()).collect()
}
