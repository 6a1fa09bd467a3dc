//! One input after the other: whose it is, what is owed, by whom; and what is decided by rule.

use super::{Cases, Duty as _, Fact, IncidentRecord, Participant, Step as _, Trouble as _, World, case_key, refused};
use crate::{
    Actor, Answer, Desk, Did, Incident, Input, Key, OpenTask, Refusal, RefusalKind, Stop, charters, papers,
    people::{Handover, handed, task_refused},
};
use domain::ApplicationId;
use saga::{Notice, Person};

/// Decides one input of an organisation that is asked.
pub fn decide<P: Participant>(organisation: &P, input: &Input<P::Command>, desk: &mut Desk<P>) -> Result<(), Stop> {
    let id = match input {
        Input::Command { actor, command } => {
            actor.must_hold(P::roles_for(command))?;
            return organisation.told(desk, actor, command);
        }
        // It gives no numbers but those of the application; what it has lost its partners ask for again.
        Input::SetBack => return Ok(()),
        Input::Message(received) => match (received.message.charter(), received.message.application_id()) {
            (Some(said), _) => return charters::heard(organisation, desk, received.from, said),
            (None, Some(id)) => id.clone(),
            (None, None) => return Err(Stop::Illegal(format!("{} is about nothing", received.message.kind().name()))),
        },
        Input::Port { application_id, .. } => application_id.clone(),
        Input::Due(key) => match case_of(key) {
            Some(id) => id,
            None => return organisation.due(desk, key),
        },
        Input::Follow(key) => return Err(Stop::Illegal(format!("row `{key}` follows nothing"))),
    };
    desk.concerns(&id);
    let mut w = World { desk, organisation, id };
    match input {
        Input::Message(received) => {
            P::heard(&mut w, &received.message)?;
            automatically(&mut w)
        }
        Input::Port { answer, .. } => P::answered(&mut w, answer),
        _ => tick(&mut w),
    }
}

/// The application whose case an input concerns, where that is known before it is decided.
pub fn application_of<C>(
    input: &Input<C>,
    of_command: impl FnOnce(&C) -> Option<&ApplicationId>,
) -> Option<ApplicationId> {
    match input {
        Input::Message(received) => received.message.application_id().cloned(),
        Input::Command { command, .. } => of_command(command).cloned(),
        Input::Due(key) | Input::Follow(key) => case_of(key),
        Input::Port { application_id, .. } => Some(application_id.clone()),
        Input::SetBack => None,
    }
}

/// A case's timer, or that of another row of its application, e.g. its loan.
fn case_of(key: &Key) -> Option<ApplicationId> {
    match key {
        Key::Row(key) => key.split_once('/').and_then(|(_, id)| ApplicationId::parse(id).ok()),
        _ => None,
    }
}

/// Time has passed: reminders and escalations. None of it decides.
fn tick<P: Participant>(w: &mut World<'_, P>) -> Result<(), Stop> {
    let now = w.desk.at();
    let due: Vec<(P::Duty, Notice)> = match w.case()? {
        Some(case) => {
            let notices = P::owed(case).tasks.iter().map(|(duty, task)| (*duty, task.tick(now)));
            notices.flat_map(|(duty, notices)| notices.into_iter().map(move |notice| (duty, notice))).collect()
        }
        None => return Err(Stop::Illegal(format!("{} has no timer", w.id))),
    };
    for (duty, notice) in due {
        w.record(P::fact(Fact::Noticed { id: w.id.clone(), duty, notice }))?;
    }
    P::time_passed(w)
}

/// Straight-through processing: what is owed by a role that decides by rule, under a service identity of its own, until
/// nothing moves. Above the charter's limit a person decides.
fn automatically<P: Participant>(w: &mut World<'_, P>) -> Result<(), Stop> {
    while let Some(duty) = owed_by_rule(w)? {
        let by = Person::new(format!("service:{}", duty.role()));
        may_decide(w, duty, &by)?;
        P::by_rule(w, duty, &by)?;
    }
    Ok(())
}

fn owed_by_rule<P: Participant>(w: &World<'_, P>) -> Result<Option<P::Duty>, Stop> {
    let Some(case) = w.case()? else { return Ok(None) };
    let mut owed = P::owed(case).tasks.keys().copied();
    let Some(duty) = owed.find(|duty| w.organisation.decides_by_rule(duty.role())) else { return Ok(None) };
    let limit = w.charter()?.automatic.max_amount_fen;
    Ok(P::amount(case, duty).is_some_and(|amount| amount.fen() <= limit).then_some(duty))
}

/// A command on a case that is known here; answered with its summary.
pub fn on_case<P: Participant>(
    organisation: &P,
    desk: &mut Desk<P>,
    id: &ApplicationId,
    act: impl FnOnce(&mut World<'_, P>) -> Result<(), Stop>,
) -> Result<(), Stop> {
    desk.concerns(id);
    let mut w = World { desk, organisation, id: id.clone() };
    if w.case()?.is_none() {
        return Err(Refusal::not_found(id).into());
    }
    act(&mut w)?;
    automatically(&mut w)?;
    let body = w.case()?.map(P::summary).unwrap_or_default();
    desk.answer(Answer { shows: Some(Key::row(P::KIND, id)), did: Did::Changed, body });
    Ok(())
}

/// A decision that is owed. Refused in this order: the application, the task, the person, the decision itself.
pub fn on_task<P: Participant>(
    organisation: &P,
    desk: &mut Desk<P>,
    actor: &Actor,
    id: &ApplicationId,
    duty: P::Duty,
    decide: impl FnOnce(&mut World<'_, P>) -> Result<(), Stop>,
) -> Result<(), Stop> {
    on_case(organisation, desk, id, |w| {
        may_decide(w, duty, &actor.person)?;
        decide(w)
    })
}

/// Somebody closes an incident with a reason; nothing else changes.
pub fn resolve_incident<P: Participant>(
    organisation: &P,
    desk: &mut Desk<P>,
    actor: &Actor,
    id: &ApplicationId,
    number: u32,
    because: &str,
) -> Result<(), Stop> {
    on_case(organisation, desk, id, |w| {
        may_resolve(w, number)?;
        must_say_why(because)?;
        w.resolve(number, &actor.person, because)
    })
}

/// Somebody asks the union for the papers of a case that was taken up; `letterbox` was made for them.
pub fn ask_for_papers<P: Participant>(
    organisation: &P,
    desk: &mut Desk<P>,
    actor: &Actor,
    id: &ApplicationId,
    letterbox: &str,
) -> Result<(), Stop> {
    on_case(organisation, desk, id, |w| {
        if w.case()?.and_then(P::file).is_none() {
            return Err(refused("NOT_TAKEN_UP", "尚未受理", format!("{id} 尚未受理，不能调取材料。")));
        }
        if w.desk.own(&case_key(id))?.is_some_and(|row| P::index(row).ended) {
            return Err(refused("ENDED", "申请已结束", format!("{id} 已结束，不能再调取材料。")));
        }
        let about = w.about(&format!("papers:{id}"))?;
        papers::ask(w.desk, about, letterbox, &actor.person)
    })
}

fn may_decide<P: Cases>(w: &World<'_, P>, duty: P::Duty, person: &Person) -> Result<(), Stop> {
    let Some(task) = w.case()?.and_then(|case| P::owed(case).tasks.get(&duty)) else {
        return Err(refused("NO_TASK", "没有此待办", format!("{} 当前没有待办的“{}”。", w.id, duty.zh())));
    };
    task.may_decide(person).map_err(|refusal| task_refused(&refusal).into())
}

/// A task changes hands; nothing is decided.
pub fn hand_task<P: Participant>(
    organisation: &P,
    desk: &mut Desk<P>,
    actor: &Actor,
    handover: &Handover,
) -> Result<(), Stop> {
    let Handover { application_id: id, task: name, to } = handover;
    on_case(organisation, desk, id, |w| {
        let open = w.case()?.and_then(|case| P::owed(case).tasks.iter().find(|(duty, _)| duty.code() == name));
        let Some((duty, task)) = open else {
            return Err(refused("NO_TASK", "没有此待办", format!("{id} 当前没有待办 {name}。")));
        };
        let (duty, by) = (*duty, handed(task, actor, to)?);
        w.record(P::fact(Fact::TaskClaimed { id: id.clone(), duty, by }))
    })
}

fn may_resolve<P: Cases>(w: &World<'_, P>, number: u32) -> Result<(), Stop> {
    let index = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
    let incident = w.case()?.and_then(|case| P::owed(case).incidents.get(index?));
    match incident {
        None => {
            let detail = format!("{} 没有第 {number} 号异常。", w.id);
            Err(Refusal::new(RefusalKind::NotFound, "NO_INCIDENT", "没有此异常", detail).into())
        }
        Some(incident) if incident.resolved.is_some() => {
            Err(refused("RESOLVED", "异常已处理", format!("{} 第 {number} 号异常已处理。", w.id)))
        }
        Some(_) => Ok(()),
    }
}

/// A decision that needs a reason has one.
pub fn must_say_why(because: &str) -> Result<(), Refusal> {
    if because.trim().is_empty() {
        return Err(Refusal::new(RefusalKind::Invalid, "REASON", "缺少理由", "请写明理由。"));
    }
    Ok(())
}

/// What waits for people, as the shell lists it.
pub fn tasks<P: Cases>(case: &P::Case) -> Vec<OpenTask> {
    let owed = P::owed(case);
    let open = owed.tasks.iter().map(|(duty, task)| OpenTask::of(owed.id, duty.code(), duty.zh(), task));
    open.collect()
}

/// What is not closed yet, by number.
pub fn open_incidents<P: Cases>(case: &P::Case) -> impl Iterator<Item = (u32, &IncidentRecord<P::Trouble>)> {
    (1_u32..).zip(P::owed(case).incidents).filter(|(_, incident)| incident.resolved.is_none())
}

/// What is not closed yet, as the shell lists it.
pub fn incidents<P: Cases>(case: &P::Case) -> Vec<Incident> {
    let id = P::owed(case).id;
    let open = open_incidents::<P>(case).map(|(number, incident)| Incident {
        incident_id: format!("{id}/{number}"),
        application_id: id.clone(),
        owner: incident.kind.owner().to_string(),
        step: incident.kind.step().name().to_owned(),
        what: format!("{}（{}）", incident.kind.zh(), incident.detail),
    });
    open.collect()
}
