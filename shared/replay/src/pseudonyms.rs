//! A recording that may leave its organisation: names of firms, their codes and unions, persons and all free text are replaced,
//! the same by the same wherever they stand, and everything that hashes or signs them is made anew.
//!
//! Pseudonyms follow from a secret. Three organisations that use the same one get recordings that fit each other; without it
//! nobody tells from a pseudonym whose it is. Figures, days, districts and industries stay: the rules read them. Who signed a
//! frame is checked before, and stays in its line; the frame itself is signed anew, by keys that follow from the secret too.
//!
//! It refuses what it cannot do so that a strict replay still finds everything equal.

use crate::{
    recorder::fold,
    recording::{End, Frame, Header, Line, Recording, Row, Snapshot, State, line_of_frame},
    three::restored,
};
use channel::{ChainHash, Head, KeyRing, Limits, Opened, Rings, SigningKey, open, seal};
use domain::{Charters, Party, Uscc};
use hmac::{Hmac, Mac};
use organisation::{Organisation, Recorded};
use serde_json::{Value, value::RawValue};
use sha2::Sha256;
use std::collections::BTreeMap;

/// Fields that hold free text.
const FREE_TEXT: &[&str] =
    &["because", "reason", "note", "matter", "reply", "unit", "conditions", "sent_back", "purpose"];
/// Those of them that hold a code of a closed list elsewhere, such as `NO_NEED` or `give_back`.
const CODES_TOO: &[&str] = &["reason", "purpose"];
/// Fields that hold papers, sealed: what is encrypted today may be read one day.
const SEALED: &[&str] = &["sealed", "parts"];
/// Bytes of a secret at least.
const SECRET_BYTES: usize = 16;
/// Letters of a word that stands for nothing else.
const STANDS_OUT: usize = 12;
/// What a person's identity begins with.
const PERSON: &str = "person:";

/// The recording with pseudonyms, line by line.
///
/// # Errors
/// In words: the secret is too short, or something of the recording cannot be replaced.
pub fn pseudonymise<O: Organisation>(recording: &Recording, secret: &[u8]) -> Result<Vec<Line>, String> {
    if secret.len() < SECRET_BYTES {
        return Err(format!("the secret has {} bytes; it takes {SECRET_BYTES}", secret.len()));
    }
    let charters = &recording.header.charters;
    let mut names = Names { secret, charters, of: BTreeMap::new(), texts: Vec::new() };
    names.learn_all(recording)?;
    let keys = Party::ALL.map(|party| (party, SigningKey::from_seed(names.mac("signing key", party.as_str()))));
    let keys: BTreeMap<Party, SigningKey> = keys.into_iter().collect();
    let mut lines = Vec::new();
    let mut rows = Vec::new();
    for state in &recording.snapshot {
        let mut state = State {
            kind: state.kind,
            key: names.text(&state.key),
            version: state.version,
            body: names.raw(&state.body)?,
        };
        // As this build writes it, so that sets stand in their order again.
        let row = crate::compare::stored::<O>(state.kind, state.body.get())?;
        state.body = raw(simulation::body(&row)?)?;
        rows.push(state);
    }
    rows.sort_by_key(|state| state.key().ok());
    let mut shell = restored::<O>(&recording.header, &rows)?;
    let snapshot = Snapshot { rows: rows.len(), sha256: hex::encode(shell.states()?) };
    let mut link = [0; 32];
    lines.push(Line::Header(Box::new(Header {
        first_keys: keys.iter().map(|(party, key)| (*party, *key.public())).collect(),
        key_changes: Vec::new(),
        link: hex::encode(link),
        snapshot,
        pseudonyms: true,
        ..recording.header.clone()
    })));
    lines.extend(rows.into_iter().map(Line::State));
    let mut frames = Frames::new(&recording.header, keys)?;
    let mut at_frame = recording.frames.iter().peekable();
    for (at, row) in recording.rows.iter().enumerate() {
        while let Some((_, frame)) = at_frame.next_if(|(before, _)| *before <= at) {
            lines.push(Line::Frame(frames.again(frame, &names)?));
        }
        let mut row = renamed::<O>(row, &names)?;
        row.states = fold(&mut shell, &mut row)?.map(hex::encode);
        link = row.linked(&link)?;
        row.link = hex::encode(link);
        lines.push(Line::Row(Box::new(row)));
    }
    let states = hex::encode(shell.states()?);
    lines.push(Line::End(End { states, commits_that_differ: 0, ..recording.end.clone() }));
    Ok(lines)
}

/// A row with pseudonyms, its hashes still those of the original. What no core decides loses its content.
fn renamed<O: Organisation>(row: &Row, names: &Names<'_>) -> Result<Row, String> {
    let is_input = crate::compare::is_input(row) || row.kind == "started";
    let recorded: Vec<Recorded<O::Fact>> = read(names.raw(&row.recorded)?.get())?;
    Ok(Row {
        position: row.position,
        at: row.at,
        application_id: row.application_id.clone(),
        kind: row.kind.clone(),
        source: names.text(&row.source),
        input: if is_input { names.raw(&row.input)? } else { raw("{}".into())? },
        recorded: raw(serde_json::to_string(&recorded).map_err(|error| error.to_string())?)?,
        refusal: row.refusal.as_ref().map(|refusal| names.raw(refusal)).transpose()?,
        sent: row.sent.clone(),
        states: row.states.clone(),
        link: String::new(),
        kept: BTreeMap::new(),
    })
}

/// Frames that are signed anew.
struct Frames {
    keys: BTreeMap<Party, SigningKey>,
    /// By sender and receiver: where its log stands.
    heads: BTreeMap<(Party, Party), Head>,
}

impl Frames {
    fn new(header: &Header, keys: BTreeMap<Party, SigningKey>) -> Result<Self, String> {
        let us = header.party;
        let key = |party: Party| keys.get(&party).map(|key| *key.public()).ok_or("a key is missing");
        let mut heads = BTreeMap::new();
        for partner in Party::ALL.into_iter().filter(|partner| *partner != us) {
            let names = (header.programme.as_str(), header.environment.as_str());
            let first = Rings::new(names, (us, key(us)?), (partner, key(partner)?)).first_heads();
            heads.insert((us, partner), first.sent);
            heads.insert((partner, us), first.received);
        }
        Ok(Frames { keys, heads })
    }

    fn again(&mut self, frame: &Opened, names: &Names<'_>) -> Result<Frame, String> {
        let header = frame.preamble().header;
        let (from, to, first) = (header.from, header.to, frame.preamble().first());
        let wrong = |why: String| format!("frame {first} of the {from}: {why}");
        let message = |(_, bytes, _): (u64, &[u8], ChainHash)| {
            let message: Value = serde_json::from_slice(bytes)?;
            serde_json::to_vec(&names.value("", message))
        };
        let messages: Result<Vec<Vec<u8>>, _> = frame.messages().map(message).collect();
        let messages = messages.map_err(|error| wrong(error.to_string()))?;
        let head = self.heads.entry((from, to)).or_insert(header.before);
        // Frames that no row of the recording speaks of are not in it; the log goes on behind them.
        let before = Head { seq: header.before.seq, hash: head.hash };
        let receipt = Head { hash: ChainHash::from_bytes([0; 32]), ..header.receipt };
        let key = self.keys.get(&from).ok_or_else(|| wrong("there is no key for it".into()))?;
        let sealed = seal(&channel::Header { before, receipt, ..header }, &messages, key);
        let sealed = sealed.map_err(|refusal| wrong(refusal.to_string()))?;
        *head = sealed.after;
        let opened = open(&sealed.bytes, &Limits::RECEIVE, &KeyRing::new(*key.public()), from, to);
        let opened = opened.map_err(|refusal| wrong(refusal.to_string()))?;
        let line = line_of_frame(&opened).ok_or_else(|| wrong("it is no JSON".into()))?;
        Ok(Frame { original_key: Some(frame.preamble().key.to_string()), ..line })
    }
}

/// What replaces what.
struct Names<'a> {
    secret: &'a [u8],
    /// A purpose that one of them refuses stays as it is.
    charters: &'a Charters,
    of: BTreeMap<String, String>,
    /// Originals that may stand within a longer text, the longest first.
    texts: Vec<String>,
}

impl Names<'_> {
    fn learn_all(&mut self, recording: &Recording) -> Result<(), String> {
        for state in &recording.snapshot {
            self.learn("", &read(state.body.get())?)?;
        }
        for row in &recording.rows {
            self.learn("", &Value::String(row.source.clone()))?;
            self.learn("", &read(row.input.get())?)?;
            self.learn("", &read(row.recorded.get())?)?;
        }
        for (_, message, _) in recording.frames.iter().flat_map(|(_, frame)| frame.messages()) {
            let message: Value = serde_json::from_slice(message).map_err(|error| error.to_string())?;
            self.learn("", &message)?;
        }
        self.order_texts();
        // What two originals become has to be two things.
        let mut seen: BTreeMap<&String, &String> = BTreeMap::new();
        for (original, pseudonym) in &self.of {
            if seen.insert(pseudonym, original).is_some() {
                return Err("two names would become one: take another secret".into());
            }
        }
        Ok(())
    }

    /// Texts that may stand within a longer one, the longest first: names and sentences that are not ASCII.
    fn order_texts(&mut self) {
        let is_text =
            |original: &&String| !original.starts_with(PERSON) && (!original.is_ascii() || original.contains(' '));
        self.texts = self.of.keys().filter(is_text).cloned().collect();
        self.texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
    }

    /// Finds what is to be replaced in a value, by the names of its fields and the form of its texts.
    fn learn(&mut self, field: &str, value: &Value) -> Result<(), String> {
        match value {
            Value::String(text) => self.learn_text(field, text),
            Value::Array(values) => values.iter().try_for_each(|value| self.learn(field, value)),
            Value::Object(fields) => fields.iter().try_for_each(|(name, value)| self.learn(name, value)),
            _ => Ok(()),
        }
    }

    fn learn_text(&mut self, field: &str, text: &str) -> Result<(), String> {
        for person in text.split(' ').filter(|word| word.starts_with(PERSON)) {
            let name = format!("p{}", &self.digest("person", person)[..8]);
            self.of.insert(person.to_owned(), format!("{PERSON}{name}"));
            // Refusals name persons without the prefix, in Chinese sentences.
            let bare = person.trim_start_matches(PERSON);
            if !bare.is_ascii() {
                self.of.insert(bare.to_owned(), name);
            }
        }
        let pseudonym = match field {
            "enterprise_name" => format!("企业{}", &self.digest("firm", text)[..10]),
            "union_org" => format!("GH{}", &self.digest("union", text)[..8]),
            "uscc" => self.uscc(text)?,
            _ => {
                // A short word may stand elsewhere and mean another thing; it is replaced in its own field only.
                let stands_out = !text.is_ascii() || text.contains(' ') || text.len() >= STANDS_OUT;
                if let Some(pseudonym) = self.hidden(field, text).filter(|_| stands_out) {
                    self.of.entry(text.to_owned()).or_insert(pseudonym);
                }
                return Ok(());
            }
        };
        self.of.insert(text.to_owned(), pseudonym);
        Ok(())
    }

    /// What takes the place of a free text, or of a sealed paper; none if the field holds neither.
    fn hidden(&self, field: &str, text: &str) -> Option<String> {
        let is_refused = || self.charters.iter().any(|(_, charter)| !charter.purpose_allowed(text));
        if SEALED.contains(&field) {
            return Some(format!("sealed-{}", &self.digest("sealed", text)[..16]));
        }
        let is_code = CODES_TOO.contains(&field) && text.chars().all(|c| c.is_ascii_alphabetic() || c == '_');
        if text.is_empty() || is_code || (field == "purpose" && is_refused()) {
            return None;
        }
        FREE_TEXT.contains(&field).then(|| format!("文字{}", &self.digest("text", text)[..10]))
    }

    fn mac(&self, what: &str, original: &str) -> [u8; 32] {
        // A key of any length is one.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.secret) else { return [0; 32] };
        for text in ["nuan-pseudonym-1", what, original] {
            mac.update(text.as_bytes());
            mac.update(b"\n");
        }
        mac.finalize().into_bytes().into()
    }

    fn digest(&self, what: &str, original: &str) -> String {
        hex::encode(self.mac(what, original))
    }

    /// A code that is well formed, of the division 119900, which nobody has.
    fn uscc(&self, original: &str) -> Result<String, String> {
        const ALPHABET: &str = "0123456789ABCDEFGHJKLMNPQRTUWXY";
        let Ok(original) = Uscc::parse(original) else { return Ok(original.to_owned()) };
        let stem = format!("91119900{}", &self.digest("uscc", &original.to_string())[..8].to_uppercase());
        let check = ALPHABET.chars().flat_map(|a| ALPHABET.chars().map(move |b| (a, b)));
        let found = check.into_iter().find_map(|(a, b)| Uscc::parse(&format!("{stem}{a}{b}")).ok());
        found.map(|uscc| uscc.to_string()).ok_or_else(|| format!("no code begins with {stem}"))
    }

    fn raw(&self, text: &RawValue) -> Result<Box<RawValue>, String> {
        raw(serde_json::to_string(&self.value("", read(text.get())?)).map_err(|error| error.to_string())?)
    }

    fn value(&self, field: &str, value: Value) -> Value {
        match value {
            Value::String(text) => {
                let hidden = || self.hidden(field, &text);
                Value::String(self.of.get(&text).cloned().or_else(hidden).unwrap_or_else(|| self.text(&text)))
            }
            Value::Array(values) => values.into_iter().map(|value| self.value(field, value)).collect(),
            Value::Object(fields) => {
                let renamed = |(name, value): (String, Value)| (self.text(&name), self.value(&name, value));
                fields.into_iter().map(renamed).collect()
            }
            value => value,
        }
    }

    fn text(&self, text: &str) -> String {
        if let Some(pseudonym) = self.of.get(text) {
            return pseudonym.clone();
        }
        let mut text = text.to_owned();
        if !text.is_ascii() {
            for (original, pseudonym) in self.texts.iter().filter_map(|text| self.of.get_key_value(text)) {
                // A free text of a word or two may stand in a sentence of the core's own.
                let is_word = pseudonym.starts_with("文字") && original.chars().count() <= 2;
                if !is_word && text.contains(original.as_str()) {
                    text = text.replace(original.as_str(), pseudonym);
                }
            }
        }
        // Persons, and codes of firms in the numbers of accounts and rows, stand between other signs.
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '_' | '.' | '@' | '-');
        let mut replaced = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let word = rest.find(|c: char| !is_part(c)).unwrap_or(rest.len());
            let (word, behind) = rest.split_at(word);
            let bare = || self.of.get(&format!("{PERSON}{word}")).and_then(|name| name.strip_prefix(PERSON));
            let named = || if text.is_ascii() { None } else { bare() };
            replaced.push_str(self.of.get(word).map(String::as_str).or_else(named).unwrap_or(word));
            let sign = behind.chars().next();
            replaced.extend(sign);
            rest = behind.get(sign.map_or(0, char::len_utf8)..).unwrap_or_default();
        }
        replaced
    }
}

fn raw(text: String) -> Result<Box<RawValue>, String> {
    RawValue::from_string(text).map_err(|error| error.to_string())
}

fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use serde_json::json;

    #[test]
    fn free_text_and_sealed_papers_go_in_whatever_script_and_codes_stay() {
        let charters = Charters::default();
        let mut names =
            Names { secret: b"sixteen bytes or more", charters: &charters, of: BTreeMap::new(), texts: Vec::new() };
        let said = json!({
            "note": "13800001234", "because": "Li", "reason": "NO_NEED", "purpose": "give_back", "reply": "", "sealed": "QUJD", "parts": ["QUJD"],
            "matter": "ask for Li Si", "channel": "Li", "again": "ask for Li Si", "by": "person:li for person:wang",
            "told": "此任务已由 li 认领；须 王五 退回。", "of": "person:王五",
        });
        names.learn("", &said).unwrap();
        names.order_texts();
        let renamed = names.value("", said);
        for field in ["note", "because", "sealed", "matter", "again", "by", "told", "of"] {
            let text = renamed[field].as_str().unwrap();
            for original in ["13800001234", "Li", "QUJD", "person:li", "person:wang", " li ", "王五"] {
                assert!(!text.contains(original), "{field}: {text}");
            }
        }
        for (field, stays) in [("reason", "NO_NEED"), ("purpose", "give_back"), ("reply", "")] {
            assert_eq!(renamed[field], stays);
        }
        assert_eq!(
            renamed["channel"], "Li",
            "a short word is replaced where it is free text, and not where it may be a code"
        );
        assert_eq!(renamed["parts"][0], renamed["sealed"], "the same by the same");
    }
}
