//! The asked side: what an organisation owes to each key under which it was asked, and which of its people owe it.
//!
//! What is owed to one key is [`saga::participant`]'s rule. Here that meets the rows of an application: an ask is begun
//! once and answered alike to whoever asks again, an undo cancels or undoes it, people decide under deadlines and four
//! eyes, and what no rule settles is an incident with an owner. An organisation that is asked says in [`Participant`] what
//! its steps do, in [`Cases`] how it keeps what they come to, and hands its inputs to [`decide`].
//!
//! Pure. What ends in [`Stop`] ends the decision. It knows no step of any organisation; it refuses what no step has to be
//! asked about: a charter that was not accepted, a key of another step, a second ask of a step that stands, a decision that
//! is not owed or not by this person.

mod fact;
mod people;
mod requests;

pub use crate::people::hand_zh;
pub use fact::{Fact, FactOf, apply, change};
pub use people::{
    application_of, ask_for_papers, decide, hand_task, incidents, must_say_why, on_case, on_task, open_incidents,
    resolve_incident, tasks,
};
pub use requests::{Taken, Undo, World, ask, refused, undo, unsaid};

use crate::{Actor, Desk, Key, PortAnswer, Stop, charters::KeepsCharters, papers::KeepsPapers};
use contracts::{About, AskRefusal, Message};
use domain::{Amount, ApplicationId, CharterHash, Moment};
use saga::{
    Person, Task,
    participant::{Reply, Request},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fmt::{Debug, Display},
};

/// A step of a saga that an organisation is asked for.
pub trait Step: Copy + Eq + Debug {
    /// In the words of the asking organisation's definition, so that timelines can stand side by side.
    fn name(self) -> &'static str;

    /// Whether it may be asked for again under another key once it is settled: a step of something that a case may have several of.
    fn repeats(self) -> bool {
        false
    }
}

/// A decision that one of its people (or a service identity) owes.
pub trait Duty: Copy + Ord + Debug {
    /// The organisation's steps.
    type Step: Step;
    /// The organisation's roles; each displays as the code under which accounts hold it.
    type Role: Copy + Ord + Debug + Display;

    /// Who owes it.
    fn role(self) -> Self::Role;
    /// The step that it belongs to.
    fn step(self) -> Self::Step;
    /// Names the task within its case, e.g. `decide-credit`.
    fn code(self) -> &'static str;
    /// The task as people read it.
    fn zh(self) -> &'static str;
}

/// What only a person can settle.
pub trait Trouble: Copy + Eq + Debug {
    /// The organisation's steps.
    type Step: Step;
    /// The organisation's roles.
    type Role: Display;

    /// Who has to look at it.
    fn owner(self) -> Self::Role;
    /// The step at which it happened.
    fn step(self) -> Self::Step;
    /// What happened, as people read it.
    fn zh(self) -> &'static str;
}

/// How an organisation that is asked keeps its cases, one a row `case/<application>`, and in which words.
pub trait Cases: KeepsPapers + KeepsCharters + Debug + Sized {
    /// What it is asked for.
    type Step: Step;
    /// What its people owe.
    type Duty: Duty<Step = Self::Step, Role = Self::Role>;
    /// Who they are.
    type Role: Copy + Ord + Debug + Display;
    /// What it answers under a key, to be repeated.
    type Said: Clone + PartialEq + Debug;
    /// What its people have to look at.
    type Trouble: Trouble<Step = Self::Step, Role = Self::Role>;
    /// One application as it keeps it.
    type Case;
    /// What it was asked for, in a case that was taken up.
    type File;

    /// The row of a case of which nothing is known yet.
    fn first(id: ApplicationId) -> Self::Row;
    /// The case in a row, if it is the row of one.
    fn case(row: &Self::Row) -> Option<&Self::Case>;
    /// The same, to be changed.
    fn case_mut(row: &mut Self::Row) -> Option<&mut Self::Case>;
    /// What it owes in this case.
    fn owed(case: &Self::Case) -> Owed<'_, Self>;
    /// The same, to be changed.
    fn owed_mut(case: &mut Self::Case) -> OwedMut<'_, Self>;
    /// What it was asked for, once that was taken up, and the charter to which that pins the case.
    fn file(case: &Self::Case) -> Option<(&Self::File, CharterHash)>;
    /// The case as the API shows it.
    fn summary(case: &Self::Case) -> Value;
    /// The organisation's fact of what is common to all that are asked.
    fn fact(owed: FactOf<Self>) -> Self::Fact;
    /// The fact that a person has to look at something.
    fn raised(id: ApplicationId, kind: Self::Trouble, detail: String, at: Moment) -> Self::Fact;
    /// The word for an ask that is not taken up.
    fn not_taken_up(why: AskRefusal) -> Self::Said;
    /// The word for an undo that cannot be.
    fn cannot_undo(why: &str) -> Self::Said;
    /// Whether another ask of the step has to wait for this refusal to be taken back.
    fn refusal_stands(said: &Self::Said) -> bool;
    /// The message that a reply is to whoever asked.
    fn message(about: About, step: Self::Step, reply: Reply<Self::Said>) -> Result<Message, Stop>;
}

/// What an organisation that is asked does: routes its inputs to its steps.
pub trait Participant: Cases {
    /// A partner has said something about the case.
    fn heard(w: &mut World<'_, Self>, message: &Message) -> Result<(), Stop>;
    /// The roles of which an account needs one to give this command: the first thing that is asked of it.
    fn roles_for(command: &Self::Command) -> &'static [&'static str];
    /// Somebody who holds one of its roles has given a command.
    fn told(&self, desk: &mut Desk<Self>, actor: &Actor, command: &Self::Command) -> Result<(), Stop>;
    /// Whether a role decides by rule, under a service identity of its own.
    fn decides_by_rule(&self, role: Self::Role) -> bool;
    /// The amount that a decision by rule is about; none: a person decides.
    fn amount(case: &Self::Case, duty: Self::Duty) -> Option<Amount>;
    /// Decides by rule what is owed.
    fn by_rule(w: &mut World<'_, Self>, duty: Self::Duty, by: &Person) -> Result<(), Stop>;
    /// Time has passed, and what it does to tasks is done.
    fn time_passed(w: &mut World<'_, Self>) -> Result<(), Stop>;
    /// The time of a row has come that belongs to no application.
    ///
    /// # Errors
    /// It keeps none that has a timer.
    fn due(&self, _: &mut Desk<Self>, key: &Key) -> Result<(), Stop> {
        Err(Stop::Illegal(format!("row `{key}` has no timer")))
    }
    /// A port has answered.
    fn answered(_: &mut World<'_, Self>, answer: &PortAnswer) -> Result<(), Stop> {
        Err(Stop::Illegal(format!("the {} has no port that answers {answer:?}", Self::PARTY)))
    }
}

/// What an organisation owes in one case.
#[derive(Debug)]
pub struct Owed<'c, P: Cases> {
    /// The application.
    pub id: &'c ApplicationId,
    /// Everything that was asked, by key.
    pub requests: &'c BTreeMap<String, Asked<P::Step, P::Said>>,
    /// What people owe.
    pub tasks: &'c BTreeMap<P::Duty, Task<P::Role>>,
    /// What a person had or has to look at, in the order raised.
    pub incidents: &'c [IncidentRecord<P::Trouble>],
}

/// What an organisation owes in one case, to be changed.
#[derive(Debug)]
pub struct OwedMut<'c, P: Cases> {
    /// Everything that was asked, by key.
    pub requests: &'c mut BTreeMap<String, Asked<P::Step, P::Said>>,
    /// What people owe.
    pub tasks: &'c mut BTreeMap<P::Duty, Task<P::Role>>,
    /// What a person had or has to look at, in the order raised.
    pub incidents: &'c mut [IncidentRecord<P::Trouble>],
}

/// One key under which the organisation was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked<Step, Said> {
    /// For which step.
    pub step: Step,
    /// What is owed to it.
    pub request: Request<Said>,
}

/// Something that a person has to look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentRecord<Kind> {
    /// What happened.
    pub kind: Kind,
    /// In words, with the numbers that differ.
    pub detail: String,
    /// When.
    pub at: Moment,
    /// How it was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<Resolved>,
}

/// How an incident was closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolved {
    /// By whom.
    pub by: Person,
    /// What was found and done.
    pub because: String,
}

/// Key of an application's case.
pub fn case_key(id: &ApplicationId) -> Key {
    Key::row("case", id)
}
