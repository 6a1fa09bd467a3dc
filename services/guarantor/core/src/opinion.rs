//! S1 step 4: due diligence and the opinion. It never agrees to more than was asked, nor beyond the guarantor's limits.

use crate::{
    Duty, Fact, Step,
    case::{Demand, File, Opinion, OpinionDecision, Said},
    command::Assessment,
    limits,
    requests::World,
};
use contracts::{About, AssessGuarantee, GuaranteeDecline, GuaranteeOpinion};
use domain::Fen;
use organisation::{
    Person, Refusal, RefusalKind, Stop,
    participant::{self, Taken, Undo},
};
use saga::participant::Input;
use std::collections::BTreeSet;

/// The union asks for an opinion.
pub(crate) fn asked(w: &mut World<'_>, ask: &AssessGuarantee) -> Result<(), Stop> {
    participant::ask(w, &ask.about, Step::Assess, |w| begin(w, ask))
}

fn begin(w: &mut World<'_>, ask: &AssessGuarantee) -> Result<Taken, Stop> {
    let file = File {
        charter: ask.about.charter,
        firm: ask.firm.clone(),
        wish: ask.wish.clone(),
        recommendation: ask.recommendation.clone(),
        reservation_id: ask.reservation_id.clone(),
        reserved_fen: ask.reserved_fen,
        taken_up_at: w.desk.at(),
    };
    w.record(Fact::TakenUp { id: w.id.clone(), file: Box::new(file) })?;
    let due_at = w.due(w.charter()?.assess_deadline)?;
    w.open_task(Duty::DueDiligence, due_at, BTreeSet::new())?;
    Ok(Ok(()))
}

/// The union takes the ask back.
pub(crate) fn withdrawn(w: &mut World<'_>, about: &About) -> Result<(), Stop> {
    participant::undo(w, about, Step::Assess, |w| w.cancel_tasks(Step::Assess), withdraw)
}

fn withdraw(w: &mut World<'_>) -> Result<Undo, Stop> {
    // A letter, made or in the making, rests on contracts, so these two are all that can rest on the opinion.
    let rests_on_it = w.case()?.is_some_and(|case| case.signing.is_some() || case.contracts.is_some());
    if rests_on_it {
        return Ok(Undo::Declined("担保合同或保函尚未解除，不能撤回担保意见"));
    }
    w.record(Fact::OpinionWithdrawn { id: w.id.clone() })?;
    expose(w, Fen::ZERO)?;
    Ok(Undo::Finished)
}

/// Gives the opinion.
pub(crate) fn give(w: &mut World<'_>, by: &Person, verdict: &Assessment) -> Result<(), Stop> {
    let about = w.about(&w.open_key(Step::Assess)?)?;
    let on = w.desk.at().date();
    let (decision, input) = match verdict {
        Assessment::Agree { amount_fen, conditions, counter_guarantee } => {
            let asked = w.file()?.wish.amount_fen;
            if *amount_fen > asked {
                let detail = format!("同意担保的金额 {amount_fen} 元不得高于申请金额 {asked} 元。");
                return Err(Refusal::new(RefusalKind::Invalid, "AMOUNT_ABOVE_ASKED", "金额高于申请", detail).into());
            }
            limits::room_for(w, *amount_fen)?.map_err(Refusal::from)?;
            let (amount_fen, conditions, counter_guarantee) = (*amount_fen, conditions.clone(), *counter_guarantee);
            let said = GuaranteeOpinion::Agreed { amount_fen, conditions: conditions.clone() };
            let decision = OpinionDecision::Agreed { amount_fen, conditions, counter_guarantee };
            (decision, Input::Finished(Said::Opinion(said)))
        }
        Assessment::Decline { reason } => {
            let said = GuaranteeOpinion::Declined { reason: *reason };
            (OpinionDecision::Declined { reason: *reason }, Input::Declined(Said::Opinion(said)))
        }
    };
    w.task_done(Duty::DueDiligence, by)?;
    let exposure = match &decision {
        OpinionDecision::Agreed { amount_fen, .. } => amount_fen.fen(),
        OpinionDecision::Declined { .. } => Fen::ZERO,
    };
    w.record(Fact::OpinionGiven { id: w.id.clone(), opinion: Opinion { decision, by: by.clone(), on } })?;
    expose(w, exposure)?;
    w.settle(&about, Step::Assess, &input)
}

/// By rule: agree to what was asked, without a counter-guarantee, if there is room for it, else decline with LIMIT.
pub(crate) fn give_automatically(w: &mut World<'_>, by: &Person) -> Result<(), Stop> {
    let amount_fen = w.file()?.wish.amount_fen;
    let verdict = match limits::room_for(w, amount_fen)? {
        Ok(()) => Assessment::Agree { amount_fen, conditions: Vec::new(), counter_guarantee: Demand::None },
        Err(_) => Assessment::Decline { reason: GuaranteeDecline::Limit },
    };
    give(w, by, &verdict)
}

/// The case takes another share of the limits from now on.
pub(crate) fn expose(w: &mut World<'_>, exposure_fen: Fen) -> Result<(), Stop> {
    if w.case()?.is_some_and(|case| case.exposure_fen == exposure_fen) {
        return Ok(());
    }
    let uscc = w.file()?.firm.uscc.to_string();
    w.record(Fact::ExposureChanged { id: w.id.clone(), uscc, exposure_fen })
}
