//! Three recordings in one scheduler: people and ports do what was recorded, and the three cores answer each other. Messages and
//! timers are this build's own; nothing that was recorded of them is fed.
//!
//! A person's command is given when the time has come at which it was given, and the organisation has heard what it had heard
//! by then: what people did on an answer they do once the answer is there.

use crate::{
    compare::stored,
    diff::{self, Change},
    feed::{Fed, feed, refused_as},
    recorder::fold_recorded,
    recording::{Header, Recording, Row, State},
};
use domain::{Moment, Party};
use organisation::{Input, Key, Organisation, Settings};
use serde::Serialize;
use serde_json::Value;
use simulation::{Act, Crash, Order, Shell, World};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
    sync::Arc,
};

/// What the network between the three does, and what else befalls them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// A message comes between the same acts of people as it did.
    AsRecorded,
    /// Every message comes at once.
    Swift,
    /// Every message comes twice.
    Twice,
    /// Every message is late by this many ms.
    Late(i64),
    /// Which of two channels is first is drawn from this seed.
    Shuffled(u64),
    /// An organisation is killed before a commit, when that comes again after it, and left alone for the next. It begins with this one
    /// of the three: with each of them in turn every commit is struck, before and after.
    Crashes {
        /// 0, 1 or 2.
        first: u8,
    },
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Network::AsRecorded => write!(f, "as recorded"),
            Network::Swift => write!(f, "every message at once"),
            Network::Twice => write!(f, "every message twice"),
            Network::Late(ms) => write!(f, "every message {ms} ms late"),
            Network::Shuffled(seed) => write!(f, "channels shuffled by seed {seed}"),
            Network::Crashes { first } => write!(f, "killed before and after commits, {} of 3", first + 1),
        }
    }
}

/// Three that have run.
#[derive(Debug)]
pub struct Ran<U: Organisation, G: Organisation, B: Organisation> {
    /// What the union has stored.
    pub union: Shell<U>,
    /// What the guarantor has stored.
    pub guarantor: Shell<G>,
    /// What the bank has stored.
    pub bank: Shell<B>,
    /// What people did that was answered otherwise than then: accepted and not refused, or the other way.
    pub otherwise: Vec<String>,
    /// Messages that the three have said to each other.
    pub messages: u64,
    /// How often an organisation was killed.
    pub crashes: u64,
}

/// What was heard: by whom, the kind and key of the message, and the how-manieth of them.
type Heard = (Party, &'static str, String, usize);

/// What somebody outside does to an organisation.
enum Does {
    /// A person or a port acts.
    Act(Act),
    /// It is set up, perhaps otherwise than before.
    SetUp(Settings),
}

/// Sets an organisation of the world up.
type SetsUp = Box<dyn Fn(&mut World, &Settings) -> Result<(), String>>;

fn sets_up<O: Organisation>(recording: &Recording) -> SetsUp {
    let charters = Arc::new(recording.header.charters.clone());
    Box::new(move |world, settings| {
        world.set_up_as(O::set_up(Arc::clone(&charters), settings)?);
        Ok(())
    })
}

/// What an outsider did, as recorded.
struct Outside {
    does: Does,
    at: Moment,
    /// What its organisation had heard by then and not before the one before it: kind, key, and how many of them.
    after: Vec<(&'static str, String, usize)>,
    position: u64,
    was_refused: bool,
}

/// The state at the end of a recording, by what was recorded.
///
/// # Errors
/// In words: this build cannot apply it.
pub fn end_of<O: Organisation>(recording: &Recording) -> Result<Shell<O>, String> {
    let mut shell = start_of::<O>(recording)?;
    for row in &recording.rows {
        fold_recorded(&mut shell, row)?;
    }
    Ok(shell)
}

/// The state from which a recording starts.
///
/// # Errors
/// In words: this build cannot read it, or cannot set the organisation up so.
pub(crate) fn start_of<O: Organisation>(recording: &Recording) -> Result<Shell<O>, String> {
    restored(&recording.header, &recording.snapshot)
}

/// The organisation with these rows stored.
///
/// # Errors
/// In words: this build cannot read them, or cannot set the organisation up so.
pub(crate) fn restored<O: Organisation>(header: &Header, rows: &[State]) -> Result<Shell<O>, String> {
    let mut shell = Shell::new(O::set_up(Arc::new(header.charters.clone()), &header.settings)?).without_journal();
    for state in rows {
        let row = stored::<O>(state.kind, state.body.get()).map_err(|why| format!("row `{}`: {why}", state.key))?;
        shell.restore(state.key()?, row, state.version);
    }
    Ok(shell)
}

/// Lets the three answer each other, until `afterwards_ms` after the last recorded input of all.
///
/// # Errors
/// In words: a recording does not begin at the beginning, or a core comes to what none may.
pub fn three<U, G, B>(recordings: [&Recording; 3], network: Network, afterwards_ms: i64) -> Result<Ran<U, G, B>, String>
where
    U: Organisation + Clone,
    G: Organisation + Clone,
    B: Organisation + Clone,
{
    let [union, guarantor, bank] = recordings;
    if let Some(recording) = recordings.iter().find(|recording| recording.header.after > 0) {
        let party = recording.header.party;
        return Err(format!(
            "the recording of the {party} does not begin at the beginning: messages under way are not in it"
        ));
    }
    let (mut outside, mut placed) = (BTreeMap::new(), BTreeMap::new());
    outside.insert(Party::Union, outsiders::<U>(union, &mut placed)?);
    outside.insert(Party::Guarantor, outsiders::<G>(guarantor, &mut placed)?);
    outside.insert(Party::Bank, outsiders::<B>(bank, &mut placed)?);
    let rows = || recordings.iter().flat_map(|recording| &recording.rows);
    let (first, last) = (rows().map(|row| row.at).min(), rows().map(|row| row.at).max());
    let begin = Moment::from_millis(first.unwrap_or_default());
    let until = Moment::from_millis(last.unwrap_or_default().saturating_add(afterwards_ms));
    let mut world = World::new(begin)
        .with_shell(start_of::<U>(union)?)
        .with_shell(start_of::<G>(guarantor)?)
        .with_shell(start_of::<B>(bank)?);
    if let Network::Shuffled(seed) = network {
        world.order = Order::Shuffled(seed);
    }
    let mut run = Run {
        otherwise: Vec::new(),
        crashes: 0,
        turns: BTreeMap::new(),
        seen: 0,
        network,
        placed,
        given: BTreeMap::new(),
        set_ups: BTreeMap::from([
            (Party::Union, sets_up::<U>(union)),
            (Party::Guarantor, sets_up::<G>(guarantor)),
            (Party::Bank, sets_up::<B>(bank)),
        ]),
    };
    loop {
        run.disturb(&mut world);
        // Messages and timers of this instant first; what people do then.
        let now = world.now();
        let words = |defect: simulation::Defect| defect.to_string();
        if world.turn(now, &mut |_| None).map_err(words)? {
            continue;
        }
        let moved = match choice(&world, &outside) {
            Choice::Give(party) => run.give(&mut world, party, &mut outside).map(|()| true)?,
            Choice::Wait(at) => world.turn(until, &mut |_| at.map(Act::Wait)).map_err(words)?,
        };
        if !moved {
            break;
        }
    }
    let whole = |party: Party| format!("the {party} is not in the world");
    Ok(Ran {
        union: world.shell::<U>().cloned().ok_or_else(|| whole(Party::Union))?,
        guarantor: world.shell::<G>().cloned().ok_or_else(|| whole(Party::Guarantor))?,
        bank: world.shell::<B>().cloned().ok_or_else(|| whole(Party::Bank))?,
        otherwise: run.otherwise,
        messages: world.parcels_so_far(),
        crashes: run.crashes,
    })
}

enum Choice {
    /// Somebody outside this organisation acts.
    Give(Party),
    /// Nobody acts before this moment, if ever.
    Wait(Option<Moment>),
}

/// Whose turn it is outside: of those whose time has come and whose organisation has heard what it had then the earliest. If none
/// has and nothing is under way that it could hear, the earliest of all.
fn choice(world: &World, outside: &BTreeMap<Party, VecDeque<Outside>>) -> Choice {
    let heads = || outside.iter().filter_map(|(party, queue)| Some((*party, queue.front()?)));
    let has_come = |(_, next): &(Party, &Outside)| next.at <= world.now();
    let heard = |(party, next): &(Party, &Outside)| {
        next.after.iter().all(|(kind, key, count)| world.heard(*party, kind, key) >= *count)
    };
    let first = |heads: &mut dyn Iterator<Item = (Party, &Outside)>| {
        heads.min_by_key(|(party, next)| (next.at, *party)).map(|(party, _)| Choice::Give(party))
    };
    let nothing_comes = || world.parcels.iter().all(|parcel| parcel.arrives_at.is_none());
    let ready = first(&mut heads().filter(has_come).filter(heard));
    let forced = || first(&mut heads().filter(has_come).filter(|_| nothing_comes()));
    ready
        .or_else(forced)
        .unwrap_or_else(|| Choice::Wait(heads().map(|(_, next)| next.at).filter(|at| *at > world.now()).min()))
}

struct Run {
    otherwise: Vec<String>,
    crashes: u64,
    /// Which turn each has with crashes.
    turns: BTreeMap<Party, u64>,
    /// Parcels that were disturbed so far.
    seen: u64,
    network: Network,
    /// How many acts of outsiders an organisation had seen when it heard this.
    placed: BTreeMap<Heard, usize>,
    /// How many it has seen.
    given: BTreeMap<Party, usize>,
    set_ups: BTreeMap<Party, SetsUp>,
}

impl Run {
    /// Disturbs what is under way and was not disturbed before.
    fn disturb(&mut self, world: &mut World) {
        let fresh = |seen: u64| move |parcel: &&simulation::Parcel| parcel.no > seen;
        match self.network {
            Network::Swift | Network::Shuffled(_) => {}
            Network::AsRecorded => self.hold(world),
            Network::Twice => {
                let copies: Vec<_> = world.parcels.iter().filter(fresh(self.seen)).cloned().collect();
                world.parcels.extend(copies);
            }
            Network::Late(by) => {
                let now = world.now();
                for parcel in world.parcels.iter_mut().filter(|parcel| parcel.no > self.seen) {
                    parcel.arrives_at = Some(now.plus_millis(by));
                }
            }
            Network::Crashes { first } => {
                for party in Party::ALL {
                    if world.crash_of(party).is_some() {
                        continue;
                    }
                    // What a commit had taken comes again after a crash, so whoever was killed before and after one commit is left
                    // alone for the next.
                    let turn = self.turns.entry(party).or_insert(u64::from(first));
                    match *turn % 3 {
                        0 => world.crash(party, Crash::BeforeCommit),
                        1 => world.crash(party, Crash::AfterCommit),
                        _ => {}
                    }
                    self.crashes += u64::from(*turn % 3 != 2);
                    *turn += 1;
                }
            }
        }
        self.seen = world.parcels_so_far();
    }

    /// Holds every message back that was heard only after something that people have not done yet.
    fn hold(&self, world: &mut World) {
        let now = world.now();
        let mut under_way: BTreeMap<(Party, &'static str, String), usize> = BTreeMap::new();
        let mut comes = Vec::new();
        for parcel in &world.parcels {
            let (kind, key) = (parcel.message.kind().name(), parcel.message.key());
            let count = under_way.entry((parcel.to, kind, key.clone())).or_default();
            *count += 1;
            let heard = (parcel.to, kind, key.clone(), world.heard(parcel.to, kind, &key) + *count);
            let given = self.given.get(&parcel.to).copied().unwrap_or_default();
            comes.push(self.placed.get(&heard).is_none_or(|acts| *acts <= given));
        }
        for (parcel, comes) in world.parcels.iter_mut().zip(comes) {
            parcel.arrives_at = comes.then_some(now);
        }
    }

    /// Lets somebody outside do what was done.
    fn give(
        &mut self,
        world: &mut World,
        party: Party,
        outside: &mut BTreeMap<Party, VecDeque<Outside>>,
    ) -> Result<(), String> {
        let Some(next) = outside.get_mut(&party).and_then(VecDeque::pop_front) else { return Ok(()) };
        let is_set_up = matches!(next.does, Does::SetUp(_));
        let lost = world.crash_of(party) == Some(Crash::BeforeCommit) && !is_set_up;
        let defect = |defect: simulation::Defect| defect.to_string();
        match &next.does {
            Does::SetUp(settings) => self.set_ups.get(&party).map_or(Ok(()), |set_up| set_up(world, settings))?,
            Does::Act(Act::Command { to, actor, command }) => {
                let heard = world.crash_of(party).is_none();
                let reply = world.command(*to, actor.clone(), command.clone()).map_err(defect)?;
                let refused = matches!(reply, simulation::Reply::Refused(_));
                if heard && refused != next.was_refused {
                    let how = if refused { "is refused now" } else { "was refused then" };
                    self.otherwise.push(format!("{party}, row {} at {}: {how}", next.position, next.at));
                }
            }
            Does::Act(act) => world.act(act.clone()).map_err(defect)?,
        }
        if !lost {
            *self.given.entry(party).or_default() += 1;
        }
        // Whoever gets no answer asks again; what was committed is known by its key.
        if lost && let Some(queue) = outside.get_mut(&party) {
            queue.push_front(next);
        }
        Ok(())
    }
}

/// What people and ports did, in order; and when each message was heard between that.
fn outsiders<O: Organisation>(
    recording: &Recording,
    placed: &mut BTreeMap<Heard, usize>,
) -> Result<VecDeque<Outside>, String> {
    let mut heard: BTreeMap<(&'static str, String), usize> = BTreeMap::new();
    let (mut numbers, mut since) = (BTreeSet::new(), Vec::new());
    let mut found = VecDeque::new();
    for row in &recording.rows {
        let does = match feed::<O>(recording, row) {
            Fed::Input(Input::Message(received)) => {
                // A parked one that was retried stands there twice.
                if numbers.insert((received.from, received.seq)) {
                    let (kind, key) = (received.message.kind().name(), received.message.key());
                    let count = heard.entry((kind, key.clone())).or_default();
                    *count += 1;
                    placed.insert((O::PARTY, kind, key.clone(), *count), found.len());
                    since.push((kind, key, *count));
                }
                continue;
            }
            Fed::Input(Input::Command { actor, command }) => Does::Act(Act::command(O::PARTY, actor, &command)),
            Fed::Input(Input::Port { application_id, answer }) => {
                Does::Act(Act::Port { to: O::PARTY, application_id, answer })
            }
            Fed::Input(Input::SetBack) => return Err(was_set_back(row)),
            Fed::Unreadable(why) => return Err(format!("row {}: {why}", row.position)),
            Fed::SetUp(settings) => Does::SetUp(settings),
            Fed::Input(Input::Due(_) | Input::Follow(_)) | Fed::Nothing => continue,
        };
        let (at, was_refused) = (Moment::from_millis(row.at), refused_as(row).is_some());
        found.push_back(Outside { does, at, after: std::mem::take(&mut since), position: row.position, was_refused });
    }
    Ok(found)
}

fn was_set_back(row: &Row) -> String {
    format!("row {}: the database was set back there, which the three alone cannot play", row.position)
}

/// Where two states differ. `moments`: points of time count too; else only what happened, not when to the millisecond.
///
/// # Errors
/// In words: a row does not write as JSON.
pub fn states_that_differ<O: Organisation>(
    then: &Shell<O>,
    now: &Shell<O>,
    moments: bool,
) -> Result<Vec<Change>, String> {
    let body = |shell: &Shell<O>, key: &Key| -> Result<Value, String> {
        let Some(stored) = shell.stored().get(key) else { return Ok(Value::Null) };
        let value: Value = serde_json::from_str(&simulation::body(&stored.row)?).map_err(|error| error.to_string())?;
        Ok(if moments { value } else { without_moments(value) })
    };
    let keys: BTreeSet<&Key> = then.stored().keys().chain(now.stored().keys()).collect();
    let mut found = Vec::new();
    for key in keys {
        found.extend(diff::changes(&key.to_string(), &body(then, key)?, &body(now, key)?));
    }
    Ok(found)
}

/// Whether a number is a point of time: Unix milliseconds of this century. No sum of the programme is as large.
pub(crate) fn is_moment(number: i64) -> bool {
    (946_684_800_000..4_102_444_800_000).contains(&number)
}

fn without_moments(value: Value) -> Value {
    match value {
        Value::Number(number) if number.as_i64().is_some_and(is_moment) => Value::Null,
        Value::Array(values) => values.into_iter().map(without_moments).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, without_moments(value))).collect(),
        value => value,
    }
}
