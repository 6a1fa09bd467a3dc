//! S7 at the guarantor: its written consent to a plan, given to the bank itself, and the letter's next version once the bank says that
//! the plan is in force (民法典 695: what is changed without it does not bind the guarantor).
//!
//! It refuses a plan whose hash is not that of its measures, and to take its consent back once the plan is in force.

use crate::{
    Duty, Fact, Step,
    case::{ChangedBy, LetterState, Relief, Said},
    command::ReliefVerdict,
    requests::World,
};
use contracts::{About, AskRefusal, ConsentPresented, ConsentToRelief, Message, ReliefConsent, SignedPlan};
use domain::schedule::add_months;
use organisation::{
    Person, Stop,
    participant::{self, Taken, Undo},
};
use saga::participant::Input;
use std::collections::BTreeSet;

/// The union asks for the consent.
pub(crate) fn asked(w: &mut World<'_>, ask: &ConsentToRelief) -> Result<(), Stop> {
    participant::ask(w, &ask.about, Step::Consent, |w| begin(w, ask))
}

fn begin(w: &mut World<'_>, ask: &ConsentToRelief) -> Result<Taken, Stop> {
    let stands_behind = w.case()?.is_some_and(|case| {
        case.life.settled.is_none() && case.letter.as_ref().is_some_and(|letter| letter.state == LetterState::Effective)
    });
    if !stands_behind || !ask.plan.is_intact(&format!("{}/R{}", w.id, ask.no)) {
        return Ok(Err(AskRefusal::OutOfOrder));
    }
    let due_at = w.due(w.charter()?.relief.consent_deadline)?;
    let (no, key, plan) = (ask.no, ask.about.key.clone(), ask.plan.clone());
    let relief = Relief { no, key, plan, guaranteed_until: None, by: None, to_record: None };
    w.record(Fact::ReliefTakenUp { id: w.id.clone(), relief: Box::new(relief) })?;
    w.open_task(Duty::ConsentRelief, due_at, BTreeSet::new())?;
    Ok(Ok(()))
}

fn relief<'w>(w: &'w World<'_>) -> Result<Option<&'w Relief>, Stop> {
    Ok(w.case()?.and_then(|case| case.relief.as_ref()))
}

/// The risk manager consents, or does not.
pub(crate) fn give(w: &mut World<'_>, by: &Person, verdict: ReliefVerdict) -> Result<(), Stop> {
    let relief = relief(w)?.ok_or_else(|| Stop::Illegal(format!("{} has no plan to consent to", w.id)))?;
    let (about, plan) = (w.about(&relief.key)?, relief.plan.clone());
    let input = match verdict {
        ReliefVerdict::Consent => {
            let months = w.case()?.and_then(|case| case.letter.as_ref()).map_or(0, |one| one.letter.period_months);
            let guaranteed_until =
                add_months(plan.maturity_on, months).map_err(|error| Stop::Illegal(format!("{}: {error}", w.id)))?;
            w.record(Fact::ReliefConsented { id: w.id.clone(), guaranteed_until, by: by.clone() })?;
            present(w, &about, plan.hash, Some(guaranteed_until));
            Input::Finished(Said::Relief(ReliefConsent::Given { guaranteed_until }))
        }
        ReliefVerdict::Withhold { reason } => {
            w.record(Fact::ReliefDropped { id: w.id.clone() })?;
            Input::Declined(Said::Relief(ReliefConsent::Withheld { reason }))
        }
    };
    w.task_done(Duty::ConsentRelief, by)?;
    w.settle(&about, Step::Consent, &input)
}

fn present(w: &mut World<'_>, about: &About, plan_hash: String, guaranteed_until: Option<domain::Date>) {
    w.desk.say(Message::ConsentPresented(ConsentPresented { about: about.clone(), plan_hash, guaranteed_until }));
}

/// The union takes the ask back.
pub(crate) fn rescinded(w: &mut World<'_>, about: &About) -> Result<(), Stop> {
    let given = relief(w)?.filter(|relief| relief.key == about.key).cloned();
    let in_force = w.case()?.is_some_and(|case| {
        let said = given.as_ref().is_some_and(|given| case.life.relief == Some(given.no));
        let changed_by = case.letter.as_ref().and_then(|letter| letter.changed_by.as_ref());
        said || changed_by.is_some_and(|by| by.consent_key == about.key)
    });
    participant::undo(
        w,
        about,
        Step::Consent,
        |w| {
            w.cancel_tasks(Step::Consent)?;
            w.record(Fact::ReliefDropped { id: w.id.clone() })
        },
        |w| {
            if in_force {
                return Ok(Undo::Declined("方案已生效，不能撤回同意"));
            }
            if let Some(given) = given {
                w.record(Fact::ReliefDropped { id: w.id.clone() })?;
                present(w, about, given.plan.hash, None);
            }
            Ok(Undo::Finished)
        },
    )
}

/// The union says that the plan is in force: the letter covers it, as soon as the bank itself has said so.
pub(crate) fn ordered(w: &mut World<'_>, ask: &SignedPlan) -> Result<(), Stop> {
    participant::ask(w, &ask.about, Step::Record, |w| {
        let is_known = relief(w)?.is_some_and(|one| one.plan.hash == ask.plan_hash && one.guaranteed_until.is_some());
        if !is_known {
            return Ok(Err(AskRefusal::OutOfOrder));
        }
        w.record(Fact::ReliefToRecord { id: w.id.clone(), key: ask.about.key.clone() })?;
        record_if_said(w)?;
        Ok(Ok(()))
    })
}

/// With the bank's word and the union's the letter has another version.
pub(crate) fn record_if_said(w: &mut World<'_>) -> Result<(), Stop> {
    let Some(case) = w.case()? else { return Ok(()) };
    let Some(relief) = &case.relief else { return Ok(()) };
    let said = case.life.schedule.as_ref().is_some_and(|schedule| schedule.relief >= Some(relief.no));
    let (Some(key), Some(guaranteed_until), true) = (&relief.to_record, relief.guaranteed_until, said) else {
        return Ok(());
    };
    let about = w.about(key)?;
    let by = ChangedBy { plan_hash: relief.plan.hash.clone(), consent_key: relief.key.clone() };
    let at = w.desk.at();
    w.record(Fact::LetterChanged { id: w.id.clone(), by, guaranteed_until })?;
    w.record(Fact::ReliefDropped { id: w.id.clone() })?;
    w.settle(&about, Step::Record, &Input::Finished(Said::Recorded { at }))
}
