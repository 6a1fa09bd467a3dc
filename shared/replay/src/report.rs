//! What a replay found, in the programme's words: for who integrates, and as JSON for programs.

use crate::{
    compare::Build,
    decision::Decision,
    diff::{Change, message_name, recorded_name, variant},
    expected::Expected,
    recording::Header,
    three::is_moment,
};
use domain::{Moment, Party};
use organisation::{Organisation, Recorded};
use serde::Serialize;
use serde_json::Value;
use std::{collections::BTreeMap, fmt};

/// Fields of a difference that the text shows; the JSON has all.
const SHOWN: usize = 12;

/// Whether a difference stands for itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "standing", rename_all = "snake_case")]
pub enum Standing {
    /// On the state as it was then, this build decides otherwise.
    ForItself,
    /// It decides alike on the state as it was, and otherwise on what it has made of it since.
    Follows {
        /// The journal position of the difference that it follows from.
        from: Option<u64>,
    },
}

/// An input that this build decides otherwise.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The application.
    pub application_id: Option<String>,
    /// Position in the journal.
    pub position: u64,
    /// Business time.
    pub at: String,
    /// The how-manieth input of its application.
    pub no: usize,
    /// Of how many.
    pub of: usize,
    /// The input in words.
    pub input: String,
    /// The rule: the step of the saga, the code of a refusal, or what was booked.
    pub cause: String,
    /// What was done then, where it differs.
    pub then: Vec<String>,
    /// What is done now, where it differs.
    pub now: Vec<String>,
    /// Every field that differs.
    pub changes: Vec<Change>,
    /// Whether it stands for itself.
    #[serde(flatten)]
    pub standing: Standing,
    /// The entry of the expected differences that means it, from 0.
    pub expected: Option<usize>,
}

/// What a replay came to, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Rows of the journal.
    pub rows: usize,
    /// Inputs that the core decided again.
    pub decided: usize,
    /// Messages that were taken in by them, and said.
    pub messages: usize,
    /// Decided alike.
    pub equal: usize,
    /// Decided otherwise on the state as it was.
    pub different: usize,
    /// Decided otherwise only on what this build has made of the state since.
    pub follow: usize,
    /// Decided on the answer to a message that this build would not have said so.
    pub unknown: usize,
    /// By kind: rows that no core decides.
    pub not_decided: BTreeMap<String, usize>,
    /// Positions of commits whose rows have another hash (strict).
    pub states_that_differ: Vec<u64>,
    /// What was recorded and this build cannot apply.
    pub not_applied: Vec<String>,
    /// Whether all rows at the end are those of the recording's end.
    pub final_states_equal: bool,
    /// Fields of the final rows that differ.
    pub final_rows_that_differ: Vec<Change>,
}

/// What a replay found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Whose recording.
    pub party: Party,
    /// The build that recorded.
    pub recorded_by: Build,
    /// The build that replayed.
    pub replayed_by: Build,
    /// Position of the input that was altered, if one was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub altered: Option<u64>,
    /// In numbers.
    pub summary: Summary,
    /// Each input that is decided otherwise, in order.
    pub differences: Vec<Difference>,
    /// Expected differences that were not found.
    pub stale: Vec<String>,
}

impl Report {
    pub(crate) fn new(
        header: &Header,
        replayed_by: Build,
        altered: Option<u64>,
        mut summary: Summary,
        mut differences: Vec<Difference>,
        expected: &Expected,
    ) -> Self {
        differences.sort_by_key(|difference| difference.position);
        for difference in differences.iter_mut().filter(|one| one.standing == Standing::ForItself) {
            difference.expected = expected.entry_of(header.party, difference);
        }
        // What follows from a difference that is meant is meant with it.
        let meant: BTreeMap<u64, Option<usize>> = differences.iter().map(|one| (one.position, one.expected)).collect();
        for difference in &mut differences {
            if let Standing::Follows { from: Some(from) } = &difference.standing {
                difference.expected = meant.get(from).copied().flatten();
            }
        }
        let stands = |difference: &&Difference| difference.standing == Standing::ForItself;
        summary.different = differences.iter().filter(stands).count();
        summary.follow = differences.len() - summary.different;
        let met: Vec<usize> = differences.iter().filter_map(|difference| difference.expected).collect();
        Report {
            party: header.party,
            recorded_by: Build { version: header.build.clone(), build_id: header.build_id.clone() },
            replayed_by,
            altered,
            summary,
            differences,
            stale: expected.stale(&met),
        }
    }

    /// Whether nothing differs but what is meant, and all that is meant differs.
    pub fn holds(&self) -> bool {
        let summary = &self.summary;
        let meant = self.differences.iter().all(|difference| difference.expected.is_some());
        let as_then = summary.final_states_equal || !self.differences.is_empty();
        meant
            && as_then
            && self.stale.is_empty()
            && summary.states_that_differ.is_empty()
            && summary.not_applied.is_empty()
    }

    /// The same of one application only; the numbers stay those of the whole.
    #[must_use]
    pub fn of_case(mut self, application_id: &str) -> Self {
        self.differences.retain(|difference| difference.application_id.as_deref() == Some(application_id));
        self
    }
}

impl Report {
    fn what_follows(&self, from: u64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let follows = |one: &&Difference| one.standing == Standing::Follows { from: Some(from) };
        let following: Vec<&Difference> = self.differences.iter().filter(follows).collect();
        let Some(first) = following.first() else { return Ok(()) };
        writeln!(f, "  what follows: {} inputs are decided otherwise on this build's own state", following.len())?;
        for one in following.iter().take(SHOWN) {
            writeln!(f, "    {}, input {} of {}: {}", one.case(), one.no, one.of, one.input)?;
            for change in one.changes.iter().take(3) {
                writeln!(f, "      {change}")?;
            }
        }
        if following.len() > SHOWN {
            writeln!(f, "    and {} more, from {} on", following.len() - SHOWN, first.at)?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for difference in self.differences.iter().filter(|one| one.standing == Standing::ForItself) {
            write!(f, "{difference}")?;
            self.what_follows(difference.position, f)?;
            writeln!(f)?;
        }
        if let Some(altered) = self.altered {
            writeln!(f, "the input in row {altered} is altered")?;
            self.what_follows(altered, f)?;
            writeln!(f)?;
        }
        for stale in &self.stale {
            writeln!(f, "expected, and not found any more: {stale}")?;
        }
        write!(f, "{}", self.summary)
    }
}

impl Difference {
    fn case(&self) -> &str {
        self.application_id.as_deref().unwrap_or("the programme as a whole")
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let meant = if self.expected.is_some() { " (expected)" } else { "" };
        writeln!(f, "{}, input {} of {}{meant}: {}", self.case(), self.no, self.of, self.input)?;
        writeln!(f, "  at {} (row {}); {}", self.at, self.position, self.cause)?;
        for line in &self.then {
            writeln!(f, "  then: {line}")?;
        }
        for line in &self.now {
            writeln!(f, "  now:  {line}")?;
        }
        for change in self.changes.iter().take(SHOWN) {
            writeln!(f, "    {change}")?;
        }
        if self.changes.len() > SHOWN {
            writeln!(f, "    and {} fields more", self.changes.len() - SHOWN)?;
        }
        Ok(())
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<Value>| match value {
            None => "nothing".to_owned(),
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) if number.as_i64().is_some_and(is_moment) => {
                Moment::from_millis(number.as_i64().unwrap_or_default()).to_string()
            }
            Some(value) => {
                let text = value.to_string();
                if text.chars().count() > 120 { text.chars().take(117).chain("...".chars()).collect() } else { text }
            }
        };
        write!(f, "{}: {} -> {}", self.place, shown(&self.then), shown(&self.now))
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let not_decided: usize = self.not_decided.values().sum();
        let kinds: Vec<String> = self.not_decided.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        writeln!(
            f,
            "{} rows: {} inputs decided again, {not_decided} not a core's ({})",
            self.rows,
            self.decided,
            kinds.join(", ")
        )?;
        writeln!(
            f,
            "{} equal, {} different, {} follow from those, {} unknown",
            self.equal, self.different, self.follow, self.unknown
        )?;
        if let Some(first) = self.states_that_differ.first() {
            writeln!(f, "{} commits wrote other rows, the first at row {first}", self.states_that_differ.len())?;
        }
        for line in &self.not_applied {
            writeln!(f, "what was recorded cannot be applied: {line}")?;
        }
        if self.final_states_equal {
            return writeln!(f, "the final state is the one recorded");
        }
        writeln!(f, "the final state is another: {} fields", self.final_rows_that_differ.len())?;
        for change in self.final_rows_that_differ.iter().take(SHOWN) {
            writeln!(f, "  {change}")?;
        }
        Ok(())
    }
}

/// What two decisions did that the other did not, in words; fields that differ in what both did are told by themselves.
pub(crate) fn lines<O: Organisation>(then: &Decision, now: &Decision) -> (Vec<String>, Vec<String>) {
    let nothing = || vec!["nothing of that".to_owned()];
    match (lines_of::<O>(then, now), lines_of::<O>(now, then)) {
        (old, new) if old.is_empty() && !new.is_empty() => (nothing(), new),
        (old, new) if new.is_empty() && !old.is_empty() => (old, nothing()),
        both => both,
    }
}

fn lines_of<O: Organisation>(of: &Decision, other: &Decision) -> Vec<String> {
    let mut lines = Vec::new();
    if of.defect != other.defect {
        lines.extend(of.defect.clone());
    }
    if of.refusal != other.refusal {
        match &of.refusal {
            Some(refusal) => lines.push(format!("refused: {} {}", text(refusal, "code"), text(refusal, "detail"))),
            None => lines.push("accepted".to_owned()),
        }
    }
    for one in of.recorded.iter().filter(|one| !other.recorded.contains(one)) {
        let name = recorded_name(one);
        let is_there_too = other.recorded.iter().any(|other| recorded_name(other) == name);
        match recorded_words::<O>(one) {
            Some(words) => lines.push(format!("{name}: {words}")),
            None if !is_there_too => lines.push(name),
            None => {}
        }
    }
    let is_said_there_too = |one: &Value| other.messages.iter().any(|other| message_name(other) == message_name(one));
    let only = of.messages.iter().filter(|one| !is_said_there_too(one));
    lines.extend(only.map(|one| format!("says {}", text(one, "type"))));
    if lines.is_empty() && of.recorded != other.recorded && of.recorded.len() == other.recorded.len() {
        let (order, others): (Vec<String>, Vec<String>) =
            (of.recorded.iter().map(recorded_name).collect(), other.recorded.iter().map(recorded_name).collect());
        if order != others {
            lines.push(format!("in this order: {}", order.join("; ")));
        }
    }
    for (key, kept) in of.kept.iter().filter(|(key, kept)| other.kept.get(*key) != Some(*kept)) {
        let tasks = kept.get("tasks").and_then(Value::as_array).into_iter().flatten();
        let tasks: Vec<&str> = tasks.map(|task| text(task, "task_id")).collect();
        let wake_at = kept.get("wake_at").and_then(Value::as_str).unwrap_or("never");
        lines.push(format!("{key}: {}, next deadline {wake_at}, waits for {tasks:?}", text(kept, "status")));
    }
    lines
}

/// What was recorded, in words, if it has any.
fn recorded_words<O: Organisation>(one: &Value) -> Option<String> {
    let words = match serde_json::from_value::<Recorded<O::Fact>>(one.clone()).ok()? {
        Recorded::Fact(fact) => O::line(&fact)?.text,
        Recorded::Booked(voucher) => {
            let lines = voucher.transfers.iter();
            let lines: Vec<String> = lines
                .map(|one| format!("Dr {} Cr {} {} fen ({})", one.debit, one.credit, one.amount.fen().get(), one.id))
                .collect();
            lines.join("; ")
        }
        Recorded::Opened(account) => format!("{} is opened", account.code()),
        Recorded::Said { .. } | Recorded::Ordered(_) => return None,
    };
    Some(words).filter(|words| !words.is_empty())
}

/// By which rule two decisions differ: the code of the refusal that only one has, else the step in the definition's words, else
/// what is not the same.
pub(crate) fn cause<O: Organisation>(then: &Decision, now: &Decision) -> String {
    if let Some(why) = now.defect.as_ref().filter(|_| now.defect != then.defect) {
        return why.clone();
    }
    let code = |decision: &Decision| decision.refusal.as_ref().map(|refusal| text(refusal, "code").to_owned());
    match (code(then), code(now)) {
        (None, Some(code)) => return format!("by the rule {code}, which refuses it now"),
        (Some(code), None) => return format!("by the rule {code}, which refused it then"),
        (Some(then), Some(now)) if then != now => return format!("by the rule {now}, then by {then}"),
        _ => {}
    }
    let only = |of: &Decision, other: &Decision| {
        let mut only = of.recorded.iter().filter(|one| !other.recorded.contains(one)).cloned().collect::<Vec<_>>();
        if of.recorded.len() == other.recorded.len() && only.is_empty() && of.recorded != other.recorded {
            only.extend(
                of.recorded.iter().zip(&other.recorded).find(|(one, other)| one != other).map(|(one, _)| one.clone()),
            );
        }
        only
    };
    let differing: Vec<Value> = only(now, then).into_iter().chain(only(then, now)).collect();
    let step = differing.iter().find_map(|one| match serde_json::from_value::<Recorded<O::Fact>>(one.clone()) {
        Ok(Recorded::Fact(fact)) => O::line(&fact).map(|line| line.step).filter(|step| !step.is_empty()),
        _ => None,
    });
    if let Some(step) = step {
        return format!("at the step `{step}`");
    }
    let is_account = |one: &&Value| variant(one).0 == "opened";
    if let Some(one) = differing.iter().find(|one| !is_account(one)).or(differing.first()) {
        return format!("in the {}", recorded_name(one));
    }
    let message = now.messages.iter().find(|one| !then.messages.contains(one));
    let message = message.or_else(|| then.messages.iter().find(|one| !now.messages.contains(one)));
    match message {
        Some(message) => format!("in the {}", message_name(message)),
        None => "in what waits for people and deadlines".to_owned(),
    }
}

fn text<'a>(of: &'a Value, field: &str) -> &'a str {
    of.get(field).map_or("", |value| value.as_str().unwrap_or_else(|| variant(value).0))
}
