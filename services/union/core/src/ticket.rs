//! A work order of the hotline 12351 (工单, DOMAIN.md section 4): what it is, where it may go, what was done with it. Who may do what, and
//! by when, is in [`hotline`](mod@crate::hotline).
//!
//! A reply closes nothing: the visit does. What a ticket started, such as a request for relief, goes its own way.

use crate::Role;
use ::saga::{IllegalTransition, Notice, Person, Task};
use domain::{ApplicationId, CharterHash, HotlineRules, Moment, Term};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fmt;

/// The number of a ticket, `GD-2020-001`: the year in which it came, and its number in that year, three digits or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TicketId {
    year: u16,
    number: u32,
}

/// What is no number of a ticket.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no number of a ticket, such as GD-2020-001")]
pub struct TicketIdError(String);

impl TicketId {
    /// What numbers begin with.
    pub const PREFIX: &'static str = "GD-";

    /// The number-th ticket of a year.
    pub const fn new(year: u16, number: u32) -> Self {
        TicketId { year, number }
    }

    /// The year in which it came.
    pub const fn year(self) -> u16 {
        self.year
    }

    /// Its number in that year.
    pub const fn number(self) -> u32 {
        self.number
    }

    /// Reads `GD-2020-001`.
    ///
    /// # Errors
    /// It is no such text, or not written as [`fmt::Display`] writes it.
    pub fn parse(text: &str) -> Result<Self, TicketIdError> {
        let read = || {
            let (year, number) = text.strip_prefix(Self::PREFIX)?.split_once('-')?;
            let id = TicketId { year: year.parse().ok()?, number: number.parse().ok()? };
            (id.to_string() == text && (1000..=9999).contains(&id.year) && id.number > 0).then_some(id)
        };
        read().ok_or_else(|| TicketIdError(text.to_owned()))
    }
}

impl fmt::Display for TicketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}{}-{:03}", Self::PREFIX, self.year, self.number))
    }
}

impl TryFrom<String> for TicketId {
    type Error = TicketIdError;

    fn try_from(text: String) -> Result<Self, TicketIdError> {
        TicketId::parse(&text)
    }
}

impl From<TicketId> for String {
    fn from(id: TicketId) -> String {
        id.to_string()
    }
}

/// What somebody calls about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Category {
    /// A question (咨询).
    Consult,
    /// A call for help (求助).
    Help,
    /// A complaint (投诉).
    Complaint,
    /// A suggestion (建议).
    Suggestion,
}

impl Category {
    /// Every category.
    pub const ALL: [Category; 4] = [Category::Consult, Category::Help, Category::Complaint, Category::Suggestion];

    /// The code of DOMAIN.md section 6.
    pub const fn code(self) -> &'static str {
        match self {
            Category::Consult => "CONSULT",
            Category::Help => "HELP",
            Category::Complaint => "COMPLAINT",
            Category::Suggestion => "SUGGESTION",
        }
    }

    /// How long there is from dispatch to reply.
    pub const fn limit(self, rules: &HotlineRules) -> Term {
        match self {
            Category::Consult => rules.consult,
            Category::Help => rules.help,
            Category::Complaint => rules.complaint,
            Category::Suggestion => rules.suggestion,
        }
    }
}

/// How the caller found the reply, asked on the visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Satisfaction {
    /// Satisfied.
    Satisfied,
    /// Fairly satisfied.
    FairlySatisfied,
    /// Not satisfied.
    Dissatisfied,
}

impl Satisfaction {
    /// The code of DOMAIN.md section 6.
    pub const fn code(self) -> &'static str {
        match self {
            Satisfaction::Satisfied => "SATISFIED",
            Satisfaction::FairlySatisfied => "FAIRLY_SATISFIED",
            Satisfaction::Dissatisfied => "DISSATISFIED",
        }
    }
}

/// Where a ticket stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TicketState {
    /// Somebody called.
    Received,
    /// The agent knew the answer.
    AnsweredAtOnce,
    /// A unit has it.
    Dispatched,
    /// The unit says that it is not its own.
    Returned,
    /// The unit has signed for it.
    SignedFor,
    /// Somebody there deals with it.
    Handling,
    /// With more time.
    Extended,
    /// The unit has replied.
    Replied,
    /// The caller was asked about the reply (回访).
    Visited,
    /// The caller was not satisfied, and it begins anew.
    Reopened,
    /// Reopened often enough: the second pair of eyes deals with it (督办).
    Supervised,
    /// Done with.
    Closed,
}

impl TicketState {
    /// Every state.
    pub const ALL: [TicketState; 12] = [
        TicketState::Received,
        TicketState::AnsweredAtOnce,
        TicketState::Dispatched,
        TicketState::Returned,
        TicketState::SignedFor,
        TicketState::Handling,
        TicketState::Extended,
        TicketState::Replied,
        TicketState::Visited,
        TicketState::Reopened,
        TicketState::Supervised,
        TicketState::Closed,
    ];

    /// The code of DOMAIN.md section 4.
    pub const fn code(self) -> &'static str {
        match self {
            TicketState::Received => "RECEIVED",
            TicketState::AnsweredAtOnce => "ANSWERED_AT_ONCE",
            TicketState::Dispatched => "DISPATCHED",
            TicketState::Returned => "RETURNED",
            TicketState::SignedFor => "SIGNED_FOR",
            TicketState::Handling => "HANDLING",
            TicketState::Extended => "EXTENDED",
            TicketState::Replied => "REPLIED",
            TicketState::Visited => "VISITED",
            TicketState::Reopened => "REOPENED",
            TicketState::Supervised => "SUPERVISED",
            TicketState::Closed => "CLOSED",
        }
    }

    /// Whether nothing comes after it.
    pub const fn is_final(self) -> bool {
        self.onward().is_empty()
    }

    const fn onward(self) -> &'static [TicketState] {
        use TicketState as S;
        match self {
            S::Received => &[S::AnsweredAtOnce, S::Dispatched],
            S::Dispatched => &[S::SignedFor, S::Returned],
            S::Returned | S::Reopened => &[S::Dispatched],
            S::SignedFor => &[S::Handling],
            S::Handling => &[S::Extended, S::Replied],
            S::Extended | S::Supervised => &[S::Replied],
            S::Replied => &[S::Visited],
            S::Visited => &[S::Closed, S::Reopened, S::Supervised],
            S::AnsweredAtOnce | S::Closed => &[],
        }
    }

    /// The machine of DOMAIN.md section 4: the one place that knows where a ticket may go.
    ///
    /// # Errors
    /// It may not go there; the error names both states.
    pub fn on(self, to: TicketState) -> Result<TicketState, IllegalTransition> {
        if self.onward().contains(&to) {
            return Ok(to);
        }
        Err(IllegalTransition { state: format!("{self:?}"), input: format!("{to:?}") })
    }
}

/// What somebody calls with. No personal data: who called is not kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Of which kind it is.
    pub category: Category,
    /// What it is about, in the agent's words.
    pub matter: String,
    /// The application that it is about, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application_id: Option<ApplicationId>,
}

/// What is done with a ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
#[allow(missing_docs, reason = "the fields say what they are")]
pub enum Act {
    /// The agent answers on the phone, and it is done with.
    AnswerAtOnce { reply: String },
    /// It goes to a unit, and its time begins.
    Dispatch { unit: String },
    /// The unit says that it is not its own.
    Return { because: String },
    /// The unit signs for it.
    SignFor,
    /// Somebody there begins with it.
    Begin,
    /// More time is asked for.
    AskExtension { because: String },
    /// It is granted, or not.
    DecideExtension { granted: bool, because: String },
    /// The unit replies.
    Reply { reply: String },
    /// The caller is asked about the reply.
    Visit { satisfaction: Satisfaction, because: Option<String> },
    /// It is done with.
    Close,
    /// It is about this application.
    Link { application_id: ApplicationId },
    /// The caller asks for relief for this application's loan.
    StartRelief { application_id: ApplicationId, reason: String },
}

impl Act {
    /// The application that it names.
    pub fn application_id(&self) -> Option<&ApplicationId> {
        match self {
            Act::Link { application_id } | Act::StartRelief { application_id, .. } => Some(application_id),
            _ => None,
        }
    }
}

/// One thing that was done with a ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// When.
    pub at: Moment,
    /// By whom.
    pub by: Person,
    /// What.
    #[serde(flatten)]
    pub act: Act,
    /// Where the ticket then stood.
    pub state: TicketState,
}

/// A ticket changes: what was done, and what has to be done next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What was done.
    pub done: Done,
    /// What waits for a person from now on.
    pub tasks: Vec<Task<Role>>,
    /// Until when there should be a reply; none: nobody has to reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Moment>,
    /// The number of the request for relief that was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relief: Option<u32>,
}

/// A ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// Its number.
    pub id: TicketId,
    /// The charter whose limits hold for it.
    pub charter: CharterHash,
    /// When somebody called.
    pub received_at: Moment,
    /// Who took the call.
    pub received_by: Person,
    /// What it is about.
    pub call: Call,
    /// Where it stands.
    pub state: TicketState,
    /// Until when there should be a reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Moment>,
    /// Whether one of its replies came after that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub was_late: bool,
    /// Requests for relief that were made in it: application, number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reliefs: Vec<(ApplicationId, u32)>,
    /// What waits for a person.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<Task<Role>>,
    /// What was done with it, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub done: Vec<Done>,
}

impl Ticket {
    pub(crate) fn apply(&mut self, change: &Change) {
        let Change { done, tasks, due_at, relief } = change;
        let is_reply = matches!(done.act, Act::Reply { .. });
        self.was_late |= is_reply && self.due_at.is_some_and(|due_at| done.at > due_at);
        self.state = done.state;
        self.tasks.clone_from(tasks);
        self.due_at = *due_at;
        if let Some(id) = done.act.application_id() {
            self.call.application_id = Some(id.clone());
            self.reliefs.extend(relief.map(|no| (id.clone(), no)));
        }
        self.done.push(done.clone());
    }

    pub(crate) fn remind(&mut self, task: &str, notice: Notice) {
        for task in self.tasks.iter_mut().filter(|open| open.id == task) {
            task.deadline.give(notice);
        }
    }

    /// When something of this kind was done last.
    pub fn last(&self, is_it: impl Fn(&Act) -> bool) -> Option<&Done> {
        self.done.iter().rev().find(|done| is_it(&done.act))
    }

    /// When it was dispatched last.
    pub fn dispatched_at(&self) -> Option<Moment> {
        self.last(|act| matches!(act, Act::Dispatch { .. })).map(|done| done.at)
    }

    /// When it was replied to last, since it was dispatched.
    pub fn replied_at(&self) -> Option<Moment> {
        let replied_at = self.last(|act| matches!(act, Act::Reply { .. })).map(|done| done.at);
        replied_at.filter(|at| self.dispatched_at().is_none_or(|dispatched| dispatched <= *at))
    }

    /// How often it was reopened.
    pub fn reopenings(&self) -> usize {
        self.done.iter().filter(|done| done.state == TicketState::Reopened).count()
    }

    /// Whether a reply came after its time, or has not come in it: any of the replies, if it was reopened.
    pub fn was_late(&self, now: Moment) -> bool {
        self.was_late || (self.replied_at().is_none() && self.due_at.is_some_and(|due_at| now > due_at))
    }

    /// What is asked of the caller last.
    pub fn satisfaction(&self) -> Option<Satisfaction> {
        self.done.iter().rev().find_map(|done| match &done.act {
            Act::Visit { satisfaction, .. } => Some(*satisfaction),
            _ => None,
        })
    }

    /// Whether more time was granted since it was dispatched last.
    pub(crate) fn was_extended(&self) -> bool {
        let since = self.done.iter().rev().take_while(|done| !matches!(done.act, Act::Dispatch { .. }));
        since.into_iter().any(|done| done.state == TicketState::Extended)
    }
}

/// A ticket as the API shows it.
pub fn shown(ticket: &Ticket) -> Value {
    let at = |is_it: fn(&Act) -> bool| ticket.last(is_it).map(|done| done.at.to_string());
    let reply = ticket.done.iter().rev().find_map(|done| match &done.act {
        Act::Reply { reply } | Act::AnswerAtOnce { reply } => Some(reply),
        _ => None,
    });
    let unit = ticket.done.iter().rev().find_map(|done| match &done.act {
        Act::Dispatch { unit } => Some(unit),
        _ => None,
    });
    json!({
        "ticket_id": ticket.id,
        "ticket_state": ticket.state.code(),
        "ended": ticket.state.is_final(),
        "category": ticket.call.category,
        "matter": ticket.call.matter,
        "about_application": ticket.call.application_id,
        "received_at": ticket.received_at.to_string(),
        "received_by": ticket.received_by,
        "unit": unit,
        "dispatched_at": ticket.dispatched_at().map(|at| at.to_string()),
        "signed_for_at": at(|act| matches!(act, Act::SignFor)),
        "due_at": ticket.due_at.map(|at| at.to_string()),
        "was_late": ticket.was_late,
        "replied_at": ticket.replied_at().map(|at| at.to_string()),
        "reply": reply,
        "visited_at": at(|act| matches!(act, Act::Visit { .. })),
        "satisfaction": ticket.satisfaction(),
        "closed_at": at(|act| matches!(act, Act::Close)),
        "reopenings": ticket.reopenings(),
        "relief_requests": ticket
            .reliefs
            .iter()
            .map(|(id, no)| json!({ "about_application": id, "no": no }))
            .collect::<Vec<_>>(),
        "acts": ticket.done.iter().map(act_shown).collect::<Vec<_>>(),
    })
}

fn act_shown(done: &Done) -> Value {
    let mut shown = json!(done.act);
    shown["at"] = done.at.to_string().into();
    shown["by"] = json!(done.by);
    shown["ticket_state"] = done.state.code().into();
    shown
}

/// What of a ticket whoever it is about is shown: where it stands and what the answer is.
pub fn shown_to_applicant(ticket: &Ticket) -> Value {
    let shown = shown(ticket);
    let fields = ["ticket_id", "ticket_state", "category", "received_at", "due_at", "replied_at", "reply", "closed_at"];
    fields.into_iter().map(|name| (name.to_owned(), shown[name].clone())).collect()
}

/// What was done, as a line of a timeline.
pub(crate) fn zh(id: TicketId, act: &Act) -> String {
    let did = match act {
        Act::AnswerAtOnce { .. } => "当场答复".to_owned(),
        Act::Dispatch { unit } => format!("派单至{unit}"),
        Act::Return { because } => format!("退单：{because}"),
        Act::SignFor => "签收".to_owned(),
        Act::Begin => "开始办理".to_owned(),
        Act::AskExtension { because } => format!("申请延期：{because}"),
        Act::DecideExtension { granted: true, .. } => "同意延期".to_owned(),
        Act::DecideExtension { granted: false, because } => format!("不同意延期：{because}"),
        Act::Reply { .. } => "答复".to_owned(),
        Act::Visit { satisfaction, .. } => match satisfaction {
            Satisfaction::Satisfied => "回访：满意".to_owned(),
            Satisfaction::FairlySatisfied => "回访：基本满意".to_owned(),
            Satisfaction::Dissatisfied => "回访：不满意".to_owned(),
        },
        Act::Close => "办结".to_owned(),
        Act::Link { .. } => "关联本申请".to_owned(),
        Act::StartRelief { .. } => "代为提出纾困申请".to_owned(),
    };
    format!("12351 工单 {id}：{did}")
}
