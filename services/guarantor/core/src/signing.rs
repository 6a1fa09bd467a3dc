//! S1 step 6: applicant and guarantor sign the entrusted-guarantee and the counter-guarantee contract.

use crate::{
    Duty, Fact, Step,
    case::{Contracts, CounterGuarantee, OpinionDecision, Said, Signing},
    opinion,
    requests::World,
};
use contracts::{About, AskRefusal, SignContracts};
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
    check(by, counter_guarantee)?;
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

/// By rule: without a counter-guarantee, waived by the risk manager's service identity.
pub(crate) fn signed_automatically(w: &mut World<'_>, by: &Person) -> Result<(), Stop> {
    let waiver_approver = Person::new("service:risk_manager");
    signed(w, by, &CounterGuarantee::None { waiver_approver })
}

/// A waiver needs a named approver (DOMAIN.md section 1) other than the one who records it.
fn check(by: &Person, counter_guarantee: &CounterGuarantee) -> Result<(), Refusal> {
    let invalid =
        |detail: &str| Err(Refusal::new(RefusalKind::Invalid, "COUNTER_GUARANTEE", "反担保信息不完整", detail));
    match counter_guarantee {
        CounterGuarantee::None { waiver_approver } if waiver_approver.0.trim().is_empty() => {
            invalid("免除反担保须写明批准人。")
        }
        CounterGuarantee::None { waiver_approver } if waiver_approver == by => {
            let detail = "免除反担保的批准人不得是经办人本人。";
            Err(Refusal::new(RefusalKind::Forbidden, "FOUR_EYES", "须由另一人办理", detail))
        }
        CounterGuarantee::Person { vault_token } if vault_token.trim().is_empty() => {
            invalid("须写明反担保人的资料凭证。")
        }
        CounterGuarantee::Pledge { pledge } if pledge.trim().is_empty() => invalid("须写明质押或抵押物。"),
        _ => Ok(()),
    }
}
