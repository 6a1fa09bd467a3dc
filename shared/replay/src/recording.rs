//! What a recording is: JSON Lines, a header first, then the rows of the state that it starts from, then the journal's rows,
//! each behind the frames that it speaks of, and an end, without which it is not whole.
//!
//! Reading one checks all that can be checked: the snapshot's hash, every link of the journal, every frame's signature under
//! the keys that the header names, and that nothing is missing at the end.

use channel::{KeyChange, Limits, Opened, PublicKey, Rings, open};
use contracts::{Kind as MessageKind, wire::type_name};
use domain::{Charters, Party};
use ledger::{AccountCode, TransferId};
use organisation::{Key, Settings, StatesHash};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// The version of the format that this build writes and reads.
pub const FORMAT: u32 = 1;

/// A line of a recording.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// The first line.
    Header(Box<Header>),
    /// A row of the state from which it starts.
    State(State),
    /// A stored frame.
    Frame(Frame),
    /// A row of the journal.
    Row(Box<Row>),
    /// The last line.
    End(End),
}

/// What a recording is of, and what deciding its inputs again needs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Header {
    /// Version of the format.
    pub format: u32,
    /// Whose it is.
    pub party: Party,
    /// The programme.
    pub programme: String,
    /// The environment; with the programme and the first keys it makes every channel's first hash.
    pub environment: String,
    /// Version of the build that made it.
    pub build: String,
    /// Which build that was exactly, if its program has an id.
    pub build_id: Option<String>,
    /// What the organisation was set up with where it starts.
    pub settings: Settings,
    /// The charters that it began with; later ones are rows.
    pub charters: Charters,
    /// The first keys of all three.
    pub first_keys: BTreeMap<Party, PublicKey>,
    /// Every change of key on its channels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key_changes: Vec<KeyChanged>,
    /// The message types, with their versions, that the build writes.
    pub messages: Vec<String>,
    /// Position of the journal's row before the first one.
    pub after: u64,
    /// That row's hash, hex.
    pub link: String,
    /// The state from which it starts.
    pub snapshot: Snapshot,
    /// Whether names and personal data are replaced.
    pub pseudonyms: bool,
}

/// A change of key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeyChanged {
    /// The other end of the channel.
    pub partner: Party,
    /// Whose key.
    pub signer: Party,
    /// From which number on.
    pub from_seq: u64,
    /// The statement that both keys signed.
    pub statement: KeyChange,
}

/// The state from which a recording starts: how many rows, and their hash, hex.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Rows.
    pub rows: usize,
    /// SHA-256 over keys and bodies.
    pub sha256: String,
}

/// What kind of row a key names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One of the organisation's own.
    Own,
    /// An account of its ledger.
    Account,
    /// A transfer of its ledger.
    Transfer,
}

/// A row of the state.
#[derive(Debug, Serialize, Deserialize)]
pub struct State {
    /// What kind of row.
    pub kind: Kind,
    /// Its key.
    pub key: String,
    /// How often it was changed.
    pub version: u64,
    /// Its body, as it is stored.
    pub body: Box<RawValue>,
}

impl State {
    /// A row's line.
    ///
    /// # Errors
    /// The body is no JSON.
    pub fn new(key: &Key, version: u64, body: String) -> Result<Self, serde_json::Error> {
        let (kind, key) = match key {
            Key::Row(key) => (Kind::Own, key.clone()),
            Key::Account(code) => (Kind::Account, code.to_string()),
            Key::Transfer(id) => (Kind::Transfer, id.to_string()),
        };
        Ok(State { kind, key, version, body: RawValue::from_string(body)? })
    }

    /// Its key.
    ///
    /// # Errors
    /// It is no key of its kind.
    pub fn key(&self) -> Result<Key, String> {
        Ok(match self.kind {
            Kind::Own => Key::Row(self.key.clone()),
            Kind::Account => Key::Account(AccountCode::parse(&self.key).map_err(|error| error.to_string())?),
            Kind::Transfer => Key::Transfer(TransferId::new(self.key.clone())),
        })
    }
}

/// A frame as it was signed.
#[derive(Debug, Serialize, Deserialize)]
pub struct Frame {
    /// Who signed it.
    pub from: Party,
    /// For whom.
    pub to: Party,
    /// Number of its first message.
    pub first: u64,
    /// Number of its last message.
    pub last: u64,
    /// Preamble and signature, hex.
    pub head: String,
    /// The messages: exactly the bytes that the signature covers.
    pub body: Box<RawValue>,
    /// Where names are replaced: the id of the key whose signature was found to hold before that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_key: Option<String>,
}

/// The line of a stored frame; none if its body is no JSON, which no channel of ours sends.
pub fn line_of_frame(frame: &Opened) -> Option<Frame> {
    let preamble = frame.preamble();
    let body = frame.messages().map(|(_, message, _)| message.len() + 1).sum::<usize>() + 1;
    let (head, body) = frame.bytes().split_at_checked(frame.bytes().len().checked_sub(body)?)?;
    let body = RawValue::from_string(String::from_utf8(body.to_vec()).ok()?).ok()?;
    let (from, to) = (preamble.header.from, preamble.header.to);
    let (first, last) = (preamble.first(), preamble.last());
    Some(Frame { from, to, first, last, head: hex::encode(head), body, original_key: None })
}

/// A row of the journal, and how it left the rows that it changed.
#[derive(Debug, Serialize, Deserialize)]
pub struct Row {
    /// Its position.
    pub position: u64,
    /// Business time, Unix ms.
    pub at: i64,
    /// The application that it concerns.
    pub application_id: Option<String>,
    /// `message`, `command`, `due`, `follow`, `port`, `refused`, `started` …
    pub kind: String,
    /// Who.
    pub source: String,
    /// The input.
    pub input: Box<RawValue>,
    /// What was recorded.
    pub recorded: Box<RawValue>,
    /// Why it was refused, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Box<RawValue>>,
    /// Messages said, as `partner:number`, blank between.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sent: String,
    /// On the last row of a commit: the hash of all rows that it changed, hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub states: Option<String>,
    /// Its hash, hex.
    pub link: String,
    /// What the shell keeps beside each of the organisation's own rows that it changed: state, deadline, tasks, incidents.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kept: BTreeMap<String, serde_json::Value>,
}

impl Row {
    /// Its hash behind the row with that one, as the journal has it.
    pub(crate) fn linked(&self, before: &[u8; 32]) -> Result<[u8; 32], String> {
        let states = self.states.as_deref().map(bytes).transpose()?;
        let refusal = self.refusal.as_ref().map_or("", |refusal| refusal.get());
        let application = self.application_id.as_deref().unwrap_or_default();
        let texts = [application, &self.kind, &self.source, self.input.get(), self.recorded.get(), refusal, &self.sent];
        Ok(organisation::journal_link(before, self.position, self.at, texts, states.as_ref()))
    }
}

/// The end of a recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Position of the last row.
    pub position: u64,
    /// Hash of all rows of the state, hex, as the build that recorded makes them of what was recorded.
    pub states: String,
    /// Commits whose rows that build does not make as they were written: by a build before it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub commits_that_differ: usize,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
const fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// A recording that is whole.
#[derive(Debug)]
pub struct Recording {
    /// What it is of.
    pub header: Header,
    /// The rows from which it starts.
    pub snapshot: Vec<State>,
    /// The journal.
    pub rows: Vec<Row>,
    /// By sender, receiver and number: every message of its frames.
    pub messages: BTreeMap<(Party, Party), BTreeMap<u64, Vec<u8>>>,
    /// Its frames, each with the place of the row that it stands before.
    pub frames: Vec<(usize, Opened)>,
    /// Where it ends.
    pub end: End,
}

/// A recording that is none, with the line where that shows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct Wrong {
    /// From 1.
    pub line: usize,
    /// What is wrong.
    pub why: String,
}

impl Recording {
    /// Reads a recording, and checks that it is whole and as it was signed.
    ///
    /// # Errors
    /// The first line that is wrong.
    pub fn parse(text: &str) -> Result<Self, Wrong> {
        let mut reading: Option<Reading> = None;
        let mut line_no = 0;
        for text in text.lines() {
            line_no += 1;
            let wrong = |why: String| Wrong { line: line_no, why };
            let line: Line =
                serde_json::from_str(text).map_err(|error| wrong(format!("no line of a recording: {error}")))?;
            match (&mut reading, line) {
                (None, Line::Header(header)) => reading = Some(Reading::new(*header).map_err(wrong)?),
                (None, _) => return Err(wrong("a recording begins with its header".into())),
                (Some(_), Line::Header(_)) => return Err(wrong("a second header".into())),
                (Some(reading), line) => reading.take(line).map_err(wrong)?,
            }
        }
        let wrong = |why: &str| Wrong { line: line_no, why: why.to_owned() };
        let reading = reading.ok_or_else(|| wrong("it is empty"))?;
        let end = reading.end.ok_or_else(|| wrong("it is cut off: its end is missing"))?;
        let Reading { header, snapshot, rows, messages, frames, .. } = reading;
        Ok(Recording { header, snapshot, rows, messages, frames, end })
    }

    /// The bytes of a message.
    pub fn message(&self, from: Party, to: Party, seq: u64) -> Option<&[u8]> {
        self.messages.get(&(from, to))?.get(&seq).map(Vec::as_slice)
    }
}

/// A recording under way.
struct Reading {
    header: Header,
    channels: BTreeMap<Party, Rings>,
    snapshot: Vec<State>,
    snapshot_hash: Option<StatesHash>,
    rows: Vec<Row>,
    link: [u8; 32],
    position: u64,
    messages: BTreeMap<(Party, Party), BTreeMap<u64, Vec<u8>>>,
    frames: Vec<(usize, Opened)>,
    end: Option<End>,
}

impl Reading {
    fn new(header: Header) -> Result<Self, String> {
        if header.format != FORMAT {
            return Err(format!("format {} is not known to this build, which reads {FORMAT}", header.format));
        }
        let key = |party: Party| header.first_keys.get(&party).copied().ok_or(format!("it has no key of the {party}"));
        let us = header.party;
        let mut channels = BTreeMap::new();
        for partner in Party::ALL.into_iter().filter(|partner| *partner != us) {
            let names = (header.programme.as_str(), header.environment.as_str());
            let mut rings = Rings::new(names, (us, key(us)?), (partner, key(partner)?));
            for change in header.key_changes.iter().filter(|change| change.partner == partner) {
                let applied = rings.apply(&change.statement, change.signer, change.from_seq);
                applied.map_err(|refusal| format!("a change of key: {refusal}"))?;
            }
            channels.insert(partner, rings);
        }
        let (link, position) = (bytes(&header.link)?, header.after);
        Ok(Reading {
            header,
            channels,
            snapshot: Vec::new(),
            snapshot_hash: Some(StatesHash::default()),
            rows: Vec::new(),
            link,
            position,
            messages: BTreeMap::new(),
            frames: Vec::new(),
            end: None,
        })
    }

    fn take(&mut self, line: Line) -> Result<(), String> {
        if self.end.is_some() {
            return Err("something behind its end".into());
        }
        match line {
            Line::Header(_) => Ok(()),
            Line::State(state) => match &mut self.snapshot_hash {
                Some(hash) => {
                    hash.row(&state.key()?, state.body.get());
                    self.snapshot.push(state);
                    Ok(())
                }
                None => Err("a row of the snapshot behind the first row of the journal".into()),
            },
            Line::Frame(frame) => self.snapshot_is_whole().and_then(|()| self.frame(&frame)),
            Line::Row(row) => self.snapshot_is_whole().and_then(|()| self.row(*row)),
            Line::End(end) => {
                self.snapshot_is_whole()?;
                if end.position != self.position {
                    return Err(format!("it ends at row {}, but the last one here is {}", end.position, self.position));
                }
                self.end = Some(end);
                Ok(())
            }
        }
    }

    fn snapshot_is_whole(&mut self) -> Result<(), String> {
        let Some(hash) = self.snapshot_hash.take() else { return Ok(()) };
        let found = Snapshot { rows: self.snapshot.len(), sha256: hex::encode(hash.finish()) };
        if found == self.header.snapshot {
            Ok(())
        } else {
            Err("the snapshot is not the one that its header names".into())
        }
    }

    fn frame(&mut self, frame: &Frame) -> Result<(), String> {
        let us = self.header.party;
        let partner = if frame.from == us { frame.to } else { frame.from };
        let rings = self.channels.get(&partner).filter(|_| us == frame.from || us == frame.to);
        let rings = rings.ok_or_else(|| format!("a frame from {} to {}", frame.from, frame.to))?;
        let ring = if frame.from == us { &rings.own } else { &rings.theirs };
        let head = hex::decode(&frame.head).map_err(|error| format!("a frame's head: {error}"))?;
        let bytes = [head.as_slice(), frame.body.get().as_bytes()].concat();
        let opened = open(&bytes, &Limits::RECEIVE, ring, frame.from, frame.to);
        let opened = opened.map_err(|refusal| format!("frame {} of the {}: {refusal}", frame.first, frame.from))?;
        let messages = self.messages.entry((frame.from, frame.to)).or_default();
        messages.extend(opened.messages().map(|(seq, message, _)| (seq, message.to_vec())));
        self.frames.push((self.rows.len(), opened));
        Ok(())
    }

    fn row(&mut self, row: Row) -> Result<(), String> {
        if row.position != self.position + 1 {
            return Err(format!("row {} behind row {}", row.position, self.position));
        }
        let link = row.linked(&self.link)?;
        if hex::encode(link) != row.link {
            return Err(format!("row {}: its hash is not that of its content and the row before it", row.position));
        }
        self.link = link;
        self.position = row.position;
        self.rows.push(row);
        Ok(())
    }
}

fn bytes(text: &str) -> Result<[u8; 32], String> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).map_err(|error| format!("a hash: {error}"))?;
    Ok(bytes)
}

/// Every message type, with its version, that this build writes.
pub fn messages_of_this_build() -> Vec<String> {
    MessageKind::ALL.iter().map(|kind| type_name(*kind)).collect()
}
