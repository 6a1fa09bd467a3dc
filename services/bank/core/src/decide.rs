//! One input after the other: who said it, which application it concerns, which step it belongs to.

use crate::{
    Bank, Command, Duty, Fact, Role, Row, Step, books,
    case::Resolved,
    command::{CreditVerdict, PaymentCheck},
    contract, core_banking, credit, letter, payment,
    requests::World,
    rows, view,
};
use contracts::Message;
use domain::ApplicationId;
use organisation::{Actor, Answer, Desk, Input, Key, Person, PortAnswer, Refusal, RefusalKind, Rows, Stop};
use saga::TaskRefusal;
use std::collections::BTreeSet;

/// The rows that deciding this input will read.
pub(crate) fn needs(input: &Input<Command>, rows: &Rows<Row>, wanted: &mut BTreeSet<Key>) {
    let (id, orders_payment) = match input {
        Input::Message(received) => {
            let orders_payment = matches!(received.message, Message::Disburse(_));
            (received.message.about().application_id.clone(), orders_payment)
        }
        Input::Command { command, .. } => match command.application_id() {
            Some(id) => (id.clone(), false),
            None => return wanted.extend(books::opening_keys()),
        },
        Input::Due(key) | Input::Follow(key) => {
            wanted.insert(key.clone());
            match case_of(key) {
                Some(id) => (id, false),
                None => return,
            }
        }
        Input::Port { application_id, .. } => (application_id.clone(), false),
    };
    let key = rows::case(&id);
    // The second round knows the case and so its firm.
    if let Ok(Some(Row::Case(case))) = rows.own(&key)
        && let Some(file) = &case.file
    {
        if orders_payment || case.payment.is_some() {
            wanted.extend(books::loan_keys(&id, file.firm.uscc.as_str()));
        }
        // The loan changes with its contract.
        if case.decision.is_some() {
            wanted.insert(rows::loan(&id));
        }
    }
    wanted.insert(key);
}

/// Decides one input.
pub(crate) fn decide(bank: &Bank, input: &Input<Command>, desk: &mut Desk<Bank>) -> Result<(), Stop> {
    match input {
        Input::Message(received) => {
            let message = &received.message;
            let id = message.about().application_id.clone();
            desk.concerns(&id);
            let mut w = World { desk, bank, id };
            on_message(&mut w, message)?;
            automatically(&mut w)
        }
        Input::Command { actor, command } => on_command(bank, actor, command, desk),
        Input::Due(key) => match case_of(key) {
            Some(id) => {
                desk.concerns(&id);
                tick(&mut World { desk, bank, id })
            }
            None => Err(Stop::Illegal(format!("row `{key}` has no timer"))),
        },
        Input::Follow(key) => Err(Stop::Illegal(format!("row `{key}` follows nothing"))),
        Input::Port { application_id, answer: PortAnswer::CoreBanking { key, posting } } => {
            desk.concerns(application_id);
            let mut w = World { desk, bank, id: application_id.clone() };
            if w.case()?.is_none() {
                return Err(not_found(application_id).into());
            }
            core_banking::answered(&mut w, key, posting)
        }
    }
}

fn case_of(key: &Key) -> Option<ApplicationId> {
    match key {
        Key::Row(key) => key.strip_prefix("case/").and_then(|id| ApplicationId::parse(id).ok()),
        _ => None,
    }
}

fn on_message(w: &mut World<'_>, message: &Message) -> Result<(), Stop> {
    match message {
        Message::ApproveCredit(ask) => credit::asked(w, ask),
        Message::CancelApproval(undo) => credit::cancelled(w, &undo.about),
        Message::PresentLetter(present) => letter::presented(w, present),
        Message::AskNotDisbursed(ask) => letter::asked_not_disbursed(w, ask),
        Message::SignLoanContract(ask) => contract::asked(w, ask),
        Message::TerminateLoanContract(undo) => contract::terminated(w, &undo.about),
        Message::Disburse(ask) => payment::asked(w, ask),
        Message::QueryDisbursement(query) => payment::queried(w, query),
        Message::CloseDisbursement(close) => payment::closed(w, close),
        other => Err(Stop::Illegal(format!("{} is not said to the bank", other.kind().name()))),
    }
}

/// Time has passed: reminders, escalations, questions to the core-banking system. None of it decides.
fn tick(w: &mut World<'_>) -> Result<(), Stop> {
    let now = w.desk.at();
    let due: Vec<_> = match w.case()? {
        Some(case) => {
            let notices = case.tasks.iter().map(|(duty, task)| (*duty, task.tick(now)));
            notices.flat_map(|(duty, notices)| notices.into_iter().map(move |notice| (duty, notice))).collect()
        }
        None => return Err(Stop::Illegal(format!("{} has no timer", w.id))),
    };
    for (duty, notice) in due {
        w.record(Fact::Noticed { id: w.id.clone(), duty, notice })?;
    }
    core_banking::tick(w)
}

/// Straight-through processing: what is owed by a role that decides by rule, under a service identity of its own, until
/// nothing moves. Above the charter's limit a person decides.
fn automatically(w: &mut World<'_>) -> Result<(), Stop> {
    while let Some(duty) = owed_by_rule(w)? {
        let by = Person::new(format!("service:{}", duty.role()));
        may_decide(w, duty, &by)?;
        match duty {
            Duty::Investigate => credit::report_automatically(w, &by)?,
            Duty::DecideCredit => credit::decide_automatically(w, &by)?,
            Duty::SignLoanContract => contract::signed(w, &by)?,
            Duty::PreparePayment => payment::prepare(w, &by)?,
            Duty::CheckPayment => payment::release(w, &by)?,
        }
    }
    Ok(())
}

fn owed_by_rule(w: &World<'_>) -> Result<Option<Duty>, Stop> {
    let Some(case) = w.case()? else { return Ok(None) };
    let Some(duty) = case.tasks.keys().copied().find(|duty| w.bank.automatic.contains(&duty.role())) else {
        return Ok(None);
    };
    let amount = match duty.step() {
        Step::Credit => case.file.as_ref().map(|file| file.wish.amount_fen),
        Step::Contract => case.signing.as_ref().map(|signing| signing.amount_fen),
        Step::Disburse => case.payment.as_ref().map(|payment| payment.amount_fen),
    };
    let limit = w.charter()?.automatic.max_amount_fen;
    Ok(amount.is_some_and(|amount| amount.fen() <= limit).then_some(duty))
}

fn on_command(bank: &Bank, actor: &Actor, command: &Command, desk: &mut Desk<Bank>) -> Result<(), Stop> {
    let by = &actor.person;
    match command {
        Command::OpenBooks { deposit_fen } => {
            must_hold(actor, &[Role::Operator])?;
            books::open_books(desk, *deposit_fen)
        }
        Command::Investigate { application_id, finding } => {
            on_task(bank, desk, actor, application_id, Duty::Investigate, |w| credit::report(w, by, finding))
        }
        Command::DecideCredit { application_id, verdict } => {
            on_task(bank, desk, actor, application_id, Duty::DecideCredit, |w| {
                if let CreditVerdict::Return { because } = verdict {
                    must_say_why(because)?;
                }
                credit::decide(w, by, verdict)
            })
        }
        Command::SignLoanContract { application_id } => {
            on_task(bank, desk, actor, application_id, Duty::SignLoanContract, |w| contract::signed(w, by))
        }
        Command::PreparePayment { application_id } => {
            on_task(bank, desk, actor, application_id, Duty::PreparePayment, |w| payment::prepare(w, by))
        }
        Command::CheckPayment { application_id, verdict } => {
            on_task(bank, desk, actor, application_id, Duty::CheckPayment, |w| match verdict {
                PaymentCheck::Release => payment::release(w, by),
                PaymentCheck::Return { because } => {
                    must_say_why(because)?;
                    payment::send_back(w, by, because)
                }
            })
        }
        Command::ResolveIncident { application_id, number, because } => {
            must_hold(actor, &[Role::Operations, Role::Operator])?;
            on_case(bank, desk, application_id, |w| {
                may_resolve(w, *number)?;
                must_say_why(because)?;
                let resolved = Resolved { by: by.clone(), because: because.clone() };
                w.record(Fact::IncidentResolved { id: w.id.clone(), number: *number, resolved })
            })
        }
    }
}

/// A command on a case that is known here; answered with its summary.
fn on_case(
    bank: &Bank,
    desk: &mut Desk<Bank>,
    id: &ApplicationId,
    act: impl FnOnce(&mut World<'_>) -> Result<(), Stop>,
) -> Result<(), Stop> {
    desk.concerns(id);
    let mut w = World { desk, bank, id: id.clone() };
    if w.case()?.is_none() {
        return Err(not_found(id).into());
    }
    act(&mut w)?;
    automatically(&mut w)?;
    let body = w.case()?.map(view::summary).unwrap_or_default();
    desk.answer(Answer { application_id: id.clone(), created: false, body });
    Ok(())
}

/// A decision that is owed. Refused in this order: the role, the application, the task, the person, the decision itself.
fn on_task(
    bank: &Bank,
    desk: &mut Desk<Bank>,
    actor: &Actor,
    id: &ApplicationId,
    duty: Duty,
    decide: impl FnOnce(&mut World<'_>) -> Result<(), Stop>,
) -> Result<(), Stop> {
    must_hold(actor, &[duty.role()])?;
    on_case(bank, desk, id, |w| {
        may_decide(w, duty, &actor.person)?;
        decide(w)
    })
}

fn may_decide(w: &World<'_>, duty: Duty, person: &Person) -> Result<(), Stop> {
    let Some(task) = w.case()?.and_then(|case| case.tasks.get(&duty)) else {
        let detail = format!("{} 当前没有待办的“{}”。", w.id, duty.zh());
        return Err(Refusal::new(RefusalKind::Conflict, "NO_TASK", "没有此待办", detail).into());
    };
    task.may_decide(person).map_err(|refusal| {
        let (kind, code, title) = match &refusal {
            TaskRefusal::Excluded(_) => (RefusalKind::Forbidden, "FOUR_EYES", "须由另一人办理"),
            TaskRefusal::Suspended | TaskRefusal::ClaimedBy(_) => (RefusalKind::Conflict, "TASK", "不能办理此任务"),
        };
        Refusal::new(kind, code, title, refusal.to_string()).into()
    })
}

fn may_resolve(w: &World<'_>, number: u32) -> Result<(), Stop> {
    let index = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
    match index.and_then(|index| w.case().ok().flatten()?.incidents.get(index)) {
        None => {
            let detail = format!("{} 没有第 {number} 号异常。", w.id);
            Err(Refusal::new(RefusalKind::NotFound, "NO_INCIDENT", "没有此异常", detail).into())
        }
        Some(incident) if incident.resolved.is_some() => {
            let detail = format!("{} 第 {number} 号异常已处理。", w.id);
            Err(Refusal::new(RefusalKind::Conflict, "RESOLVED", "异常已处理", detail).into())
        }
        Some(_) => Ok(()),
    }
}

fn must_say_why(because: &str) -> Result<(), Refusal> {
    if because.trim().is_empty() {
        return Err(Refusal::new(RefusalKind::Invalid, "REASON", "缺少理由", "请写明理由。"));
    }
    Ok(())
}

fn must_hold(actor: &Actor, roles: &[Role]) -> Result<(), Refusal> {
    if roles.iter().any(|role| actor.has(role.code())) {
        return Ok(());
    }
    let roles: Vec<&str> = roles.iter().map(|role| role.code()).collect();
    let detail = format!("此操作需要以下角色之一：{}。", roles.join("、"));
    Err(Refusal::new(RefusalKind::Forbidden, "FORBIDDEN", "无权进行此操作", detail))
}

fn not_found(id: &ApplicationId) -> Refusal {
    Refusal::new(RefusalKind::NotFound, "NOT_FOUND", "没有此申请", format!("没有编号为 {id} 的申请。"))
}
