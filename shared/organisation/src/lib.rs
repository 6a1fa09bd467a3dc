//! The shape that every organisation's core has: one deterministic function, three shells around it.
//!
//! An organisation takes an [`Input`], reads the rows that it [`needs`](Organisation::needs), and
//! [`decide`](Organisation::decide)s: the decision records facts, and every fact is
//! [`apply`](Organisation::apply)ed to the rows as it is recorded. What else follows (messages, bookings, tasks,
//! deadlines) follows from facts and rows. The live shell drives this from NATS, HTTP and a database; the replay shell
//! from a recording; the simulation shell drives three of them in one thread. The same compiled function in all three is
//! what makes replay and simulation mean something. What organisations that are asked have in common is [`participant`].
//!
//! Pure: no IO, no clock, no randomness. It refuses nothing itself; the cores do.

pub mod charters;
mod desk;
mod hashes;
mod input;
pub mod papers;
pub mod participant;
pub mod people;
mod refusal;
mod rows;
mod settings;

pub use desk::{Answer, Desk, Did, Outcome, PortAction, PortOrder, Recorded, decide, fold};
pub use hashes::{StatesHash, journal_link};
pub use input::{Actor, Input, PortAnswer, PostingAnswer};
pub use refusal::{Refusal, RefusalKind, Stop};
pub use rows::{Changed, Key, NotLoaded, Row, Rows};
pub use saga::Person;
pub use settings::Settings;

use contracts::Message;
use domain::{ApplicationId, Charters, Moment, Party};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    collections::BTreeSet,
    fmt::{Debug, Display},
    sync::Arc,
};

/// One organisation: its rules, without the world around it.
pub trait Organisation: Send + Sync + 'static {
    /// Which of the three it is.
    const PARTY: Party;
    /// Kind of the row that an application is kept in: `application`, or `case`.
    const KIND: &'static str;
    /// What a person or an operator may tell it to do. No personal data in it.
    type Command: Serialize + DeserializeOwned + Clone + Debug + PartialEq + Send + Sync + 'static;
    /// What it records of its decisions; versioned by serde, pinned by golden tests.
    type Fact: Serialize + DeserializeOwned + Clone + Debug + PartialEq + Send + Sync + 'static;
    /// Its state, one variant a kind of row.
    type Row: Serialize + DeserializeOwned + Clone + Debug + PartialEq + Send + Sync + 'static;

    /// The organisation as it is set up, live or in a replay, with the charters that were there from the beginning.
    ///
    /// # Errors
    /// In words: what of the settings is wrong.
    fn set_up(charters: Arc<Charters>, settings: &Settings) -> Result<Self, String>
    where
        Self: Sized;

    /// The application that a command is about, if it is known before it is decided.
    fn about(command: &Self::Command) -> Option<&ApplicationId>;

    /// Adds to `wanted` the rows that deciding this input will read, as far as the rows already here tell. The shell
    /// loads them and asks again until nothing is added. A row forgotten here costs a second round, never correctness:
    /// reading it stops the decision with [`NotLoaded`], and the shell loads it and decides again.
    fn needs(&self, input: &Input<Self::Command>, rows: &Rows<Self::Row>, wanted: &mut BTreeSet<Key>);

    /// Decides one input: the rules. Everything it changes it records as a fact.
    ///
    /// # Errors
    /// [`Stop`]; then nothing was changed.
    fn decide(&self, input: &Input<Self::Command>, desk: &mut Desk<Self>) -> Result<(), Stop>
    where
        Self: Sized;

    /// Applies one fact to the rows. Total on loaded rows: a fact that was recorded always applies.
    ///
    /// # Errors
    /// A row that it changes is not loaded.
    fn apply(rows: &mut Rows<Self::Row>, fact: &Self::Fact) -> Result<(), NotLoaded>;

    /// What the shell keeps beside a row, to find it again.
    fn index(row: &Self::Row) -> Index;

    /// What is kept of charters in a row, if it is one about charters.
    fn kept_charter(_: &Self::Row) -> Option<&charters::Kept> {
        None
    }

    /// The fact as a line of the application's timeline, if it says something to a reader.
    fn line(fact: &Self::Fact) -> Option<Line>;

    /// What the applicant is told of the fact, if anything. The journal is the outbox: a notice follows from what it has of the
    /// fact, whenever it is read.
    fn notice(_: &Self::Fact) -> Option<Notice> {
        None
    }
}

/// What the shell keeps beside a row so that it can list, wake and show it without knowing what it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    /// State as a reader filters by it, e.g. `GUARANTEE_REVIEW`; empty for rows that are not listed.
    pub status: &'static str,
    /// Unified social credit code of the firm it belongs to, empty if none.
    pub uscc: String,
    /// Nothing will happen to it any more by itself.
    pub ended: bool,
    /// When the row wants [`Input::Due`].
    pub wake_at: Option<Moment>,
    /// What waits for a person.
    pub tasks: Vec<OpenTask>,
    /// What an operator has to look at.
    pub incidents: Vec<Incident>,
}

/// Something that waits for a person's decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OpenTask {
    /// Unique within the organisation, e.g. `NCD-2018-0052/approve-credit/2`.
    pub task_id: String,
    /// The application it belongs to; none: it belongs to another matter, which its id begins with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application_id: Option<ApplicationId>,
    /// Role that decides, e.g. `credit_officer`.
    pub role: String,
    /// What to decide, in the step's words.
    pub title: String,
    /// When it was opened.
    pub opened_at: Moment,
    /// When it should be decided; afterwards it is escalated, never decided by itself.
    pub due_at: Moment,
    /// Whether its deadline has passed and it was escalated.
    pub escalated: bool,
    /// Who has it in hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claimed_by: Option<Person>,
}

impl OpenTask {
    /// An application's open task, as the shell lists it; `name` names it within the application.
    pub fn of<Role: Copy + Display>(id: &ApplicationId, name: &str, title: &str, task: &saga::Task<Role>) -> Self {
        OpenTask { application_id: Some(id.clone()), ..Self::of_matter(id, name, title, task) }
    }

    /// The same of a matter that is no application, by its number, e.g. a work order.
    pub fn of_matter<Role: Copy + Display>(
        number: &impl Display,
        name: &str,
        title: &str,
        task: &saga::Task<Role>,
    ) -> Self {
        OpenTask {
            task_id: task_id(number, name),
            application_id: None,
            role: task.role().to_string(),
            title: title.to_owned(),
            opened_at: task.deadline.opened_at,
            due_at: task.due_at(),
            escalated: task.deadline.noticed == Some(saga::Notice::Overdue),
            claimed_by: task.claimed_by.clone(),
        }
    }

    /// Number of the matter that it belongs to: the application's, mostly.
    pub fn matter(&self) -> &str {
        self.task_id.split_once('/').map_or(&self.task_id, |(matter, _)| matter)
    }
}

/// The id of a task: the number of the application, or of what else it belongs to, and the task's name within it, e.g.
/// `NCD-2018-0052/decide-credit`.
pub fn task_id(number: &impl Display, name: &str) -> String {
    format!("{number}/{name}")
}

/// Something that went wrong and has an owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Incident {
    /// Unique within the organisation.
    pub incident_id: String,
    /// The application it belongs to.
    pub application_id: ApplicationId,
    /// Role that has to act.
    pub owner: String,
    /// The step at which it happened.
    pub step: String,
    /// What happened.
    pub what: String,
}

/// What an applicant is told. It names the application and nobody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// What happened, stable: `FILED`, `PAID_OUT` …
    pub code: &'static str,
    /// For the applicant, in Chinese.
    pub text: String,
}

/// One line of an application's timeline, as this organisation knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The step, in the definition's words; empty if it belongs to none.
    pub step: String,
    /// What became of it: `opened`, `asked`, `done`, `refused`, `undone`, `reminded` …
    pub event: &'static str,
    /// For a reader, in Chinese.
    pub text: String,
}

/// The saga id of an application: a version 8 UUID derived from its number, so that all three organisations and a replay
/// arrive at the same one without asking anybody.
pub fn saga_id(application_id: &ApplicationId) -> String {
    uuid_of(&format!("nuan-saga-1\norigination\n{application_id}"))
}

/// The saga that a message belongs to: its application's, or one for the charter that it is about.
pub fn saga_of(message: &Message) -> String {
    match message.application_id() {
        Some(id) => saga_id(id),
        None => uuid_of(&format!("nuan-saga-1\n{}", message.subject())),
    }
}

fn uuid_of(text: &str) -> String {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(text.as_bytes());
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(&digest[..16]);
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let text = hex::encode(bytes);
    format!("{}-{}-{}-{}-{}", &text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..])
}
