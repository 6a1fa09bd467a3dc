//! S11: the hotline 12351. An agent takes the call and answers at once or dispatches it; the unit signs for it and replies; the agent
//! asks the caller about the reply, and only then is it done with.
//!
//! Agent and unit are two: whoever replied does not ask how the reply was found, and whoever wants more time does not grant it. Each
//! waiting person has a deadline that reminds and escalates; none of them decides anything.

use crate::{
    Fact, Role, Row, Union,
    decide::{last_number, on_application, year},
    relief, rows,
    ticket::{self, Act, Call, Change, Done, Satisfaction, Ticket, TicketId, TicketState},
};
use domain::{Calendar, CalendarError, HotlineRules, Moment, Term};
use organisation::{Actor, Answer, Desk, Did, Person, Refusal, RefusalKind, Stop, charters, people::task_refused};
use saga::Task;
use std::collections::BTreeSet;

/// The names of the tasks.
pub mod tasks {
    /// Received, returned or reopened: answer it at once, or dispatch it.
    pub const DISPATCH: &str = "dispatch-ticket";
    /// Sign for it, or return it.
    pub const SIGN_FOR: &str = "sign-for-ticket";
    /// Begin with it.
    pub const BEGIN: &str = "begin-ticket";
    /// Reply, or ask for more time.
    pub const REPLY: &str = "reply-to-ticket";
    /// Grant more time, or not.
    pub const EXTENSION: &str = "extend-ticket";
    /// Ask the caller about the reply.
    pub const VISIT: &str = "visit-caller";
    /// Close it.
    pub const CLOSE: &str = "close-ticket";
    /// Reply to what was reopened often enough.
    pub const SUPERVISE: &str = "supervise-ticket";
}

/// A task as people read it.
pub(crate) fn task_zh(task: &str) -> &str {
    match task {
        tasks::DISPATCH => "派单或当场答复",
        tasks::SIGN_FOR => "签收工单",
        tasks::BEGIN => "着手办理工单",
        tasks::REPLY => "答复工单",
        tasks::EXTENSION => "审批工单延期",
        tasks::VISIT => "回访",
        tasks::CLOSE => "工单办结",
        tasks::SUPERVISE => "督办工单",
        other => other,
    }
}

fn conflict(code: &str, title: &str, detail: &str) -> Stop {
    Refusal::new(RefusalKind::Conflict, code, title, detail).into()
}

fn beyond(error: &CalendarError) -> Stop {
    Stop::Illegal(error.to_string())
}

/// The ticket.
///
/// # Errors
/// There is none of this number.
fn find<'a>(desk: &'a Desk<Union>, id: &TicketId) -> Result<&'a Ticket, Stop> {
    match desk.own(&rows::ticket(id))? {
        Some(Row::Ticket(ticket)) => Ok(ticket),
        _ => {
            let detail = format!("没有编号为 {id} 的工单。");
            Err(Refusal::new(RefusalKind::NotFound, "NOT_FOUND", "没有此工单", detail).into())
        }
    }
}

/// An agent takes a call.
///
/// # Errors
/// No charter is in force; the application that it is about does not exist.
pub(crate) fn receive(union: &Union, actor: &Actor, call: &Call, desk: &mut Desk<Union>) -> Result<(), Stop> {
    let (now, today) = (desk.at(), desk.at().date());
    let Some((hash, charter)) = charters::in_force(union, desk, today)? else {
        let detail = "当日没有三方均已接受的有效章程，无从确定工单时限。";
        return Err(conflict("POLICY_NOT_IN_FORCE", "当日无有效章程", detail));
    };
    if let Some(about) = &call.application_id
        && desk.own(&rows::application(about))?.is_none()
    {
        return Err(Refusal::not_found(about).into());
    }
    let last = last_number(desk, &rows::ticket_numbers(), today)?;
    let id = TicketId::new(year(today)?, last.saturating_add(1));
    let next = Next { rules: &charter.hotline, calendar: &charter.calendar, now };
    let ticket = Ticket {
        id,
        charter: hash,
        received_at: now,
        received_by: actor.person.clone(),
        call: call.clone(),
        state: TicketState::Received,
        due_at: None,
        was_late: false,
        reliefs: Vec::new(),
        tasks: vec![next.dispatch()?],
        done: Vec::new(),
    };
    if let Some(about) = &call.application_id {
        desk.concerns(about);
    }
    desk.record(Fact::TicketReceived(Box::new(ticket)))?;
    answer(desk, &id, Did::Created)
}

/// Something is done with a ticket.
///
/// # Errors
/// In this order: no such ticket; it does not wait for this, or not for this person; what the act itself needs.
pub(crate) fn act(union: &Union, desk: &mut Desk<Union>, actor: &Actor, id: &TicketId, act: &Act) -> Result<(), Stop> {
    let ticket = find(desk, id)?.clone();
    let now = desk.at();
    let charter = charters::accepted(union, desk, &ticket.charter)?
        .ok_or_else(|| Stop::Illegal(format!("{id} is pinned to a charter that is not here")))?;
    may(&ticket, actor, act)?;
    if let Some(about) = act.application_id()
        && desk.own(&rows::application(about))?.is_none()
    {
        return Err(Refusal::not_found(about).into());
    }
    let mut state = ticket.state;
    for to in onward(&ticket, act, &charter.hotline) {
        state = state.on(to).map_err(|_| not_now())?;
    }
    let mut relief = None;
    if let Act::StartRelief { application_id, reason } = act {
        on_application(union, desk, application_id, |w| relief::request(w, "12351", reason))?;
        if let Some(Row::Application(application)) = desk.own(&rows::application(application_id))? {
            relief = application.reliefs.last().map(|relief| relief.no);
        }
    }
    let change =
        Next { rules: &charter.hotline, calendar: &charter.calendar, now }.change(&ticket, actor, act, state)?;
    if let Some(about) = act.application_id().or(ticket.call.application_id.as_ref()) {
        desk.concerns(about);
    }
    desk.record(Fact::TicketChanged { id: *id, change: Box::new(Change { relief, ..change }) })?;
    answer(desk, id, Did::Changed)
}

fn not_now() -> Stop {
    conflict("NOT_NOW", "工单当前不能这样办理", "请刷新工单，按其当前状态办理。")
}

/// The names of the tasks by which this is done; none: it is done beside any, as long as the ticket is open.
pub const fn tasks_of(act: &Act) -> &'static [&'static str] {
    match act {
        Act::AnswerAtOnce { .. } | Act::Dispatch { .. } => &[tasks::DISPATCH],
        Act::SignFor | Act::Return { .. } => &[tasks::SIGN_FOR],
        Act::Begin => &[tasks::BEGIN],
        Act::AskExtension { .. } => &[tasks::REPLY],
        Act::Reply { .. } => &[tasks::REPLY, tasks::SUPERVISE],
        Act::DecideExtension { .. } => &[tasks::EXTENSION],
        Act::Visit { .. } => &[tasks::VISIT],
        Act::Close => &[tasks::CLOSE],
        Act::Link { .. } | Act::StartRelief { .. } => &[],
    }
}

/// Whether it waits for this act, and by this person.
fn may(ticket: &Ticket, actor: &Actor, act: &Act) -> Result<(), Stop> {
    let needed = tasks_of(act);
    if needed.is_empty() {
        return if ticket.state.is_final() { Err(not_now()) } else { Ok(()) };
    }
    let task = ticket.tasks.iter().find(|task| needed.contains(&task.id.as_str())).ok_or_else(not_now)?;
    actor.must_hold(&[task.role()])?;
    Ok(task.may_decide(&actor.person).map_err(|refusal| task_refused(&refusal))?)
}

/// Through which states the act takes it.
fn onward(ticket: &Ticket, act: &Act, rules: &HotlineRules) -> Vec<TicketState> {
    use TicketState as S;
    match act {
        Act::AnswerAtOnce { .. } => vec![S::AnsweredAtOnce],
        Act::Dispatch { .. } => vec![S::Dispatched],
        Act::Return { .. } => vec![S::Returned],
        Act::SignFor => vec![S::SignedFor],
        Act::Begin => vec![S::Handling],
        Act::DecideExtension { granted: true, .. } => vec![S::Extended],
        Act::Reply { .. } => vec![S::Replied],
        Act::Visit { satisfaction: Satisfaction::Dissatisfied, .. } if !was_supervised(ticket) => {
            let may_reopen = ticket.reopenings() < usize::from(rules.reopenings);
            vec![S::Visited, if may_reopen { S::Reopened } else { S::Supervised }]
        }
        Act::Visit { .. } => vec![S::Visited],
        Act::Close => vec![S::Closed],
        Act::AskExtension { .. }
        | Act::DecideExtension { granted: false, .. }
        | Act::Link { .. }
        | Act::StartRelief { .. } => Vec::new(),
    }
}

fn was_supervised(ticket: &Ticket) -> bool {
    ticket.done.iter().any(|done| done.state == TicketState::Supervised)
}

/// What comes next, and until when.
struct Next<'a> {
    rules: &'a HotlineRules,
    calendar: &'a Calendar,
    now: Moment,
}

impl Next<'_> {
    fn dispatch(&self) -> Result<Task<Role>, Stop> {
        self.open(tasks::DISPATCH, Role::HotlineAgent, self.rules.dispatch, BTreeSet::new())
    }

    fn change(&self, ticket: &Ticket, actor: &Actor, act: &Act, state: TicketState) -> Result<Change, Stop> {
        let limit = ticket.call.category.limit(self.rules);
        let after = |from| self.calendar.due(limit, from).map_err(|error| beyond(&error));
        let mut due_at = ticket.due_at;
        let mut tasks = ticket.tasks.clone();
        match act {
            Act::Return { .. } => self.in_time_to_return(ticket)?,
            Act::AskExtension { .. } => {
                self.may_extend(ticket)?;
                let (term, asker) = (self.rules.extension, BTreeSet::from([actor.person.clone()]));
                tasks.push(self.open(tasks::EXTENSION, Role::Approver, term, asker)?);
            }
            Act::DecideExtension { granted, .. } => {
                tasks.retain(|task| task.id != tasks::EXTENSION);
                if *granted {
                    due_at = ticket.due_at.map(after).transpose()?;
                    tasks = vec![self.reply(due_at.unwrap_or(self.now))];
                }
            }
            _ => {}
        }
        if matches!(act, Act::Dispatch { .. }) || state == TicketState::Supervised {
            due_at = Some(after(self.now)?);
        }
        let due = due_at.unwrap_or(self.now);
        if state != ticket.state {
            tasks = match state {
                TicketState::Received | TicketState::Returned | TicketState::Reopened => vec![self.dispatch()?],
                TicketState::Dispatched => {
                    vec![self.open(tasks::SIGN_FOR, Role::IntakeOfficer, self.rules.sign_for, BTreeSet::new())?]
                }
                TicketState::SignedFor => vec![self.until(tasks::BEGIN, Role::IntakeOfficer, due, BTreeSet::new())],
                TicketState::Handling => vec![self.reply(due)],
                TicketState::Extended => tasks,
                TicketState::Replied => {
                    let replier = BTreeSet::from([actor.person.clone()]);
                    vec![self.open(tasks::VISIT, Role::HotlineAgent, self.rules.visit, replier)?]
                }
                TicketState::Visited => {
                    vec![self.open(tasks::CLOSE, Role::HotlineAgent, self.rules.close, BTreeSet::new())?]
                }
                TicketState::Supervised => {
                    vec![self.until(tasks::SUPERVISE, Role::Approver, due, repliers(ticket))]
                }
                TicketState::AnsweredAtOnce | TicketState::Closed => Vec::new(),
            };
        }
        let done = Done { at: self.now, by: actor.person.clone(), act: act.clone(), state };
        Ok(Change { done, tasks, due_at, relief: None })
    }

    fn open(&self, name: &str, role: Role, term: Term, excluded: BTreeSet<Person>) -> Result<Task<Role>, Stop> {
        Task::open(name, role, term, self.now, self.calendar, excluded).map_err(|error| beyond(&error))
    }

    fn until(&self, name: &str, role: Role, due_at: Moment, excluded: BTreeSet<Person>) -> Task<Role> {
        Task::until(name, role, self.now, due_at, excluded)
    }

    fn reply(&self, due_at: Moment) -> Task<Role> {
        self.until(tasks::REPLY, Role::IntakeOfficer, due_at, BTreeSet::new())
    }

    fn in_time_to_return(&self, ticket: &Ticket) -> Result<(), Stop> {
        let dispatched_at = ticket.dispatched_at().unwrap_or(self.now);
        let until = self.calendar.due(self.rules.return_within, dispatched_at).map_err(|error| beyond(&error))?;
        if self.now <= until {
            return Ok(());
        }
        let detail = format!("非本单位职责的工单须在 {until} 前退回，现已逾期，请签收办理。");
        Err(conflict("TOO_LATE_TO_RETURN", "已过退单时限", &detail))
    }

    fn may_extend(&self, ticket: &Ticket) -> Result<(), Stop> {
        if ticket.tasks.iter().any(|task| task.id == tasks::EXTENSION) {
            return Err(conflict("EXTENSION_OPEN", "已申请延期", "延期申请正在审批，请等待结果。"));
        }
        if ticket.was_extended() {
            return Err(conflict("EXTENDED_BEFORE", "不能再次延期", "每次派单至多延期一次。"));
        }
        if ticket.due_at.is_some_and(|due_at| due_at < self.now) {
            return Err(conflict("TOO_LATE_TO_EXTEND", "已超期", "延期须在期限届满前申请；请尽快答复。"));
        }
        Ok(())
    }
}

/// Whoever has replied to it.
fn repliers(ticket: &Ticket) -> BTreeSet<Person> {
    let replies = ticket.done.iter().filter(|done| matches!(done.act, Act::Reply { .. }));
    replies.map(|done| done.by.clone()).collect()
}

/// Time has passed: whoever has it is reminded.
pub(crate) fn tick(desk: &mut Desk<Union>, id: &TicketId) -> Result<(), Stop> {
    let (now, ticket) = (desk.at(), find(desk, id)?);
    let due: Vec<_> = ticket
        .tasks
        .iter()
        .flat_map(|task| task.tick(now).into_iter().map(|notice| (task.id.clone(), notice)))
        .collect();
    if let Some(about) = ticket.call.application_id.clone() {
        desk.concerns(&about);
    }
    for (task, notice) in due {
        desk.record(Fact::TicketReminded { id: *id, task, notice })?;
    }
    Ok(())
}

fn answer(desk: &mut Desk<Union>, id: &TicketId, did: Did) -> Result<(), Stop> {
    let body = ticket::shown(find(desk, id)?);
    desk.answer(Answer { shows: Some(rows::ticket(id)), did, body });
    Ok(())
}
