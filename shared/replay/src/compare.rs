//! The two lanes: every input decided on the state as it was then, and, from the first difference on, on what this build makes
//! of it by itself.

use crate::{
    decision::{Decision, kept},
    diff,
    expected::Expected,
    feed::{self, Fed, feed},
    recording::{Kind, Recording, Row},
    report::{Difference, Report, Standing, Summary, cause, lines},
    three::{start_of, states_that_differ},
};
use domain::Moment;
use ledger::{Account, TransferRecord};
use organisation::{Input, Key, Organisation, Recorded, Row as AnyRow};
use simulation::{Mark, Shell};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

/// How many inputs one input may make follow before that counts as a defect.
const MAX_FOLLOWING: usize = 10_000;

/// The build that replays.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Build {
    /// Its version.
    pub version: String,
    /// Which it is exactly, if its program has an id.
    pub build_id: Option<String>,
}

/// An input that is given otherwise than it was.
#[derive(Clone, Debug, PartialEq)]
pub struct Alter {
    /// Its journal position.
    pub position: u64,
    /// What is altered, as a JSON merge patch (RFC 7396): of the command, or of the message's data.
    pub with: serde_json::Value,
}

/// Decides the recording's inputs again. `strict`: the hash of every commit's rows has to be the same too. `alter`: this build's
/// own way begins at that input, altered.
///
/// # Errors
/// In words: the recording is another organisation's, or cannot be set up.
pub fn replay<O: Organisation + Clone>(
    recording: &Recording,
    build: Build,
    strict: bool,
    alter: Option<&Alter>,
    expected: &Expected,
) -> Result<Report, String> {
    let header = &recording.header;
    if header.party != O::PARTY {
        return Err(format!("it is a recording of the {}, not of the {}", header.party, O::PARTY));
    }
    let shell = start_of::<O>(recording)?;
    let mut replaying = Replaying {
        recording,
        strict,
        alter,
        then: shell,
        now: None,
        under_way: None,
        due: Some(VecDeque::new()),
        standing_still: BTreeSet::new(),
        asked_otherwise: BTreeSet::new(),
        numbers: numbers(recording),
        differences: Vec::new(),
        summary: Summary::default(),
    };
    if let Some(position) = alter.map(|alter| alter.position)
        && !recording.rows.iter().any(|row| row.position == position && is_input(row) && !is_follow(row))
    {
        return Err(format!("row {position} of the journal is no input that can be altered"));
    }
    for (at, row) in recording.rows.iter().enumerate() {
        replaying.row(at, row)?;
    }
    replaying.end(build, expected)
}

/// A row of the state, as it is stored.
pub(crate) fn stored<O: Organisation>(kind: Kind, body: &str) -> Result<AnyRow<O::Row>, String> {
    let words = |error: serde_json::Error| error.to_string();
    Ok(match kind {
        Kind::Own => AnyRow::Own(serde_json::from_str(body).map_err(words)?),
        Kind::Account => AnyRow::Account(serde_json::from_str::<Account>(body).map_err(words)?),
        Kind::Transfer => AnyRow::Transfer(serde_json::from_str::<TransferRecord>(body).map_err(words)?),
    })
}

/// By position: the how-manieth input of its application a row is, and of how many.
fn numbers(recording: &Recording) -> BTreeMap<u64, (usize, usize)> {
    let mut of: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for row in recording.rows.iter().filter(|row| is_input(row)) {
        of.entry(row.application_id.as_deref().unwrap_or_default()).or_default().push(row.position);
    }
    of.values()
        .flat_map(|rows| rows.iter().enumerate().map(|(at, position)| (*position, (at + 1, rows.len()))))
        .collect()
}

pub(crate) fn is_input(row: &Row) -> bool {
    matches!(row.kind.as_str(), "message" | "command" | "due" | "follow" | "port" | "refused" | "set_back")
}

fn is_follow(row: &Row) -> bool {
    row.source == "self" && matches!(row.kind.as_str(), "follow" | "refused")
}

struct Replaying<'a, O: Organisation> {
    recording: &'a Recording,
    strict: bool,
    alter: Option<&'a Alter>,
    /// The first lane: on the state as it was then.
    then: Shell<O>,
    /// The second: on what this build decided, once it has decided anything otherwise.
    now: Option<Shell<O>>,
    /// The input under way from outside: its place in the recording, and the first lane before it.
    under_way: Option<(usize, Mark<O>)>,
    /// Rows that are to look again within the input under way, as this build says; none: it differs already.
    due: Option<VecDeque<Key>>,
    /// Applications behind a parked input.
    standing_still: BTreeSet<String>,
    /// Applications in which this build said something else to a partner than was said.
    asked_otherwise: BTreeSet<String>,
    numbers: BTreeMap<u64, (usize, usize)>,
    differences: Vec<Difference>,
    summary: Summary,
}

impl<O: Organisation + Clone> Replaying<'_, O> {
    fn row(&mut self, at: usize, row: &Row) -> Result<(), String> {
        self.summary.rows += 1;
        if !is_follow(row) {
            self.nothing_more_follows(at);
            self.under_way = self.now.is_none().then(|| (at, self.then.mark()));
        }
        match feed::<O>(self.recording, row) {
            Fed::SetUp(settings) => {
                let charters = Arc::new(self.recording.header.charters.clone());
                let organisation = O::set_up(charters, &settings)?;
                if let Some(now) = &mut self.now {
                    now.set_up_as(organisation.clone());
                }
                self.then.set_up_as(organisation);
                self.not_decided(row);
            }
            Fed::Nothing => {
                self.parked(row);
                self.not_decided(row);
            }
            Fed::Unreadable(why) => {
                let now = Decision::defect(format!("this build cannot read the input: {why}"));
                let (then, _) = Decision::then(self.recording, row);
                self.differs(row, &then, &now, Standing::ForItself);
                self.go_on_as_then(row);
            }
            Fed::Input(input) => {
                let altered = self.alter.filter(|alter| alter.position == row.position);
                let altered =
                    altered.map(|alter| feed::altered(self.recording, row, &input, &alter.with)).transpose()?;
                if altered.is_some() && self.now.is_none() {
                    self.now = Some(self.then.clone());
                }
                self.input(at, row, &input, altered.as_ref());
            }
        }
        if let Some(states) = &row.states {
            let written = self.then.commit()?;
            if self.strict && hex::encode(written) != *states && row.kind != "started" {
                self.summary.states_that_differ.push(row.position);
            }
            if let Some(now) = &mut self.now {
                now.commit()?;
            }
        }
        Ok(())
    }

    fn input(&mut self, at: usize, row: &Row, input: &Input<O::Command>, altered: Option<&Input<O::Command>>) {
        self.summary.decided += 1;
        let (then, unknown) = Decision::then(self.recording, row);
        self.summary.messages += then.messages.len() + usize::from(matches!(input, Input::Message(_)));
        let mark = self.then.mark();
        // What this build makes follow has to be what followed; after a difference nothing is known of that.
        let expected = self.due.as_mut().filter(|_| is_follow(row)).map(VecDeque::pop_front);
        let moment = Moment::from_millis(row.at);
        let (mut now, follow) = decide(&mut self.then, input, moment);
        if unknown {
            now.messages = then.messages.clone();
        }
        let mut equal = then == now;
        if let Some(expected) = expected
            && !matches!((&expected, input), (Some(expected), Input::Follow(key)) if expected == key)
        {
            let expected = expected.map_or("nothing".into(), |key| key.to_string());
            now.defect = Some(format!("{expected} was to look again here"));
            equal = false;
        }
        if equal {
            if let Some(due) = &mut self.due {
                due.extend(follow);
            }
            self.count(row, unknown);
        } else {
            self.differs(row, &then, &now, Standing::ForItself);
            self.then.back_to(mark);
            self.due = None;
            if self.now.is_none() {
                self.own_way_begins();
                self.go_on_as_then(row);
                return;
            }
            self.go_on_as_then(row);
        }
        if !is_follow(row) {
            self.own_way(at, row, altered.unwrap_or(input), equal);
        }
    }

    /// The second lane begins, with the input under way from outside, as it was before that.
    fn own_way_begins(&mut self) {
        let Some((at, mark)) = self.under_way.take() else { return };
        let mut shell = self.then.clone();
        shell.back_to(mark);
        self.now = Some(shell);
        let recording = self.recording;
        if let Some(row) = recording.rows.get(at)
            && let Fed::Input(input) = feed::<O>(recording, row)
        {
            self.own_way(at, row, &input, false);
        }
    }

    /// The first lane found it equal.
    fn count(&mut self, row: &Row, unknown: bool) {
        let of = row.application_id.as_deref().unwrap_or_default();
        let answers = matches!(row.kind.as_str(), "message" | "port");
        if unknown || (answers && self.asked_otherwise.contains(of)) {
            self.summary.unknown += 1;
        } else {
            self.summary.equal += 1;
        }
    }

    fn asked(&mut self, row: &Row, otherwise: bool) {
        if let Some(id) = row.application_id.as_ref().filter(|_| otherwise) {
            self.asked_otherwise.insert(id.clone());
        }
    }

    /// The second lane: the input and all that it makes follow, on this build's own state.
    fn own_way(&mut self, at: usize, row: &Row, input: &Input<O::Command>, equal_then: bool) {
        let Some(shell) = &mut self.now else { return };
        let moment = Moment::from_millis(row.at);
        let (mut now, follow) = decide(shell, input, moment);
        let mut following: VecDeque<Key> = follow.into();
        for _ in 0..MAX_FOLLOWING {
            let Some(key) = following.pop_front() else { break };
            let (more, follow) = decide(shell, &Input::Follow(key), moment);
            now.and(more);
            following.extend(follow);
        }
        let group = self.recording.rows.get(at + 1..).unwrap_or_default();
        let (mut then, mut unknown) = Decision::then(self.recording, row);
        for row in group.iter().take_while(|row| is_follow(row)) {
            let (more, more_unknown) = Decision::then(self.recording, row);
            then.and(more);
            unknown |= more_unknown;
        }
        if unknown {
            now.messages = then.messages.clone();
        }
        let asked_otherwise = then.messages != now.messages;
        self.asked(row, asked_otherwise);
        if equal_then && then != now {
            let of = self.origin(row);
            self.differs(row, &then, &now, Standing::Follows { from: of });
        }
    }

    /// The difference that one in this row's application follows from: the last before it there, else the last of all.
    fn origin(&self, row: &Row) -> Option<u64> {
        let stands = self.differences.iter().rev().filter(|one| one.standing == Standing::ForItself);
        let mut here = stands.clone().filter(|one| one.application_id == row.application_id);
        here.next().or_else(|| stands.clone().next()).map(|one| one.position).or(self.alter.map(|alter| alter.position))
    }

    /// What this build still makes follow when the next input is there did not follow then.
    fn nothing_more_follows(&mut self, at: usize) {
        let due = self.due.replace(VecDeque::new()).unwrap_or_default();
        let stands = |key: &Key| self.standing_still.iter().any(|id| key.to_string().ends_with(id.as_str()));
        let more: Vec<String> = due.iter().filter(|key| !stands(key)).map(ToString::to_string).collect();
        if let Some(before) = at.checked_sub(1).and_then(|before| self.recording.rows.get(before))
            && !more.is_empty()
        {
            let now = Decision::defect(format!("{} looks again", more.join(", ")));
            self.differs(before, &Decision::default(), &now, Standing::ForItself);
        }
    }

    fn parked(&mut self, row: &Row) {
        if let (true, Some(id)) = (row.kind == "parked", &row.application_id) {
            self.standing_still.insert(id.clone());
        }
        if let (true, Some(id)) = (row.kind == "repair", &row.application_id) {
            self.standing_still.remove(id);
        }
    }

    fn not_decided(&mut self, row: &Row) {
        *self.summary.not_decided.entry(row.kind.clone()).or_default() += 1;
    }

    /// The first lane goes on from what was recorded.
    fn go_on_as_then(&mut self, row: &Row) {
        let recorded: Result<Vec<Recorded<O::Fact>>, _> = serde_json::from_str(row.recorded.get());
        let folded = recorded
            .map_err(|error| error.to_string())
            .and_then(|recorded| guarded(|| self.then.fold(&recorded, Moment::from_millis(row.at))));
        if let Err(why) = folded {
            self.summary.not_applied.push(format!("row {}: {why}", row.position));
        }
    }

    fn differs(&mut self, row: &Row, then: &Decision, now: &Decision, standing: Standing) {
        let changes = diff::between(then, now);
        let (old, new) = lines::<O>(then, now);
        let (no, of) = self.numbers.get(&row.position).copied().unwrap_or((0, 0));
        self.differences.push(Difference {
            application_id: row.application_id.clone(),
            position: row.position,
            at: Moment::from_millis(row.at).to_string(),
            no,
            of,
            input: feed::words(row),
            cause: cause::<O>(then, now),
            then: old,
            now: new,
            changes,
            standing,
            expected: None,
        });
    }

    fn end(mut self, build: Build, expected: &Expected) -> Result<Report, String> {
        self.nothing_more_follows(self.recording.rows.len());
        let ended = self.now.as_ref().unwrap_or(&self.then);
        self.summary.final_states_equal = hex::encode(ended.states()?) == self.recording.end.states;
        if let Some(now) = &self.now {
            self.summary.final_rows_that_differ = states_that_differ(&self.then, now, true)?;
        }
        let altered = self.alter.map(|alter| alter.position);
        Ok(Report::new(&self.recording.header, build, altered, self.summary, self.differences, expected))
    }
}

/// Decides one input, and nothing of what it makes follow.
fn decide<O: Organisation + Clone>(
    shell: &mut Shell<O>,
    input: &Input<O::Command>,
    at: Moment,
) -> (Decision, Vec<Key>) {
    let mark = shell.mark();
    let decided = guarded(|| shell.decide(input, at));
    match decided {
        Err(why) => {
            shell.back_to(mark);
            (Decision::defect(why), Vec::new())
        }
        Ok(Err(refusal)) => (Decision::refused(&refusal), Vec::new()),
        Ok(Ok(outcome)) => {
            let rows = shell.last_changed().map(|(key, row)| (key.to_string(), kept(&O::index(row)))).collect();
            let decision = Decision::of::<O>(&outcome, at, rows).unwrap_or_else(Decision::defect);
            (decision, outcome.follow)
        }
    }
}

/// A panic of a core is a defect of this one input.
fn guarded<T>(does: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(does)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no text".into());
        Err(format!("the core panicked: {text}"))
    })
}
