//! S11: a call is answered at once or travels as a ticket; a reply closes nothing, the visit does; and consultations are counted.

use super::{office::*, relief, states};
use domain::{ApplicationId, Date, Moment};
use organisation::{Input, Organisation, Row as AnyRow, Stop};
use saga::Notice;
use std::collections::BTreeSet;
use union_core::{
    Command, Row, Union,
    consultation::{Asker, Consultation, ConsultationsRow, Topic, Via},
    hotline::tasks,
    relief::ReliefState,
    rows,
    ticket::{Act, Call, Category, Satisfaction, Ticket, TicketId, TicketState},
};

pub const AGENT: &str = "hotline_agent";
pub const APPROVER: &str = "approver";

pub fn call(category: Category) -> Command {
    Command::TakeCall(Call { category, matter: "询问贴息进度".into(), application_id: None })
}

pub fn ticket_id(number: u32) -> TicketId {
    TicketId::new(2020, number)
}

pub fn on_ticket(act: Act) -> Command {
    Command::ActOnTicket { ticket_id: ticket_id(1), act }
}

pub fn dispatch() -> Act {
    Act::Dispatch { unit: "朝阳区代办处".into() }
}

pub fn reply() -> Act {
    Act::Reply { reply: "贴息将于下月支付".into() }
}

pub fn ask_extension() -> Act {
    Act::AskExtension { because: "须与银行核对".into() }
}

pub fn decide_extension(granted: bool) -> Act {
    Act::DecideExtension { granted, because: "情况属实".into() }
}

pub fn visit(satisfaction: Satisfaction) -> Act {
    Act::Visit { satisfaction, because: None }
}

pub fn start_relief() -> Act {
    Act::StartRelief { application_id: id(1), reason: "未能开工".into() }
}

pub fn ticket(office: &Office, number: u32) -> &Ticket {
    match office.store.get(&rows::ticket(&ticket_id(number))) {
        Some((AnyRow::Own(Row::Ticket(ticket)), _)) => ticket,
        other => panic!("ticket {number} is {other:?}"),
    }
}

/// Who holds the role of the task that the act needs, each a person of its own.
fn who(act: &Act) -> (&'static str, &'static str) {
    match act {
        Act::AnswerAtOnce { .. } | Act::Dispatch { .. } | Act::Visit { .. } | Act::Close | Act::Link { .. } => {
            ("agent", AGENT)
        }
        Act::DecideExtension { .. } => ("approver", APPROVER),
        _ => ("officer", INTAKE),
    }
}

impl Office {
    fn does(&mut self, act: Act) -> TicketState {
        let (person, role) = who(&act);
        self.act(person, role, on_ticket(act));
        ticket(self, 1).state
    }

    fn cannot(&mut self, act: Act) -> String {
        let (person, role) = who(&act);
        self.refused(person, role, on_ticket(act)).code
    }

    fn hours_later(&mut self, hours: i64) {
        self.at = self.at.plus_hours(hours);
    }
}

fn open_tasks(office: &Office) -> Vec<(String, &'static str, Moment)> {
    let ticket = ticket(office, 1);
    ticket.tasks.iter().map(|task| (task.id.clone(), task.role().code(), task.due_at())).collect()
}

/// A call that was taken on Monday the first of June 2020 at nine.
pub fn called(category: Category) -> Office {
    let mut office = Office::open(900_000_000);
    office.act("agent", AGENT, call(category));
    office
}

/// With these acts.
pub fn after(category: Category, acts: impl IntoIterator<Item = Act>) -> Office {
    let mut office = called(category);
    for act in acts {
        office.does(act);
    }
    office
}

#[test]
fn each_pair_of_states_is_in_the_table_or_illegal() {
    for from in TicketState::ALL {
        assert_eq!(from.is_final(), TicketState::ALL.iter().all(|to| from.on(*to).is_err()), "{from:?}");
    }
    insta::assert_snapshot!(states::table(&TicketState::ALL, TicketState::on, TicketState::code));
}

#[test]
fn numbers_of_tickets_are_read_as_they_are_written_and_count_by_year() {
    for text in ["GD-2020-001", "GD-2020-999", "GD-2021-1000"] {
        assert_eq!(TicketId::parse(text).unwrap().to_string(), text);
    }
    for wrong in
        ["GD-2020-1", "GD-2020-000", "GD-0020-001", "GD-2020-0001", "gd-2020-001", "NCD-2020-001", "GD-2020", ""]
    {
        assert!(TicketId::parse(wrong).is_err(), "{wrong}");
    }
    let mut office = called(Category::Help);
    office.act("agent", AGENT, call(Category::Help));
    assert_eq!(ticket(&office, 2).id.to_string(), "GD-2020-002");
    office.at = moment("2021-01-04T09:00:00+08:00");
    let answer = office.act("agent", AGENT, call(Category::Help)).answer.unwrap();
    assert_eq!(answer.body["ticket_id"], "GD-2021-001");
}

#[test]
fn a_call_that_is_answered_at_once_is_done_with() {
    let mut office = called(Category::Consult);
    assert_eq!(open_tasks(&office), [(tasks::DISPATCH.into(), AGENT, moment("2020-06-01T11:00:00+08:00"))]);
    assert_eq!(office.does(Act::AnswerAtOnce { reply: "可以续贷".into() }), TicketState::AnsweredAtOnce);
    assert!(open_tasks(&office).is_empty());
    for act in [dispatch(), reply(), Act::Close, Act::SignFor] {
        assert_eq!(office.cannot(act), "NOT_NOW");
    }
}

#[test]
fn a_ticket_goes_from_hand_to_hand_and_its_visit_not_its_reply_closes_it() {
    let mut office = called(Category::Consult);
    office.at = moment("2020-06-01T10:00:00+08:00");
    assert_eq!(office.does(dispatch()), TicketState::Dispatched);
    assert_eq!(open_tasks(&office), [(tasks::SIGN_FOR.into(), INTAKE, moment("2020-06-01T12:00:00+08:00"))]);
    assert_eq!(office.does(Act::SignFor), TicketState::SignedFor);
    let due_at = moment("2020-06-02T10:00:00+08:00");
    assert_eq!(open_tasks(&office), [(tasks::BEGIN.into(), INTAKE, due_at)], "24 hours from the dispatch");
    assert_eq!(office.cannot(reply()), "NOT_NOW", "nobody has begun with it");
    assert_eq!(office.does(Act::Begin), TicketState::Handling);
    assert_eq!(open_tasks(&office), [(tasks::REPLY.into(), INTAKE, due_at)]);
    assert_eq!(office.does(reply()), TicketState::Replied);
    assert_eq!(office.cannot(Act::Close), "NOT_NOW", "a reply closes nothing");
    // Whoever replied does not ask how it was found.
    let by_replier = office.refused("officer", AGENT, on_ticket(visit(Satisfaction::Satisfied)));
    assert_eq!(by_replier.code, "FOUR_EYES");
    assert_eq!(office.does(visit(Satisfaction::FairlySatisfied)), TicketState::Visited);
    assert_eq!(office.does(Act::Close), TicketState::Closed);
    let ticket = ticket(&office, 1);
    assert_eq!((ticket.satisfaction(), ticket.was_late(office.at)), (Some(Satisfaction::FairlySatisfied), false));
    assert!(ticket.tasks.is_empty() && ticket.done.len() == 6);
}

#[test]
fn each_category_has_its_own_time_from_dispatch_to_reply() {
    for (category, due_at) in [
        (Category::Consult, "2020-06-02T09:00:00+08:00"),
        (Category::Help, "2020-06-08T09:00:00+08:00"),
        (Category::Complaint, "2020-06-08T09:00:00+08:00"),
        (Category::Suggestion, "2020-06-16T09:00:00+08:00"),
    ] {
        assert_eq!(ticket(&after(category, [dispatch()]), 1).due_at, Some(moment(due_at)), "{category:?}");
    }
}

#[test]
fn what_is_not_the_units_own_is_returned_within_a_working_day_and_dispatched_anew() {
    let back = || Act::Return { because: "属银行事项".into() };
    let mut office = after(Category::Help, [dispatch()]);
    office.at = moment("2020-06-02T23:59:59.999+08:00");
    assert_eq!(office.does(back()), TicketState::Returned);
    office.at = moment("2020-06-03T09:30:00+08:00");
    assert_eq!(office.does(dispatch()), TicketState::Dispatched);
    let due_at = moment("2020-06-10T09:30:00+08:00");
    assert_eq!(ticket(&office, 1).due_at, Some(due_at), "its time begins anew");
    // On the second working day it is too late.
    office.at = moment("2020-06-05T00:00:00+08:00");
    assert_eq!(office.cannot(back()), "TOO_LATE_TO_RETURN");
    office.does(Act::SignFor);
    assert_eq!(office.cannot(back()), "NOT_NOW", "what was signed for is one's own");
}

#[test]
fn more_time_is_asked_for_in_time_granted_by_another_and_once() {
    let mut office = after(Category::Help, [dispatch(), Act::SignFor, Act::Begin]);
    office.does(ask_extension());
    assert_eq!(office.cannot(ask_extension()), "EXTENSION_OPEN");
    let own = office.refused("officer", APPROVER, on_ticket(decide_extension(true)));
    assert_eq!(own.code, "FOUR_EYES", "whoever wants it does not grant it");
    assert_eq!(office.does(decide_extension(false)), TicketState::Handling, "refused: as before");
    assert_eq!(office.cannot(decide_extension(true)), "NOT_NOW");
    office.does(ask_extension());
    assert_eq!(office.does(decide_extension(true)), TicketState::Extended);
    let due_at = moment("2020-06-15T09:00:00+08:00");
    assert_eq!(open_tasks(&office), [(tasks::REPLY.into(), INTAKE, due_at)], "the same time once more");
    assert_eq!(office.cannot(ask_extension()), "EXTENDED_BEFORE");
    office.at = due_at;
    assert_eq!(office.does(reply()), TicketState::Replied);
    assert!(!ticket(&office, 1).was_late(office.at));

    let mut late = after(Category::Consult, [dispatch(), Act::SignFor, Act::Begin]);
    late.hours_later(25);
    assert_eq!(late.cannot(ask_extension()), "TOO_LATE_TO_EXTEND");
    assert!(ticket(&late, 1).was_late(late.at));
    late.does(reply());
    assert!(ticket(&late, 1).was_late(late.at), "a late reply stays late");
}

#[test]
fn a_reply_takes_back_the_wish_for_more_time() {
    let mut office = after(Category::Help, [dispatch(), Act::SignFor, Act::Begin, ask_extension(), reply()]);
    assert_eq!(office.cannot(decide_extension(true)), "NOT_NOW");
}

#[test]
fn whoever_is_not_satisfied_has_it_reopened_twice_and_then_it_is_supervised() {
    let round = || [dispatch(), Act::SignFor, Act::Begin, reply(), visit(Satisfaction::Dissatisfied)];
    let mut office = after(Category::Help, round());
    assert_eq!(ticket(&office, 1).state, TicketState::Reopened);
    for act in round() {
        office.does(act);
    }
    assert_eq!((ticket(&office, 1).state, ticket(&office, 1).reopenings()), (TicketState::Reopened, 2));
    for act in round() {
        office.does(act);
    }
    assert_eq!(ticket(&office, 1).state, TicketState::Supervised);
    office.hours_later(1);
    let own = office.refused("officer", APPROVER, on_ticket(reply()));
    assert_eq!(own.code, "FOUR_EYES", "not by whoever replied before");
    assert_eq!(office.cannot(dispatch()), "NOT_NOW");
    office.act("approver", APPROVER, on_ticket(reply()));
    // It has an end, whatever the caller says.
    assert_eq!(office.does(visit(Satisfaction::Dissatisfied)), TicketState::Visited);
    assert_eq!(office.does(Act::Close), TicketState::Closed);
    assert_eq!(ticket(&office, 1).satisfaction(), Some(Satisfaction::Dissatisfied));
}

#[test]
fn whoever_has_it_is_reminded_at_half_and_most_of_the_time_and_nothing_is_decided() {
    let mut office = after(Category::Help, [dispatch()]);
    let key = rows::ticket(&ticket_id(1));
    for (at, noticed) in [
        ("2020-06-01T10:00:00+08:00", Notice::Half),
        ("2020-06-01T10:36:00+08:00", Notice::Most),
        ("2020-06-01T11:00:00+08:00", Notice::Overdue),
    ] {
        let wake = Union::index(&Row::Ticket(Box::new(ticket(&office, 1).clone()))).wake_at;
        assert_eq!(wake, Some(moment(at)));
        office.at = moment(at);
        office.decide(&Input::Due(key.clone())).unwrap();
        assert_eq!(ticket(&office, 1).tasks[0].deadline.noticed, Some(noticed));
    }
    let row = Row::Ticket(Box::new(ticket(&office, 1).clone()));
    assert_eq!((Union::index(&row).wake_at, Union::index(&row).tasks[0].escalated), (None, true));
    assert_eq!(ticket(&office, 1).state, TicketState::Dispatched);
}

#[test]
fn a_ticket_starts_relief_and_closing_it_never_closes_the_relief() {
    let mut office = relief::lent();
    let about = Call { category: Category::Help, matter: "申请延期还款".into(), application_id: Some(id(1)) };
    office.act("agent", AGENT, Command::TakeCall(about));
    assert_eq!(office.application(1).tickets, BTreeSet::from([ticket_id(1)]));
    office.does(dispatch());
    office.act("agent", AGENT, on_ticket(start_relief()));
    assert_eq!(ticket(&office, 1).reliefs, [(id(1), 1)]);
    let of = |office: &Office| office.application(1).reliefs[0].clone();
    assert_eq!((of(&office).via.as_str(), of(&office).state()), ("12351", ReliefState::Requested));
    // The rules of relief hold: one request at a time.
    assert_eq!(office.cannot(start_relief()), "RELIEF_OPEN");
    for act in [Act::SignFor, Act::Begin, reply(), visit(Satisfaction::Satisfied), Act::Close] {
        office.does(act);
    }
    assert_eq!(of(&office).state(), ReliefState::Requested, "still under way");
    assert_eq!(office.cannot(start_relief()), "NOT_NOW", "the ticket is closed");
    office.act("i", INTAKE, relief::triage(None));
    assert_eq!(of(&office).state(), ReliefState::Triaged);
}

#[test]
fn a_ticket_is_about_one_application_at_a_time() {
    let mut office = called(Category::Consult);
    office.submit(1, AMOUNT);
    office.submit(2, AMOUNT);
    let link = |number| Act::Link { application_id: id(number) };
    office.does(link(1));
    office.does(link(2));
    assert!(office.application(1).tickets.is_empty());
    assert_eq!(office.application(2).tickets, BTreeSet::from([ticket_id(1)]));
    let unknown = Act::Link { application_id: ApplicationId::new(2020, 99).unwrap() };
    assert_eq!(office.cannot(unknown), "NOT_FOUND");
    let unknown = Call { category: Category::Help, matter: "进度".into(), application_id: Some(id(99)) };
    assert_eq!(office.refused("agent", AGENT, Command::TakeCall(unknown)).code, "NOT_FOUND");
    assert_eq!(ticket(&office, 1).state, TicketState::Received, "a link moves nothing");
}

#[test]
fn of_a_ticket_that_there_is_not_and_before_any_charter_nothing_is_done() {
    let mut office = Office::open(900_000_000);
    assert_eq!(office.cannot(dispatch()), "NOT_FOUND");
    office.at = moment("2016-12-31T09:00:00+08:00");
    assert_eq!(office.refused("agent", AGENT, call(Category::Help)).code, "POLICY_NOT_IN_FORCE");
}

#[test]
fn an_older_copy_gives_no_number_twice() {
    let mut office = called(Category::Help);
    office.decide(&Input::SetBack).unwrap();
    let answer = office.act("agent", AGENT, call(Category::Help)).answer.unwrap();
    assert_eq!(answer.body["ticket_id"], "GD-2020-10002");
}

fn consultation(on: Date) -> Command {
    let (from, channel, topic) = (Asker::Enterprise, Via::Phone, Topic::Renewal);
    Command::RecordConsultation(Consultation { on, from, channel, topic })
}

pub fn consult() -> Command {
    consultation(Date::constant(2020, 6, 1))
}

#[test]
fn consultations_are_counted_by_month_and_topic_and_no_day_to_come_or_long_past_is_taken() {
    let mut office = Office::open(900_000_000);
    office.act("agent", AGENT, consult());
    let second = Consultation {
        on: Date::constant(2020, 6, 1),
        from: Asker::PrimaryUnion,
        channel: Via::Wechat,
        topic: Topic::Renewal,
    };
    office.act("agent", AGENT, Command::RecordConsultation(second));
    office.act("agent", AGENT, consultation(Date::constant(2020, 5, 1)));
    for (on, code) in [(Date::constant(2020, 6, 2), "CONSULTED_ON"), (Date::constant(2020, 4, 30), "CONSULTED_ON")] {
        assert_eq!(office.refused("agent", AGENT, consultation(on)).code, code, "{on}");
    }
    let month = |office: &Office, on| -> ConsultationsRow {
        match office.store.get(&rows::consultations(on)) {
            Some((AnyRow::Own(Row::Consultations(month)), _)) => month.clone(),
            other => panic!("{other:?}"),
        }
    };
    let june = month(&office, Date::constant(2020, 6, 1));
    assert_eq!((june.sum(), june.by_topic()), (2, [("RENEWAL", 2)].into()));
    assert_eq!(month(&office, Date::constant(2020, 5, 1)).sum(), 1);
}

#[test]
fn who_has_no_business_with_a_ticket_is_told_which_role_has() {
    let mut office = called(Category::Help);
    let Err(Stop::Refused(refusal)) = office.command("a", APPLICANT, on_ticket(dispatch())) else { panic!() };
    assert!(refusal.detail.contains(AGENT), "{}", refusal.detail);
}
