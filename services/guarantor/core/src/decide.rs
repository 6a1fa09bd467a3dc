//! One input after the other: who said it, which application it concerns, which step it belongs to.

use crate::{
    Command, Duty, Guarantor, Role, Row, books, command::LetterCheck, letter, loan, opinion, requests::World, rows,
    signing, view,
};
use contracts::Message;
use domain::ApplicationId;
use organisation::{Actor, Answer, Desk, Input, Key, Person, Refusal, RefusalKind, Rows, Stop};
use saga::TaskRefusal;
use std::collections::BTreeSet;

/// The rows that deciding this input will read.
pub(crate) fn needs(input: &Input<Command>, rows: &Rows<Row>, wanted: &mut BTreeSet<Key>) {
    let id = match input {
        Input::Message(received) => {
            match &received.message {
                Message::AssessGuarantee(ask) => {
                    wanted.insert(rows::client(ask.firm.uscc.as_str()));
                }
                Message::ActivateLetter(ask) => {
                    wanted.extend(books::liability_keys(&ask.about.application_id));
                }
                Message::LoanDisbursed(notice) => {
                    wanted.extend(books::liability_keys(&notice.about.application_id));
                }
                _ => {}
            }
            received.message.about().application_id.clone()
        }
        Input::Command { command, .. } => match command.application_id() {
            Some(id) => id.clone(),
            None => return wanted.extend(books::opening_keys()),
        },
        Input::Due(key) | Input::Follow(key) => {
            wanted.insert(key.clone());
            match case_of(key) {
                Some(id) => id,
                None => return,
            }
        }
        Input::Port { application_id, .. } => application_id.clone(),
    };
    let key = rows::case(&id);
    // The second round knows the case and so its firm.
    if let Ok(Some(Row::Case(case))) = rows.own(&key)
        && let Some(file) = &case.file
    {
        wanted.insert(rows::client(file.firm.uscc.as_str()));
    }
    wanted.insert(key);
    wanted.insert(rows::limits());
}

/// Decides one input.
pub(crate) fn decide(guarantor: &Guarantor, input: &Input<Command>, desk: &mut Desk<Guarantor>) -> Result<(), Stop> {
    match input {
        Input::Message(received) => {
            let message = &received.message;
            let id = message.about().application_id.clone();
            desk.concerns(&id);
            let mut w = World { desk, guarantor, id };
            on_message(&mut w, message)?;
            automatically(&mut w)
        }
        Input::Command { actor, command } => on_command(guarantor, actor, command, desk),
        Input::Due(key) => match case_of(key) {
            Some(id) => {
                desk.concerns(&id);
                tick(&mut World { desk, guarantor, id })
            }
            None => Err(Stop::Illegal(format!("row `{key}` has no timer"))),
        },
        Input::Follow(key) => Err(Stop::Illegal(format!("row `{key}` follows nothing"))),
        Input::Port { .. } => Err(Stop::Illegal("the guarantor has no port that answers".into())),
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
        Message::AssessGuarantee(ask) => opinion::asked(w, ask),
        Message::WithdrawOpinion(undo) => opinion::withdrawn(w, &undo.about),
        Message::SignContracts(ask) => signing::asked(w, ask),
        Message::TerminateContracts(undo) => signing::terminated(w, &undo.about),
        Message::IssueLetter(ask) => letter::asked(w, ask),
        Message::RevokeLetter(undo) => letter::revoked(w, &undo.about),
        Message::NotDisbursedStated(statement) => letter::stated(w, statement),
        Message::LoanDisbursed(notice) => loan::disbursed(w, notice),
        Message::ActivateLetter(ask) => loan::asked(w, ask),
        other => Err(Stop::Illegal(format!("{} is not said to the guarantor", other.kind().name()))),
    }
}

/// Time has passed: reminders, escalations, the alarm about a word that does not come. None of it decides.
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
        w.record(crate::Fact::Noticed { id: w.id.clone(), duty, notice })?;
    }
    loan::tick(w)
}

/// Straight-through processing: what is owed by a role that decides by rule, under a service identity of its own, until
/// nothing moves. Above the charter's limit a person decides.
fn automatically(w: &mut World<'_>) -> Result<(), Stop> {
    while let Some(duty) = owed_by_rule(w)? {
        let by = Person::new(format!("service:{}", duty.role()));
        may_decide(w, duty, &by)?;
        match duty {
            Duty::DueDiligence => opinion::give_automatically(w, &by)?,
            Duty::SignContracts => signing::signed_automatically(w, &by)?,
            Duty::PrepareLetter => letter::prepare(w, &by)?,
            Duty::CheckLetter => letter::release(w, &by)?,
        }
    }
    Ok(())
}

fn owed_by_rule(w: &World<'_>) -> Result<Option<Duty>, Stop> {
    let Some(case) = w.case()? else { return Ok(None) };
    let Some(duty) = case.tasks.keys().copied().find(|duty| w.guarantor.automatic.contains(&duty.role())) else {
        return Ok(None);
    };
    let amount = match duty {
        Duty::DueDiligence => case.file.as_ref().map(|file| file.wish.amount_fen),
        Duty::SignContracts => case.signing.as_ref().map(|signing| signing.amount_fen),
        Duty::PrepareLetter | Duty::CheckLetter => case.drafting.as_ref().map(|drafting| drafting.amount_fen),
    };
    let limit = w.charter()?.automatic.max_amount_fen;
    Ok(amount.is_some_and(|amount| amount.fen() <= limit).then_some(duty))
}

fn on_command(guarantor: &Guarantor, actor: &Actor, command: &Command, desk: &mut Desk<Guarantor>) -> Result<(), Stop> {
    let by = &actor.person;
    match command {
        Command::OpenBooks { capital_fen } => {
            must_hold(actor, &[Role::Operator])?;
            books::open_books(desk, *capital_fen)
        }
        Command::Assess { application_id, verdict } => {
            on_task(guarantor, desk, actor, application_id, Duty::DueDiligence, |w| opinion::give(w, by, verdict))
        }
        Command::SignContracts { application_id, counter_guarantee } => {
            on_task(guarantor, desk, actor, application_id, Duty::SignContracts, |w| {
                signing::signed(w, by, counter_guarantee)
            })
        }
        Command::PrepareLetter { application_id } => {
            on_task(guarantor, desk, actor, application_id, Duty::PrepareLetter, |w| letter::prepare(w, by))
        }
        Command::CheckLetter { application_id, verdict } => {
            on_task(guarantor, desk, actor, application_id, Duty::CheckLetter, |w| match verdict {
                LetterCheck::Release => letter::release(w, by),
                LetterCheck::Return { because } => {
                    must_say_why(because)?;
                    letter::send_back(w, by, because)
                }
            })
        }
        Command::ResolveIncident { application_id, number, because } => {
            must_hold(actor, &[Role::RiskManager, Role::Operator])?;
            on_case(guarantor, desk, application_id, |w| {
                may_resolve(w, *number)?;
                must_say_why(because)?;
                loan::resolve(w, *number, by, because)
            })
        }
    }
}

/// A command on a case that is known here; answered with its summary.
fn on_case(
    guarantor: &Guarantor,
    desk: &mut Desk<Guarantor>,
    id: &ApplicationId,
    act: impl FnOnce(&mut World<'_>) -> Result<(), Stop>,
) -> Result<(), Stop> {
    desk.concerns(id);
    let mut w = World { desk, guarantor, id: id.clone() };
    if w.case()?.is_none() {
        let detail = format!("没有编号为 {id} 的申请。");
        return Err(Refusal::new(RefusalKind::NotFound, "NOT_FOUND", "没有此申请", detail).into());
    }
    act(&mut w)?;
    automatically(&mut w)?;
    let body = w.case()?.map(view::summary).unwrap_or_default();
    desk.answer(Answer { application_id: id.clone(), created: false, body });
    Ok(())
}

/// A decision that is owed. Refused in this order: the role, the application, the task, the person, the decision itself.
fn on_task(
    guarantor: &Guarantor,
    desk: &mut Desk<Guarantor>,
    actor: &Actor,
    id: &ApplicationId,
    duty: Duty,
    decide: impl FnOnce(&mut World<'_>) -> Result<(), Stop>,
) -> Result<(), Stop> {
    must_hold(actor, &[duty.role()])?;
    on_case(guarantor, desk, id, |w| {
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
