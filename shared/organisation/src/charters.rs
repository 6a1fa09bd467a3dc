//! Charters that came after those the programme was set up with: brought forward by one, accepted by all three (DESIGN.md, idea 6).
//!
//! An organisation answers by two persons of its own, one who wants it and another who confirms, and says so to both others,
//! signed. Its answer is for good: another may have built on it. A charter binds once all three have accepted it, from its
//! first day on; an organisation takes part in what is pinned to it once it has accepted it itself. It refuses a charter that does
//! not hold together, is of another programme, bears a version that is taken, or would begin today or before.

use crate::{Actor, Answer, Desk, Did, Input, Key, NotLoaded, Organisation, Refusal, RefusalKind, Row, Rows, Stop};
use contracts::{CharterAnswer, CharterAnswered};
use domain::{Charter, CharterError, CharterHash, Charters, Date, Moment, Party};
use saga::Person;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Answers for its organisation, together with another one.
pub const SIGNATORY: &str = "charter_signatory";

/// Charters that may wait for an answer at once; one more has to wait until one of them is settled.
pub const MOST_OPEN: usize = 20;

/// A row about charters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// `charters/all`: which there are.
    Book(Book),
    /// `charter/<hash>`: one of them.
    Version(Box<Version>),
}

/// Which charters there are, beside those of the beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Book {
    /// In the order in which they came.
    pub entries: Vec<Entry>,
}

/// A charter, as far as it takes to find the one that is in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its hash.
    pub hash: CharterHash,
    /// Its version.
    pub version: u32,
    /// The first day on which it can be filed under.
    pub effective_from: Date,
    /// Where it stands.
    pub standing: Standing,
    /// Whether this organisation has accepted it.
    pub ours: bool,
}

/// Where a charter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Standing {
    /// Not all three have answered.
    Proposed,
    /// All three have accepted it.
    Accepted,
    /// One has declined it: it never binds.
    Declined,
}

/// A charter and what was said of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// The rules.
    pub charter: Arc<Charter>,
    /// What each organisation has answered.
    pub answers: BTreeMap<Party, Given>,
    /// What one person here wants to answer, and another one has not yet confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prepared: Option<Prepared>,
}

/// An organisation's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// The answer.
    pub answer: CharterAnswer,
    /// When it was given here, or came.
    pub at: Moment,
    /// By whom; known of this organisation alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<Person>,
}

/// What one person wants to answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prepared {
    /// The answer.
    pub answer: CharterAnswer,
    /// Who.
    pub by: Person,
    /// Why.
    pub because: String,
    /// When.
    pub at: Moment,
}

impl Version {
    /// Where it stands.
    pub fn standing(&self) -> Standing {
        let is_declined = |given: &Given| matches!(given.answer, CharterAnswer::Declined { .. });
        if self.answers.values().any(is_declined) {
            Standing::Declined
        } else if self.answers.len() == Party::ALL.len() {
            Standing::Accepted
        } else {
            Standing::Proposed
        }
    }

    /// Whether this organisation has accepted it.
    pub fn is_accepted_by(&self, party: Party) -> bool {
        self.answers.get(&party).is_some_and(|given| given.answer == CharterAnswer::Accepted {})
    }
}

/// What a person may do about a charter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Motion {
    /// Answer one, with its text if nobody has brought it forward yet.
    Answer {
        /// Its hash.
        hash: CharterHash,
        /// Its text; none: it is here.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        charter: Option<Box<Charter>>,
        /// The answer.
        answer: CharterAnswer,
        /// Why.
        because: String,
    },
    /// Take back what one person wants to answer, be it one's own or not.
    Drop {
        /// The charter.
        hash: CharterHash,
        /// Why.
        because: String,
    },
}

/// What is recorded of charters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// A charter was brought forward.
    Known {
        /// The rules.
        charter: Arc<Charter>,
        /// Their hash.
        hash: CharterHash,
    },
    /// One person wants to answer.
    Prepared {
        /// The charter.
        hash: CharterHash,
        /// What.
        prepared: Prepared,
    },
    /// That is taken back.
    Dropped {
        /// The charter.
        hash: CharterHash,
        /// By whom.
        by: Person,
        /// Why.
        because: String,
    },
    /// An organisation has answered.
    Answered {
        /// The charter.
        hash: CharterHash,
        /// Which organisation.
        party: Party,
        /// What.
        given: Given,
    },
}

impl Fact {
    const fn hash(&self) -> &CharterHash {
        match self {
            Fact::Known { hash, .. }
            | Fact::Prepared { hash, .. }
            | Fact::Dropped { hash, .. }
            | Fact::Answered { hash, .. } => hash,
        }
    }
}

/// An organisation that keeps charters.
pub trait KeepsCharters: Organisation {
    /// Those that it was set up with.
    fn founding(&self) -> &Charters;
    /// The row for what is kept.
    fn kept(kept: Kept) -> Self::Row;
    /// The organisation's fact of what is common to all.
    fn charter_fact(fact: Fact) -> Self::Fact;
}

/// Key of the list.
pub fn book_key() -> Key {
    Key::row("charters", "all")
}

/// Key of one charter.
pub fn key(hash: &CharterHash) -> Key {
    Key::row("charter", hash.to_hex())
}

/// The rows that a motion or a message about a charter will read.
pub fn keys(hash: &CharterHash) -> [Key; 2] {
    [book_key(), key(hash)]
}

/// The charter that an input is about, if it is about one.
pub fn subject<'i, C>(
    input: &'i Input<C>,
    of_command: impl FnOnce(&'i C) -> Option<&'i Motion>,
) -> Option<&'i CharterHash> {
    match input {
        Input::Message(received) => received.message.charter().map(|said| &said.charter_hash),
        Input::Command { command, .. } => of_command(command).map(|motion| match motion {
            Motion::Answer { hash, .. } | Motion::Drop { hash, .. } => hash,
        }),
        _ => None,
    }
}

/// The row that holds a charter to which something is pinned, unless it is one of the beginning.
pub fn pinned(founding: &Charters, hash: &CharterHash) -> Option<Key> {
    founding.get(hash).is_none().then(|| key(hash))
}

/// The charter with that hash, if this organisation has accepted it.
pub fn accepted<O: KeepsCharters>(
    organisation: &O,
    desk: &Desk<O>,
    hash: &CharterHash,
) -> Result<Option<Arc<Charter>>, NotLoaded> {
    if let Some(charter) = organisation.founding().get(hash) {
        return Ok(Some(charter));
    }
    let version = version(desk, hash)?.filter(|version| version.is_accepted_by(O::PARTY));
    Ok(version.map(|version| Arc::clone(&version.charter)))
}

/// The charter that an application filed on that day falls under: of those that all three have accepted the latest one effective, of
/// several from one day the highest version.
pub fn in_force<O: KeepsCharters>(
    organisation: &O,
    desk: &Desk<O>,
    day: Date,
) -> Result<Option<(CharterHash, Arc<Charter>)>, NotLoaded> {
    let Some(hash) = hash_in_force(organisation.founding(), &book(desk)?, day) else { return Ok(None) };
    Ok(accepted(organisation, desk, &hash)?.map(|charter| (hash, charter)))
}

/// Which charter is in force on a day, of those of the beginning and those that came after.
pub fn hash_in_force(founding: &Charters, book: &Book, day: Date) -> Option<CharterHash> {
    let first = founding.hash_in_force_on(day).zip(founding.in_force_on(day));
    let first = first.map(|(hash, charter)| (charter.effective_from, charter.version, hash));
    let later = book.entries.iter().filter(|entry| entry.standing == Standing::Accepted && entry.effective_from <= day);
    let later = later.map(|entry| (entry.effective_from, entry.version, entry.hash));
    first.into_iter().chain(later).max().map(|(_, _, hash)| hash)
}

fn version<'d, O: KeepsCharters>(desk: &'d Desk<O>, hash: &CharterHash) -> Result<Option<&'d Version>, NotLoaded> {
    Ok(desk.own(&key(hash))?.and_then(O::kept_charter).and_then(|kept| match kept {
        Kept::Version(version) => Some(&**version),
        Kept::Book(_) => None,
    }))
}

fn book<O: KeepsCharters>(desk: &Desk<O>) -> Result<Book, NotLoaded> {
    Ok(desk.own(&book_key())?.and_then(O::kept_charter).and_then(book_of).cloned().unwrap_or_default())
}

/// The list, if this is it.
pub const fn book_of(kept: &Kept) -> Option<&Book> {
    if let Kept::Book(book) = kept { Some(book) } else { None }
}

/// A person wants something about a charter. The first who wants an answer brings it forward; another one who wants the same gives it.
///
/// # Errors
/// In this order: no reason; no such charter, its text not here, another text than the hash says; it does not hold together, is of
/// another programme, bears a version that is taken, begins too early, or too many wait; already answered; another answer is
/// wanted; the same person.
pub fn moved<O: KeepsCharters>(
    organisation: &O,
    desk: &mut Desk<O>,
    actor: &Actor,
    motion: &Motion,
) -> Result<(), Stop> {
    match motion {
        Motion::Answer { hash, charter, answer, because } => {
            crate::participant::must_say_why(because)?;
            let charter = charter.as_ref().map(|charter| Arc::new((**charter).clone()));
            if version(desk, hash)?.is_none() && open(desk)? >= MOST_OPEN {
                let detail = format!("已有 {MOST_OPEN} 份章程等待答复，请先答复其中一份。");
                return Err(conflict("TOO_MANY_CHARTERS", "待答复的章程过多", &detail));
            }
            bring(organisation, desk, hash, charter)?;
            answer_together(organisation, desk, actor, hash, answer, because)
        }
        Motion::Drop { hash, because } => {
            crate::participant::must_say_why(because)?;
            let Some(version) = version(desk, hash)? else { return Err(not_here()) };
            if version.prepared.is_none() {
                return Err(conflict("NO_PROPOSAL", "没有待确认的提议", "没有可撤回的提议。"));
            }
            let (by, because) = (actor.person.clone(), because.clone());
            record(desk, Fact::Dropped { hash: *hash, by, because })?;
            respond(desk, hash, Did::Changed)
        }
    }
}

/// How many wait for an answer.
fn open<O: KeepsCharters>(desk: &Desk<O>) -> Result<usize, NotLoaded> {
    Ok(book(desk)?.entries.iter().filter(|entry| entry.standing == Standing::Proposed).count())
}

/// Makes the charter known here, if it is not.
fn bring<O: KeepsCharters>(
    organisation: &O,
    desk: &mut Desk<O>,
    hash: &CharterHash,
    charter: Option<Arc<Charter>>,
) -> Result<(), Stop> {
    if version(desk, hash)?.is_some() {
        return Ok(());
    }
    let Some(charter) = charter else { return Err(not_here()) };
    if charter.hash() != *hash {
        return Err(invalid("CHARTER_HASH", "章程与其哈希不符", "章程内容与所给哈希不符。"));
    }
    if organisation.founding().get(hash).is_some() {
        return Err(conflict("CHARTER_IN_USE", "章程已在使用", "此章程为项目启用时的章程，无需再次接受。"));
    }
    must_fit(organisation, &charter)?;
    record(desk, Fact::Known { charter, hash: *hash })
}

/// What every charter has to be, whoever brings it.
fn must_fit<O: KeepsCharters>(organisation: &O, charter: &Charter) -> Result<(), Stop> {
    if let Err(error) = charter.validate() {
        return Err(invalid("CHARTER_INVALID", "章程内容有误", &flaws(&error)));
    }
    let is_ours = organisation.founding().iter().all(|(_, founding)| founding.programme == charter.programme);
    if !is_ours {
        let detail = format!("章程属于另一项目“{}”。", charter.programme);
        return Err(invalid("OTHER_PROGRAMME", "不是本项目的章程", &detail));
    }
    Ok(())
}

fn flaws(error: &CharterError) -> String {
    match error {
        CharterError::Invalid(flaws) => flaws.iter().map(ToString::to_string).collect::<Vec<_>>().join("；"),
        other => other.to_string(),
    }
}

fn answer_together<O: KeepsCharters>(
    organisation: &O,
    desk: &mut Desk<O>,
    actor: &Actor,
    hash: &CharterHash,
    answer: &CharterAnswer,
    because: &str,
) -> Result<(), Stop> {
    let Some(version) = version(desk, hash)?.cloned() else { return Err(not_here()) };
    if version.answers.contains_key(&O::PARTY) {
        return Err(conflict("CHARTER_ANSWERED", "已经答复", "本机构对此章程的答复已作出，不能更改。"));
    }
    match version.standing() {
        Standing::Declined => {
            return Err(conflict("CHARTER_DECLINED", "章程已被拒绝", "已有机构拒绝此章程，它不会生效。"));
        }
        Standing::Proposed | Standing::Accepted => {}
    }
    if *answer == (CharterAnswer::Accepted {}) {
        may_be_accepted(organisation, desk, hash, &version.charter)?;
    }
    let Some(prepared) = version.prepared else {
        let (by, because, at) = (actor.person.clone(), because.to_owned(), desk.at());
        let prepared = Prepared { answer: answer.clone(), by, because, at };
        record(desk, Fact::Prepared { hash: *hash, prepared })?;
        return respond(desk, hash, Did::Proposed);
    };
    if !is_the_same(&prepared.answer, answer) {
        let detail = "另一种答复尚待确认；请先确认或撤回它。";
        return Err(conflict("PROPOSAL_OPEN", "已有待确认的提议", detail));
    }
    if prepared.by.is_also(&actor.person) {
        return Err(conflict("FOUR_EYES", "须由另一人确认", "提议人不能自己确认，请由另一人以相同答复确认。"));
    }
    let given = Given { answer: prepared.answer, at: desk.at(), by: vec![prepared.by, actor.person.clone()] };
    let said = CharterAnswered {
        charter_hash: *hash,
        charter: Box::new(Charter::clone(&version.charter)),
        answer: given.answer.clone(),
    };
    record(desk, Fact::Answered { hash: *hash, party: O::PARTY, given })?;
    for partner in Party::ALL.into_iter().filter(|party| *party != O::PARTY) {
        if let Some(message) = said.clone().said(O::PARTY, partner) {
            desk.say(message);
        }
    }
    respond(desk, hash, Did::Changed)
}

/// Two who decline for different reasons want the same; the partners hear the first one's.
const fn is_the_same(one: &CharterAnswer, other: &CharterAnswer) -> bool {
    matches!(
        (one, other),
        (CharterAnswer::Accepted {}, CharterAnswer::Accepted {})
            | (CharterAnswer::Declined { .. }, CharterAnswer::Declined { .. })
    )
}

/// Whether this organisation may accept it: its first day lies ahead, and it has accepted no other one of that version or a later.
fn may_be_accepted<O: KeepsCharters>(
    organisation: &O,
    desk: &Desk<O>,
    hash: &CharterHash,
    charter: &Charter,
) -> Result<(), Stop> {
    let today = desk.at().date();
    if charter.effective_from <= today {
        let detail = format!("章程自 {} 起生效；须在生效日之前接受（今天是 {today}）。", charter.effective_from);
        return Err(conflict("CHARTER_TOO_LATE", "已过接受期限", &detail));
    }
    let founding = organisation.founding().iter().map(|(_, founding)| founding.version).max().unwrap_or_default();
    let ours = book(desk)?.entries.into_iter().filter(|entry| entry.ours && entry.hash != *hash);
    let last = ours.map(|entry| entry.version).chain([founding]).max().unwrap_or_default();
    if charter.version <= last {
        let detail =
            format!("本机构已接受第 {last} 版；新的章程须用更高的版本号，而此章程为第 {} 版。", charter.version);
        return Err(conflict("VERSION_TAKEN", "版本号已被使用", &detail));
    }
    Ok(())
}

/// A partner has answered a charter.
///
/// # Errors
/// A refusal, which is journaled, if the charter is none that could be accepted here. [`Stop::Illegal`], if the partner takes back what
/// it said before, or more wait than may.
pub fn heard<O: KeepsCharters>(
    organisation: &O,
    desk: &mut Desk<O>,
    from: Party,
    said: &CharterAnswered,
) -> Result<(), Stop> {
    let hash = said.charter_hash;
    if version(desk, &hash)?.is_none() && open(desk)? >= MOST_OPEN {
        // Not turned away: the answer is for good and is not said again.
        return Err(Stop::Illegal(format!(
            "{MOST_OPEN} charters wait for an answer already, and the {from} brings one more"
        )));
    }
    bring(organisation, desk, &hash, Some(Arc::new((*said.charter).clone())))?;
    let Some(version) = version(desk, &hash)? else { return Err(not_here()) };
    match version.answers.get(&from) {
        Some(before) if before.answer == said.answer => return Ok(()),
        Some(_) => {
            let why = format!("the {from} takes back its answer to charter {hash}, which is for good");
            return Err(Stop::Illegal(why));
        }
        None => {}
    }
    let given = Given { answer: said.answer.clone(), at: desk.at(), by: Vec::new() };
    record(desk, Fact::Answered { hash, party: from, given })
}

/// Applies one fact.
pub fn apply<O: KeepsCharters>(rows: &mut Rows<O::Row>, fact: &Fact) -> Result<(), NotLoaded> {
    let hash = fact.hash();
    let stored = rows.own(&key(hash))?.and_then(O::kept_charter).and_then(|kept| match kept {
        Kept::Version(version) => Some((**version).clone()),
        Kept::Book(_) => None,
    });
    let changed = match (fact, stored) {
        (Fact::Known { charter, .. }, None) => {
            Some(Version { charter: Arc::clone(charter), answers: BTreeMap::new(), prepared: None })
        }
        (Fact::Known { .. }, stored) => stored,
        (Fact::Prepared { prepared, .. }, Some(version)) => {
            Some(Version { prepared: Some(prepared.clone()), ..version })
        }
        (Fact::Dropped { .. }, Some(version)) => Some(Version { prepared: None, ..version }),
        (Fact::Answered { party, given, .. }, Some(mut version)) => {
            version.answers.insert(*party, given.clone());
            if *party == O::PARTY {
                version.prepared = None;
            }
            Some(version)
        }
        // Facts are recorded of charters that are known.
        (_, None) => None,
    };
    let Some(version) = changed else { return Ok(()) };
    let mut book = rows.own(&book_key())?.and_then(O::kept_charter).and_then(book_of).cloned().unwrap_or_default();
    let entry = Entry {
        hash: *hash,
        version: version.charter.version,
        effective_from: version.charter.effective_from,
        standing: version.standing(),
        ours: version.is_accepted_by(O::PARTY),
    };
    match book.entries.iter_mut().find(|known| known.hash == *hash) {
        Some(known) => *known = entry,
        None => book.entries.push(entry),
    }
    rows.put(key(hash), Row::Own(O::kept(Kept::Version(Box::new(version)))))?;
    rows.put(book_key(), Row::Own(O::kept(Kept::Book(book))))
}

/// A charter and what was said of it, as people see it; its text stands beside.
pub fn shown(hash: &CharterHash, version: &Version) -> Value {
    let answers: BTreeMap<String, Value> = version
        .answers
        .iter()
        .map(|(party, given)| {
            let mut shown = json!(given.answer);
            shown["at"] = given.at.to_string().into();
            if !given.by.is_empty() {
                shown["by"] = json!(given.by);
            }
            (party.to_string(), shown)
        })
        .collect();
    let waiting: BTreeSet<String> =
        Party::ALL.iter().filter(|party| !version.answers.contains_key(party)).map(ToString::to_string).collect();
    let prepared = version.prepared.as_ref().map(|prepared| {
        let mut shown = json!(prepared.answer);
        shown["by"] = json!(prepared.by);
        shown["why"] = prepared.because.as_str().into();
        shown["at"] = prepared.at.to_string().into();
        shown
    });
    json!({
        "hash": hash,
        "version": version.charter.version,
        "effective_from": version.charter.effective_from,
        "standing": version.standing(),
        "answers": answers,
        "waiting_for": waiting,
        "proposal": prepared,
    })
}

fn respond<O: KeepsCharters>(desk: &mut Desk<O>, hash: &CharterHash, did: Did) -> Result<(), Stop> {
    let body = version(desk, hash)?.map(|version| shown(hash, version)).unwrap_or_default();
    desk.answer(Answer { shows: None, did, body });
    Ok(())
}

fn record<O: KeepsCharters>(desk: &mut Desk<O>, fact: Fact) -> Result<(), Stop> {
    Ok(desk.record(O::charter_fact(fact))?)
}

fn not_here() -> Stop {
    Refusal::new(RefusalKind::NotFound, "NO_CHARTER", "没有此章程", "没有此章程；请附上章程全文。").into()
}

fn conflict(code: &str, title: &str, detail: &str) -> Stop {
    Refusal::new(RefusalKind::Conflict, code, title, detail).into()
}

fn invalid(code: &str, title: &str, detail: &str) -> Stop {
    Refusal::new(RefusalKind::Invalid, code, title, detail).into()
}
