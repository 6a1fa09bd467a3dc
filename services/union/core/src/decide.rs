//! One input after the other: who may do it, which application it concerns, what the saga makes of it.

use crate::{
    Fact, Reason, Role, Row, Union, answers,
    application::{Application, ApplicationState, Green, Occasion, WaitsForOld},
    command::{Command, EligibilityVerdict, Form, MemberEntry, Repair},
    consultation, filing, fund, hotline, living,
    origination::{self, Origination},
    papers,
    process::{self, Process},
    programme, relief, rights,
    rows::{self, FirmRow, NumbersRow},
    subsidy,
    ticket::TicketId,
    view,
    vocabulary::{FilingRefusal, GreenReason, IntakeRejection},
};
use contracts::{LoanLife, Message};
use domain::{ApplicationId, Charter, CharterHash, Charters, Date, Moment};
use organisation::people::{Handover, handed, task_refused};
use organisation::{
    Actor, Answer, Desk, Did, Input, Key, Person, PortAnswer, Refusal, RefusalKind, Rows, Stop, charters,
};
use saga::{Event, Reaction, Run, Verdict, World};
use std::collections::BTreeSet;

/// Numbers that nobody is given when this database is an older copy: more than can have been given since the copy was made.
/// Partners and applicants know some of them.
const SKIPPED: u32 = 10_000;

/// The rows that deciding this input will read.
pub(crate) fn needs(founding: &Charters, input: &Input<Command>, rows: &Rows<Row>, wanted: &mut BTreeSet<Key>) {
    let about_charter = charters::subject(input, |command| match command {
        Command::Charter(motion) => Some(motion),
        _ => None,
    });
    if let Some(hash) = about_charter {
        return wanted.extend(charters::keys(hash));
    }
    let application = match input {
        Input::Message(received) => received.message.application_id().cloned(),
        Input::Command { command: Command::Submit(form), .. } => {
            wanted.insert(rows::firm(form.firm.uscc.as_str()));
            wanted.insert(rows::member(&form.member));
            wanted.extend(form.reapplication_of.as_ref().map(rows::application));
            wanted.insert(rows::numbers());
            wanted.insert(charters::book_key());
            wanted.extend(fund::keys());
            None
        }
        Input::Command { command: Command::LoadMembers { members }, .. } => {
            wanted.extend(members.iter().map(|member| rows::member(&member.member)));
            wanted.extend(members.iter().filter_map(|member| member.union_org.as_deref()).map(rows::unit));
            None
        }
        Input::Command {
            command: Command::OpenBooks { .. } | Command::Control { .. } | Command::DropProposal { .. },
            ..
        } => {
            wanted.extend(fund::keys());
            None
        }
        Input::Command { command: Command::TakeCall(call), .. } => {
            wanted.extend([rows::ticket_numbers(), charters::book_key()]);
            call.application_id.clone()
        }
        Input::Command { command: Command::ActOnTicket { ticket_id, act }, .. } => {
            let about = need_ticket(founding, rows, &rows::ticket(ticket_id), wanted);
            wanted.extend(about.as_ref().map(rows::application));
            act.application_id().cloned().or(about)
        }
        Input::Command { command: Command::RecordConsultation(one), .. } => {
            wanted.insert(rows::consultations(one.on));
            None
        }
        Input::Command { command, .. } => command.application_id().cloned(),
        Input::Due(key) | Input::Follow(key) => {
            need_ticket(founding, rows, key, wanted);
            application_of(key)
        }
        Input::Port { application_id, .. } => Some(application_id.clone()),
        Input::SetBack => {
            wanted.extend([rows::numbers(), rows::ticket_numbers()]);
            None
        }
    };
    let Some(id) = application else { return };
    let key = rows::application(&id);
    // The second round knows the application and so its firm and member.
    if let Ok(Some(Row::Application(application))) = rows.own(&key) {
        let firm = rows::firm(application.firm.uscc.as_str());
        // What it renews, and what renews it: the one's reservation rolls over to the other.
        wanted.extend(application.renewal.as_ref().map(|renewal| rows::application(&renewal.of)));
        if application.receipt.is_some()
            && let Ok(Some(Row::Firm(row))) = rows.own(&firm)
        {
            wanted.extend(row.open.as_ref().map(rows::application));
        }
        wanted.insert(firm);
        wanted.insert(rows::member(&application.member));
        wanted.extend(application.union_org.as_deref().filter(|_| !application.claims.is_empty()).map(rows::unit));
        wanted.extend(charters::pinned(founding, &application.charter));
    }
    let about_papers = match input {
        Input::Port { .. } | Input::Command { command: Command::SupplyPaper { .. }, .. } => true,
        Input::Message(received) => organisation::papers::is_about(&received.message),
        _ => false,
    };
    if about_papers {
        wanted.insert(organisation::papers::key(&id));
    }
    wanted.insert(key);
    wanted.extend(fund::keys());
}

/// Deciding on a ticket reads its row and its charter, and the application that it is about.
fn need_ticket(founding: &Charters, rows: &Rows<Row>, key: &Key, wanted: &mut BTreeSet<Key>) -> Option<ApplicationId> {
    wanted.insert(key.clone());
    let Ok(Some(Row::Ticket(ticket))) = rows.own(key) else { return None };
    wanted.extend(charters::pinned(founding, &ticket.charter));
    ticket.call.application_id.clone()
}

/// Decides one input.
pub(crate) fn decide(union: &Union, input: &Input<Command>, desk: &mut Desk<Union>) -> Result<(), Stop> {
    match input {
        Input::Message(received) => {
            let message = &received.message;
            if let Some(said) = message.charter() {
                return charters::heard(union, desk, received.from, said);
            }
            let Some(id) = message.application_id().cloned() else {
                return Err(Stop::Illegal(format!("{} is about nothing", message.kind().name())));
            };
            if desk.own(&rows::application(&id))?.is_none() {
                // All of them began here. To refuse it would hide from everybody what the partner holds of it.
                return Err(Stop::Illegal(format!(
                    "the {} speaks of {id}, which is not in this database: it was lost with an older copy, or the partner is mistaken",
                    received.from
                )));
            }
            on_application(union, desk, &id, |w| {
                if let Some((partner, ask)) = papers::ask(message) {
                    return papers::asked(w, partner, ask);
                }
                if let Message::PayoutReversed(said) = message {
                    return answers::reversed(w, said);
                }
                if let Message::LoanReportedToUnion(said) = message {
                    return living::reported(w, said);
                }
                match message {
                    Message::SubsidyListed(said) => return subsidy::listed(w, said),
                    Message::SubsidyReturned(said) => return subsidy::came_back(w, said),
                    _ => {}
                }
                match w.application()?.asked_under(&message.key()) {
                    Some((Process::Relief(no), step)) => return relief::answered(w, no, step, message),
                    Some((Process::Subsidy(period), step)) => return subsidy::answered(w, period, step, message),
                    Some((Process::Origination, _)) | None => {}
                }
                let event = answers::event(w, message)?;
                drive(union, w, event).map(drop)
            })
        }
        Input::Command { actor, command } => on_command(union, actor, command, desk),
        Input::Due(key) => match application_of(key) {
            Some(id) => on_application(union, desk, &id, |w| {
                leave_green(union, w)?;
                drive(union, w, Event::Tick).map(drop)?;
                old_loan_is_settled(union, w)?;
                relief::tick(w)?;
                subsidy::tick(w)
            }),
            None => match ticket_of(key) {
                Some(id) => hotline::tick(desk, &id),
                None => Err(Stop::Illegal(format!("row `{key}` has no timer"))),
            },
        },
        Input::Follow(key) => match application_of(key) {
            Some(id) => on_application(union, desk, &id, |w| {
                // It may have gone its way meanwhile.
                if let Some(step) = waiting_step(w)? {
                    drive(union, w, Event::Woken { step: step.into() }).map(drop)?;
                }
                subsidy::all_look_again(w)
            }),
            None => Err(Stop::Illegal(format!("row `{key}` follows nothing"))),
        },
        Input::Port { application_id, answer: PortAnswer::Vault { sealed, .. } } => {
            on_application(union, desk, application_id, |w| papers::sealed(w, sealed))
        }
        Input::Port { answer: PortAnswer::CoreBanking { .. }, .. } => {
            Err(Stop::Illegal("the union has no core-banking system that answers".into()))
        }
        Input::SetBack => {
            let today = desk.at().date();
            let last = last_number(desk, &rows::numbers(), today)?.saturating_add(SKIPPED);
            desk.record(Fact::NumbersSkipped { year: year(today)?, last })?;
            let last = last_number(desk, &rows::ticket_numbers(), today)?.saturating_add(SKIPPED);
            Ok(desk.record(Fact::TicketNumbersSkipped { year: year(today)?, last })?)
        }
    }
}

/// The day after the old loan's settlement has come: the renewal goes on.
fn old_loan_is_settled(union: &Union, w: &mut Origination) -> Result<(), Stop> {
    let now = w.desk.at();
    if w.application()?.waits_for_old.and_then(WaitsForOld::until).is_none_or(|until| until > now) {
        return Ok(());
    }
    w.desk.record(Fact::WaitsForOldLoan { id: w.id.clone(), waits_for: None })?;
    // It may have to wait on, for the settlement.
    match waiting_step(w)? {
        Some(step) => drive(union, w, Event::Woken { step: step.into() }).map(drop),
        // It has turned back meanwhile.
        None => Ok(()),
    }
}

/// The step that waits for the fund, for the programme to be resumed or for the old loan of a renewal.
fn waiting_step(w: &Origination) -> Result<Option<&'static str>, Stop> {
    let run = w.run()?;
    let waits = |step: &&str| matches!(run.state(step), Some(saga::State::Waiting));
    Ok(["reserve fund", "confirm membership", "disburse", "commit reservation"].into_iter().find(waits))
}

fn application_of(key: &Key) -> Option<ApplicationId> {
    match key {
        Key::Row(key) => key.strip_prefix("application/").and_then(|id| ApplicationId::parse(id).ok()),
        _ => None,
    }
}

fn ticket_of(key: &Key) -> Option<TicketId> {
    match key {
        Key::Row(key) => key.strip_prefix("ticket/").and_then(|id| TicketId::parse(id).ok()),
        _ => None,
    }
}

/// What cannot keep the green channel's time goes on as STANDARD (S2). Where the check was not done in time, that begins anew as the
/// first step of that saga, with its time; later nothing else changes.
fn leave_green(union: &Union, w: &mut Origination) -> Result<(), Stop> {
    let now = w.desk.at();
    let application = w.application()?;
    if application.leaves_green_at().is_none_or(|until| until > now) {
        return Ok(());
    }
    let anew = application.check_due_at().is_some();
    let uscc = application.firm.uscc.to_string();
    if anew {
        w.desk.record(Fact::FirmUnlocked { uscc })?;
    }
    w.desk.record(Fact::LeftGreen { id: w.id.clone(), on: now.date(), anew })?;
    if anew { start(union, w) } else { Ok(()) }
}

/// When an application in the green channel has to be paid out.
fn green(charter: &Charter, filed_at: Moment, reason: GreenReason, flagged_by: Option<Person>) -> Result<Green, Stop> {
    let until = charter
        .calendar
        .due(charter.green_payout_deadline, filed_at)
        .map_err(|error| Stop::Illegal(error.to_string()))?;
    Ok(Green { reason, flagged_by, until, left_on: None })
}

/// An officer puts it into the green channel: the check begins anew there, as the first step of that saga.
fn flag_green(union: &Union, w: &mut Origination, actor: &Actor) -> Result<(), Stop> {
    let application = w.application()?;
    let task = match application.run.state(ELIGIBILITY) {
        Some(saga::State::Deciding { task }) if application.green.is_none() => task,
        _ => return Err(conflict("NOT_NOW", "不能转入绿色通道", "只有受理审核中、未曾走绿色通道的申请可以转入。")),
    };
    // As every other decision of the task; while papers are waited for, a check that began anew would forget their expiry.
    task.may_decide(&actor.person).map_err(|refusal| saga_refused(&refusal.into()))?;
    let (filed_at, industry) = (application.filed_at, application.firm.industry_code.clone());
    let reason = GreenReason::OfficerFlag;
    if !filing::green_allowed(reason, &industry, &w.charter, filed_at.date()) {
        return Err(Refusal::from(FilingRefusal::PolicyNotInForce).into());
    }
    let uscc = application.firm.uscc.to_string();
    let green = green(&w.charter, filed_at, reason, Some(actor.person.clone()))?;
    w.desk.record(Fact::FirmUnlocked { uscc })?;
    w.desk.record(Fact::PutIntoGreen { id: w.id.clone(), green })?;
    start(union, w)
}

/// Starts the saga of the application's channel.
fn start(union: &Union, w: &mut Origination) -> Result<(), Stop> {
    let name = if w.application()?.is_green() { origination::GREEN } else { origination::STANDARD };
    let definition = origination::definitions()?.latest(name).map_err(|error| Stop::Illegal(error.to_string()))?;
    match definition.start(w)? {
        Reaction::Refused(refusal) => Err(saga_refused(&refusal)),
        _ => drive(union, w, Event::Tick).map(drop),
    }
}

/// Moves the decision into the world of one application, and back, whatever comes of it.
pub(crate) fn on_application<T>(
    union: &Union,
    desk: &mut Desk<Union>,
    id: &ApplicationId,
    act: impl FnOnce(&mut Origination) -> Result<T, Stop>,
) -> Result<T, Stop> {
    let key = rows::application(id);
    let Some(Row::Application(application)) = desk.own(&key)? else {
        return Err(Refusal::not_found(id).into());
    };
    let charter = charters::accepted(union, desk, &application.charter)?
        .ok_or_else(|| Stop::Illegal(format!("{id} is pinned to a charter that is not here")))?;
    desk.concerns(id);
    let mut world = Origination { desk: desk.take(), id: id.clone(), key, charter };
    let result = act(&mut world);
    desk.put_back(world.desk);
    result
}

/// Feeds one event to the saga of origination, then whatever is decided automatically, until nothing moves.
pub(crate) fn drive(union: &Union, w: &mut Origination, event: Event<Reason>) -> Result<Reaction, Stop> {
    let definitions = origination::definitions()?;
    let definition = definitions.of(w.run()?).map_err(|error| Stop::Illegal(error.to_string()))?;
    let reaction = definition.on(w, event)?;
    if let Reaction::Refused(refusal) = reaction {
        return Err(saga_refused(&refusal));
    }
    automatically(union, w, |w, by, verdict| {
        let event = Event::Decided { step: ELIGIBILITY.into(), by, verdict };
        match definition.on(w, event)? {
            Reaction::Refused(refusal) => Err(saga_refused(&refusal)),
            _ => Ok(()),
        }
    })?;
    Ok(reaction)
}

const ELIGIBILITY: &str = "check eligibility";

/// Straight-through processing: the intake officer's decision by rule, under a service identity of its own.
fn automatically(
    union: &Union,
    w: &mut Origination,
    decide: impl FnOnce(&mut Origination, Person, Verdict<Reason>) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let waits = w.run()?.open_tasks().any(|(step, task)| step == ELIGIBILITY && task.suspended.is_none());
    let within = w.application()?.wish.amount_fen.fen() <= w.charter.automatic.max_amount_fen;
    if !waits || !within || !union.automatic.contains(&Role::IntakeOfficer) {
        return Ok(());
    }
    let by = Person::new("service:intake_officer");
    if origination::membership_holds(w)? {
        origination::recommend(w)?;
        decide(w, by, Verdict::Approve)
    } else {
        decide(w, by, Verdict::Refuse(Reason::Intake(IntakeRejection::Membership)))
    }
}

fn on_command(union: &Union, actor: &Actor, command: &Command, desk: &mut Desk<Union>) -> Result<(), Stop> {
    actor.must_hold(rights::of(command))?;
    match command {
        Command::OpenBooks { deposit_fen } => fund::open_books(desk, *deposit_fen),
        Command::LoadMembers { members } => load_members(desk, members),
        Command::Submit(form) => submit(union, actor, form, desk),
        Command::DecideEligibility { application_id, verdict } => {
            on_application(union, desk, application_id, |w| decide_eligibility(union, w, actor, verdict))?;
            answer(desk, application_id, Did::Changed)
        }
        Command::Withdraw { application_id, reason } => {
            on_application(union, desk, application_id, |w| {
                drive(union, w, Event::Cancel { reason: Reason::Applicant(*reason) }).map(drop)
            })?;
            answer(desk, application_id, Did::Changed)
        }
        Command::RequestRelief { application_id, via, reason } => {
            on_application(union, desk, application_id, |w| relief::request(w, via, reason))?;
            answer(desk, application_id, Did::Changed)
        }
        Command::TriageRelief { application_id, declined } => {
            on_application(union, desk, application_id, |w| relief::triage(w, actor, *declined))?;
            answer(desk, application_id, Did::Changed)
        }
        Command::SignRelief { application_id } => {
            on_application(union, desk, application_id, |w| relief::sign(w, actor))?;
            answer(desk, application_id, Did::Changed)
        }
        Command::WithdrawRelief { application_id } => {
            on_application(union, desk, application_id, relief::withdraw)?;
            answer(desk, application_id, Did::Changed)
        }
        Command::ClaimSubsidy { application_id, period, vouchers } => {
            on_application(union, desk, application_id, |w| subsidy::file(w, *period, vouchers))?;
            answer(desk, application_id, Did::Changed)
        }
        Command::CheckSubsidy { application_id, verdict } => {
            on_application(union, desk, application_id, |w| subsidy::check(w, actor, verdict))?;
            answer(desk, application_id, Did::Changed)
        }
        Command::AnswerSubsidyQuery { application_id, vouchers } => {
            on_application(union, desk, application_id, |w| subsidy::answer(w, vouchers))?;
            answer(desk, application_id, Did::Changed)
        }
        Command::ApproveSubsidy { application_id, rejected } => {
            on_application(union, desk, application_id, |w| subsidy::approve(w, actor, *rejected))?;
            answer(desk, application_id, Did::Changed)
        }
        Command::PaySubsidyAgain { application_id, account } => {
            on_application(union, desk, application_id, |w| subsidy::pay_again(w, account))?;
            answer(desk, application_id, Did::Changed)
        }
        Command::TakeCall(call) => hotline::receive(union, actor, call, desk),
        Command::ActOnTicket { ticket_id, act } => hotline::act(union, desk, actor, ticket_id, act),
        Command::RecordConsultation(one) => consultation::record(desk, one),
        Command::Charter(motion) => charters::moved(union, desk, actor, motion),
        Command::HandTask(handover) => {
            on_application(union, desk, &handover.application_id, |w| hand_task(union, w, actor, handover))?;
            answer(desk, &handover.application_id, Did::Changed)
        }
        Command::SupplyPaper { application_id, paper } => {
            on_application(union, desk, application_id, |w| papers::supply(w, actor, paper))?;
            answer(desk, application_id, Did::Changed)
        }
        Command::Control { control, because } => programme::control(actor, *control, because, desk),
        Command::DropProposal { because } => programme::drop_proposal(actor, because, desk),
        Command::Repair { application_id, step, action } => {
            let Repair { action, because } = action.clone();
            on_application(union, desk, application_id, |w| {
                may_repair(w, actor, step)?;
                organisation::participant::must_say_why(&because)?;
                let event = Event::Repair { step: step.clone(), by: actor.person.clone(), action, because };
                let found = w.application()?.process_with(step).map(|(process, _)| process);
                process::drive(union, w, found.unwrap_or(Process::Origination), event)
            })?;
            answer(desk, application_id, Did::Changed)
        }
    }
}

fn load_members(desk: &mut Desk<Union>, members: &[MemberEntry]) -> Result<(), Stop> {
    // One number may hold in several spans: all of them together make the member's row.
    let mut by_member: std::collections::BTreeMap<&str, (Option<&str>, Vec<_>)> = std::collections::BTreeMap::new();
    for entry in members {
        let (unit, spans) = by_member.entry(&entry.member).or_default();
        *unit = entry.union_org.as_deref();
        spans.push((entry.from, entry.to));
    }
    for (member, (unit, spans)) in by_member {
        if let Some(unit) = unit {
            let (unit, member, spans) = (unit.to_owned(), member.to_owned(), spans.clone());
            desk.record(Fact::UnitLoaded { unit, member, spans })?;
        }
        desk.record(Fact::MemberLoaded { member: member.to_owned(), spans })?;
    }
    Ok(())
}

fn submit(union: &Union, actor: &Actor, form: &Form, desk: &mut Desk<Union>) -> Result<(), Stop> {
    let today = desk.at().date();
    let Some((hash, charter)) = charters::in_force(union, desk, today)? else {
        return Err(conflict(
            "POLICY_NOT_IN_FORCE",
            "当日无有效章程",
            "当日没有三方均已接受的有效章程，请与工会联系。",
        ));
    };
    let firm = match desk.own(&rows::firm(form.firm.uscc.as_str()))? {
        Some(Row::Firm(firm)) => firm.clone(),
        _ => FirmRow::default(),
    };
    let broken = filing::check(form, &firm, &charter, today).err();
    let identifier = match &form.reapplication_of {
        Some(earlier) if !tried_before(desk, form, earlier)? => Some(FilingRefusal::Identifier),
        _ => None,
    };
    if let Some(first) = broken.into_iter().chain(identifier).min() {
        return Err(Refusal::from(first).into());
    }
    let next = last_number(desk, &rows::numbers(), today)?.saturating_add(1);
    let id = ApplicationId::new(today.year(), next).map_err(|error| Stop::Illegal(error.to_string()))?;
    let mut application = new_application(id.clone(), form, hash, desk);
    let flagged_by = Some(actor.person.clone()).filter(|_| form.green == Some(GreenReason::OfficerFlag));
    application.green = form.green.map(|reason| green(&charter, desk.at(), reason, flagged_by)).transpose()?;
    desk.record(Fact::Filed(Box::new(application)))?;
    desk.concerns(&id);
    on_application(union, desk, &id, |w| {
        origination::look_up(w, Occasion::Filing)?;
        start(union, w)
    })?;
    answer(desk, &id, Did::Created)
}

/// Whether it is another try of an application of the same firm that ended unpaid.
fn tried_before(desk: &Desk<Union>, form: &Form, earlier: &ApplicationId) -> Result<bool, Stop> {
    Ok(match desk.own(&rows::application(earlier))? {
        Some(Row::Application(earlier)) => {
            earlier.firm.uscc == form.firm.uscc && earlier.run.ending().is_some() && earlier.receipt.is_none()
        }
        _ => false,
    })
}

/// The last number of this row that was given in the year of this day.
pub(crate) fn last_number(desk: &Desk<Union>, numbers: &Key, today: Date) -> Result<u32, Stop> {
    Ok(match desk.own(numbers)? {
        Some(Row::Numbers(NumbersRow { year, last })) if i32::from(*year) == i32::from(today.year()) => *last,
        _ => 0,
    })
}

pub(crate) fn year(today: Date) -> Result<u16, Stop> {
    u16::try_from(today.year()).map_err(|error| Stop::Illegal(error.to_string()))
}

fn new_application(id: ApplicationId, form: &Form, charter: CharterHash, desk: &Desk<Union>) -> Application {
    Application {
        id,
        charter,
        filed_at: desk.at(),
        intake_channel: form.intake_channel.clone(),
        membership: Vec::new(),
        firm: form.firm.clone(),
        wish: form.wish.clone(),
        member: form.member.clone(),
        union_org: form.union_org.clone(),
        vault_token: form.vault_token.clone(),
        credit_query_consent: form.credit_query_consent.clone(),
        green: None,
        renewal: form.renewal.clone(),
        reapplication_of: form.reapplication_of.clone(),
        waits_for_old: None,
        waits_for_programme: false,
        run: Run::default(),
        recommendation: None,
        reservation: None,
        opinion: None,
        approval: None,
        letter: None,
        contract_no: None,
        receipt: None,
        turned_back_at: None,
        reversed_on: None,
        life: LoanLife::default(),
        reliefs: Vec::new(),
        claims: Vec::new(),
        archived: None,
        disputed: Vec::new(),
        disputed_answers: Vec::new(),
        tickets: BTreeSet::new(),
    }
}

fn decide_eligibility(
    union: &Union,
    w: &mut Origination,
    actor: &Actor,
    verdict: &EligibilityVerdict,
) -> Result<(), Stop> {
    let verdict = match verdict {
        EligibilityVerdict::Approve => {
            if !origination::membership_holds(w)? {
                let advice = "会员登记册中没有与会员号、姓名、身份证号和工会同时相符的当日有效记录，请核对材料或驳回（MEMBERSHIP）。";
                return Err(conflict("MEMBERSHIP", "会员身份未通过核验", advice));
            }
            // A repeated approval is for the saga to answer; the evidence stays that of the day of the decision.
            if matches!(w.run()?.state(ELIGIBILITY), Some(saga::State::Deciding { .. })) {
                origination::recommend(w)?;
            }
            Verdict::Approve
        }
        EligibilityVerdict::Reject { reason } => Verdict::Refuse(Reason::Intake(*reason)),
        EligibilityVerdict::AskForPapers => {
            Verdict::AskForPapers { expiry: "NEED_DOCS".into(), term: w.charter.need_docs_expiry }
        }
        EligibilityVerdict::PapersSupplied => Verdict::PapersSupplied,
        EligibilityVerdict::FlagGreen => return flag_green(union, w, actor),
    };
    let by = actor.person.clone();
    drive(union, w, Event::Decided { step: ELIGIBILITY.into(), by, verdict }).map(drop)
}

/// A task changes hands; nothing is decided.
fn hand_task(union: &Union, w: &mut Origination, actor: &Actor, handover: &Handover) -> Result<(), Stop> {
    let open = w.application()?.processes().find_map(|(process, run)| {
        let task = run.open_tasks().find(|(step, _)| view::task_name(step) == handover.task);
        task.map(|(step, task)| (process, step, task))
    });
    let Some((found, step, task)) = open else {
        let detail = format!("{} 当前没有待办 {}。", w.id, handover.task);
        return Err(conflict("NO_TASK", "没有此待办", &detail));
    };
    let (step, had) = (step.to_owned(), task.claimed_by.clone());
    let by = handed(task, actor, &handover.to)?;
    // From one to another it goes by way of nobody.
    let by_nobody = (had.is_some() && by.is_some() && had != by).then_some(None);
    for by in by_nobody.into_iter().chain([by]) {
        let event = Event::Claimed { step: step.clone(), by };
        process::drive(union, w, found, event)?;
    }
    Ok(())
}

fn answer(desk: &mut Desk<Union>, id: &ApplicationId, did: Did) -> Result<(), Stop> {
    let body = match desk.own(&rows::application(id))? {
        Some(Row::Application(application)) => view::summary(application),
        _ => return Err(Refusal::not_found(id).into()),
    };
    desk.answer(Answer { shows: Some(rows::application(id)), did, body });
    Ok(())
}

/// The operator repairs every step; who owns an open incident of a step, that one.
fn may_repair(w: &Origination, actor: &Actor, step: &str) -> Result<(), Stop> {
    let run = w.application()?.process_with(step).map_or(w.run()?, |(_, run)| run);
    let owns = run.incidents().any(|(_, incident)| incident.step == step && actor.has(incident.owner.code()));
    if owns { Ok(()) } else { Ok(actor.must_hold(&[Role::Operator])?) }
}

fn conflict(code: &str, title: &str, detail: &str) -> Stop {
    Refusal::new(RefusalKind::Conflict, code, title, detail).into()
}

/// What the engine refuses, as whoever asked reads it.
pub(crate) fn saga_refused(refusal: &saga::Refusal) -> Stop {
    if let saga::Refusal::Task(refusal) = refusal {
        return task_refused(refusal).into();
    }
    let (code, title) = match refusal {
        saga::Refusal::Locked { .. } => ("OPEN_APPLICATION", "该企业已有在办申请"),
        saga::Refusal::Ended => ("ENDED", "申请已结束"),
        saga::Refusal::PointOfNoReturnPassed => ("DISBURSED", "款项已发放，不能撤回"),
        saga::Refusal::Ending => ("ENDING", "申请正在终止"),
        saga::Refusal::Contradicted => ("CONTRADICTED", "须先查明合作方的矛盾说法"),
        saga::Refusal::AnotherPerson => ("FOUR_EYES", "须由另一人确认"),
        // Told above, with who it is about.
        saga::Refusal::Task(_) => ("TASK", "不能办理此任务"),
        saga::Refusal::OtherDefinition { .. } | saga::Refusal::Illegal(_) => {
            ("ILLEGAL_TRANSITION", "当前状态不允许此操作")
        }
    };
    Refusal::new(RefusalKind::Conflict, code, title, refusal.to_string()).into()
}

/// The state of an application in the words of DOMAIN.md section 4, from its run.
pub(crate) fn state(application: &Application) -> ApplicationState {
    use saga::{Ending, Phase, State};
    let run = &application.run;
    let at = |step: &str| run.state(step);
    match &run.phase {
        Phase::Unwinding { .. } => ApplicationState::Compensating,
        Phase::Forward | Phase::Ended { ending: Ending::Completed } if application.reversed_on.is_some() => {
            ApplicationState::Reversed
        }
        Phase::Ended { ending: Ending::Completed } => ApplicationState::Disbursed,
        Phase::Ended { ending: Ending::Withdrawn { .. } } => ApplicationState::Withdrawn,
        Phase::Ended { ending: Ending::Expired { .. } } => ApplicationState::Expired,
        Phase::Ended { ending: Ending::Refused { step, .. } } => match step.as_str() {
            "check eligibility" | "reserve fund" | "confirm membership" => ApplicationState::IntakeRejected,
            "assess guarantee" | "sign contracts" | "issue letter" => ApplicationState::GuaranteeDeclined,
            _ => ApplicationState::CreditDeclined,
        },
        Phase::NotStarted | Phase::Forward => match () {
            () if run.pivot_passed => ApplicationState::Disbursed,
            // Not posted: nothing is in flight, and the next order follows.
            () if matches!(at("disburse"), Some(State::Between { .. } | State::Waiting | State::Stuck { .. })) => {
                ApplicationState::Ready
            }
            // The bank's people have the order and may still be told to leave it.
            () if matches!(at("disburse"), Some(State::Asked { call, .. }) if call.doubt.is_none()) => {
                ApplicationState::Ready
            }
            () if at("disburse").is_some() => ApplicationState::Disbursing,
            () if run.is_done("sign loan contract") => ApplicationState::Ready,
            () if run.is_done("approve credit") && run.is_done("assess guarantee") => ApplicationState::Contracting,
            // In the green channel too it is the guarantor's word that counts first.
            () if run.is_done("assess guarantee") => ApplicationState::CreditReview,
            () if run.is_done("reserve fund") => ApplicationState::GuaranteeReview,
            () if matches!(at("reserve fund"), Some(State::Waiting)) => ApplicationState::Queued,
            () if matches!(at("check eligibility"), Some(State::Deciding { task }) if task.suspended.is_some()) => {
                ApplicationState::NeedDocs
            }
            () => ApplicationState::IntakeReview,
        },
    }
}
