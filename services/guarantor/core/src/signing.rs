//! S1 step 6: applicant and guarantor sign the entrusted-guarantee and the counter-guarantee contract.

use crate::{
    Duty, Fact, Step,
    case::{Case, Contracts, CounterGuarantee, Demand, OpinionDecision, Said, Signing},
    opinion,
    requests::World,
};
use contracts::{About, AskRefusal, SignContracts};
use domain::Amount;
use organisation::{
    Person, Refusal, RefusalKind, Stop,
    participant::{self, Taken, Undo},
};
use saga::participant::Input;
use std::collections::BTreeSet;

/// The union asks to have the contracts signed.
pub(crate) fn asked(w: &mut World<'_>, ask: &SignContracts) -> Result<(), Stop> {
    participant::ask(w, &ask.about, Step::Sign, |w| begin(w, ask))
}

fn begin(w: &mut World<'_>, ask: &SignContracts) -> Result<Taken, Stop> {
    // The bank may have lowered the amount since the opinion, never raised it.
    let follows = w.case()?.is_some_and(|case| {
        let agreed = case.opinion.as_ref().and_then(|opinion| match &opinion.decision {
            OpinionDecision::Agreed { amount_fen, .. } => Some(*amount_fen),
            OpinionDecision::Declined { .. } => None,
        });
        agreed.is_some_and(|agreed| ask.amount_fen <= agreed)
    });
    if !follows {
        return Ok(Err(AskRefusal::OutOfOrder));
    }
    let signing = Signing { key: ask.about.key.clone(), amount_fen: ask.amount_fen };
    w.record(Fact::SigningBegun { id: w.id.clone(), signing })?;
    // What the bank did not approve is room for others.
    opinion::expose(w, ask.amount_fen.fen())?;
    let due_at = w.due(w.charter()?.contracts_aim)?;
    w.open_task(Duty::SignContracts, due_at, BTreeSet::new())?;
    Ok(Ok(()))
}

/// The union takes the ask back.
pub(crate) fn terminated(w: &mut World<'_>, about: &About) -> Result<(), Stop> {
    participant::undo(w, about, Step::Sign, cancel, terminate)
}

fn cancel(w: &mut World<'_>) -> Result<(), Stop> {
    w.cancel_tasks(Step::Sign)?;
    w.record(Fact::SigningCancelled { id: w.id.clone() })
}

fn terminate(w: &mut World<'_>) -> Result<Undo, Stop> {
    let rests_on_it = w.case()?.is_some_and(|case| case.drafting.is_some() || case.live_letter().is_some());
    if rests_on_it {
        return Ok(Undo::Declined("保函尚未撤回，不能解除担保合同"));
    }
    w.record(Fact::ContractsTerminated { id: w.id.clone() })?;
    Ok(Undo::Finished)
}

/// Records the signatures.
pub(crate) fn signed(w: &mut World<'_>, by: &Person, counter_guarantee: &CounterGuarantee) -> Result<(), Stop> {
    check(w.case()?, by, counter_guarantee)?;
    let Some(Signing { key, amount_fen }) = w.case()?.and_then(|case| case.signing.clone()) else {
        return Err(Stop::Illegal(format!("{} has nothing to sign", w.id)));
    };
    let (about, at) = (w.about(&key)?, w.desk.at());
    w.task_done(Duty::SignContracts, by)?;
    let counter_guarantee = counter_guarantee.clone();
    let contracts = Contracts { amount_fen, counter_guarantee, by: by.clone(), on: at.date() };
    w.record(Fact::ContractsSigned { id: w.id.clone(), contracts })?;
    w.settle(&about, Step::Sign, &Input::Finished(Said::Signed { at }))
}

/// By rule: without a counter-guarantee, where the opinion waived it; see [`decided_by_rule`].
pub(crate) fn signed_automatically(w: &mut World<'_>, by: &Person) -> Result<(), Stop> {
    signed(w, by, &CounterGuarantee::None {})
}

/// The amount that the contracts are about, if a rule may sign them: what backs the guarantee is brought by a person.
pub(crate) fn decided_by_rule(case: &Case) -> Option<Amount> {
    let (demand, _) = demanded(case)?;
    case.signing.as_ref().filter(|_| demand == Demand::None).map(|signing| signing.amount_fen)
}

/// What the opinion demands, and who gave it.
fn demanded(case: &Case) -> Option<(Demand, &Person)> {
    let opinion = case.opinion.as_ref()?;
    match &opinion.decision {
        OpinionDecision::Agreed { counter_guarantee, .. } => Some((*counter_guarantee, &opinion.by)),
        OpinionDecision::Declined { .. } => None,
    }
}

/// What is brought has to be what the opinion demands, or more where it demands nothing. A waiver needs a named approver
/// (DOMAIN.md section 1) other than the one who records it: that is who gave the opinion.
fn check(case: Option<&Case>, by: &Person, counter_guarantee: &CounterGuarantee) -> Result<(), Refusal> {
    let invalid =
        |detail: &str| Err(Refusal::new(RefusalKind::Invalid, "COUNTER_GUARANTEE", "反担保信息不完整", detail));
    match counter_guarantee {
        CounterGuarantee::Person { vault_token } if vault_token.trim().is_empty() => {
            return invalid("须写明反担保人的资料凭证。");
        }
        CounterGuarantee::Pledge { pledge } if pledge.trim().is_empty() => return invalid("须写明质押或抵押物。"),
        _ => {}
    }
    // Without an opinion there is nothing to sign, which is said elsewhere.
    let Some((demand, approver)) = case.and_then(demanded) else { return Ok(()) };
    if demand != Demand::None && counter_guarantee.meets() != demand {
        return invalid(&format!("担保意见要求{}，须按意见办理，或请风险经理重新出具意见。", demand.zh()));
    }
    if counter_guarantee.meets() == Demand::None && approver == by {
        let detail = "免除反担保的批准人（出具担保意见者）不得是经办人本人。";
        return Err(Refusal::new(RefusalKind::Forbidden, "FOUR_EYES", "须由另一人办理", detail));
    }
    Ok(())
}
