//! What the types of the builder cannot forbid: checked once when a definition is built, each breach naming step and rule.

use std::collections::BTreeSet;

use thiserror::Error;

use crate::definition::builder::Sketch;
use crate::definition::{Class, Definition, Expiry, Retry, Since, Step, Undo, Work};
use crate::world::World;

/// A definition that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("definition {definition}, step `{step}`: {rule}")]
pub struct DefinitionError {
    /// The definition's name.
    pub definition: &'static str,
    /// The step (or expiry) that breaks it; empty if it is the definition itself.
    pub step: String,
    /// The rule.
    pub rule: Rule,
}

/// A rule that every definition obeys.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Rule {
    /// The definition has a name and a version from 1.
    #[error("a definition has a name and a version from 1")]
    Unnamed,
    /// The definition has at least one step.
    #[error("a definition has at least one step")]
    NoSteps,
    /// Someone owns incidents.
    #[error("incidents need an owner: say incidents_to(role)")]
    NoIncidentOwner,
    /// At most one semantic lock.
    #[error("a definition takes at most one lock")]
    TwoLocks,
    /// Steps have distinct names.
    #[error("two steps have this name")]
    DuplicateStep,
    /// A step has a name without the key's separator.
    #[error("a step's name is not empty and has no `:`, which separates the parts of a key")]
    BadStepName,
    /// A parallel group has at least two branches.
    #[error("a parallel group has at least two branches")]
    TooFewBranches,
    /// A branch has at least one step.
    #[error("a branch has at least one step")]
    EmptyBranch,
    /// A compensatable step has an undo or says why not.
    #[error("a step before the point of no return has an undo or says why it needs none")]
    NoUndoReason,
    /// A person's step has a deadline.
    #[error("a person's step has a deadline: say within(term)")]
    NoDeadline,
    /// Only a person's or a remote step has a deadline.
    #[error("a local step has no deadline: it is done within a decision or waits to be woken")]
    DeadlineOnLocal,
    /// Only a question to a party or a child saga has a key.
    #[error("only a remote step or a child saga has a key")]
    KeyOnLocal,
    /// Only a question to a party is sent again.
    #[error("only a remote step has a retry policy")]
    RetryOnLocal,
    /// A retry policy waits at least a second and does not shrink.
    #[error("a retry policy waits at least a second and at most its longest wait")]
    BadRetry,
    /// The unknown policy has waits, and they are positive.
    #[error("the policy for unknown outcomes has at least one wait, each of at least a second")]
    BadUnknownPolicy,
    /// The policy for further attempts waits, and gives up at some time.
    #[error("the policy for further attempts waits at least a second and allows at least one attempt")]
    BadAgainPolicy,
    /// Four eyes are between two people's steps, in order.
    #[error("four eyes need an earlier step that a person decides, and `{0}` is not one")]
    BadOtherThan(String),
    /// Expiries have distinct names.
    #[error("two expiries have this name")]
    DuplicateExpiry,
    /// An expiry names steps of the definition.
    #[error("the expiry names `{0}`, which is not a step")]
    ExpiryOfUnknownStep(String),
    /// An expiry's first step lies before its last on every path.
    #[error("the expiry's clock starts at `{0}`, which does not come before its end")]
    ExpiryOutOfOrder(String),
    /// An expiry ends at the latest with the point of no return.
    #[error("the expiry runs past the point of no return, where nothing can end the run")]
    ExpiryPastPivot,
    /// Only a local step can be waited for.
    #[error("the expiry starts when `{0}` waits, but only a local step does")]
    ExpirySinceNeverWaits(String),
}

const SHORTEST_WAIT_MS: i64 = 1_000;

pub(crate) fn check<W: World>(mut sketch: Sketch<W>) -> Result<Definition<W>, DefinitionError> {
    let definition = sketch.name;
    let breach = |step: &str, rule| Err(DefinitionError { definition, step: step.to_owned(), rule });
    if sketch.name.is_empty() || sketch.version == 0 {
        return breach("", Rule::Unnamed);
    }
    if let Some((step, rule)) = sketch.broken.drain(..).next() {
        return Err(DefinitionError { definition, step, rule });
    }
    if sketch.steps.is_empty() {
        return breach("", Rule::NoSteps);
    }
    let Some(owner) = sketch.owner else {
        return breach("", Rule::NoIncidentOwner);
    };
    if !sane(sketch.retry) {
        return breach("", Rule::BadRetry);
    }
    let waits = &sketch.unknown.waits_ms;
    if waits.is_empty() || waits.iter().any(|ms| *ms < SHORTEST_WAIT_MS) || sketch.unknown.person_after_ms < 0 {
        return breach("", Rule::BadUnknownPolicy);
    }
    if !sane(sketch.again.wait) || sketch.again.attempts == 0 {
        return breach("", Rule::BadAgainPolicy);
    }
    let mut names = BTreeSet::new();
    for (index, step) in sketch.steps.iter().enumerate() {
        if !names.insert(step.name) {
            return breach(step.name, Rule::DuplicateStep);
        }
        if let Err(rule) = check_step(step, sketch.steps.get(..index).unwrap_or_default()) {
            return breach(step.name, rule);
        }
    }
    let mut names = BTreeSet::new();
    for expiry in &sketch.expiries {
        if !names.insert(expiry.name) {
            return breach(expiry.name, Rule::DuplicateExpiry);
        }
        if let Err(rule) = check_expiry(expiry, &sketch.steps) {
            return breach(expiry.name, rule);
        }
    }
    let pivot = sketch.steps.iter().position(|step| step.class == Class::Pivot);
    Ok(Definition {
        name: sketch.name,
        version: sketch.version,
        lock: sketch.lock,
        owner,
        retry: sketch.retry,
        unknown: sketch.unknown,
        again: sketch.again,
        steps: sketch.steps,
        expiries: sketch.expiries,
        pivot,
    })
}

fn sane(retry: Retry) -> bool {
    retry.first_ms >= SHORTEST_WAIT_MS && retry.first_ms <= retry.longest_ms
}

fn check_step<W: World>(step: &Step<W>, earlier: &[Step<W>]) -> Result<(), Rule> {
    if step.name.is_empty() || step.name.contains(':') {
        return Err(Rule::BadStepName);
    }
    match (step.class, &step.undo) {
        (Class::Compensatable, Undo::Unsaid | Undo::Never) => return Err(Rule::NoUndoReason),
        (_, Undo::NotNeeded(why)) if why.trim().is_empty() => return Err(Rule::NoUndoReason),
        _ => {}
    }
    let human = matches!(step.work, Work::Decide(_));
    let remote = matches!(step.work, Work::Ask(..) | Work::Pivot(..));
    let child = matches!(step.work, Work::Child(_));
    if human && step.within.is_none() {
        return Err(Rule::NoDeadline);
    }
    if !human && !remote && step.within.is_some() {
        return Err(Rule::DeadlineOnLocal);
    }
    if !remote && !child && step.key.is_some() {
        return Err(Rule::KeyOnLocal);
    }
    match step.retry {
        Some(_) if !remote => return Err(Rule::RetryOnLocal),
        Some(retry) if !sane(retry) => return Err(Rule::BadRetry),
        _ => {}
    }
    for name in &step.other_than {
        let decided = earlier.iter().any(|other| other.name == *name && matches!(other.work, Work::Decide(_)));
        if !human || !decided {
            return Err(Rule::BadOtherThan((*name).to_owned()));
        }
    }
    Ok(())
}

fn check_expiry<W: World>(expiry: &Expiry<W>, steps: &[Step<W>]) -> Result<(), Rule> {
    let find = |name: &str| {
        let found = steps.iter().position(|step| step.name == name);
        found.ok_or_else(|| Rule::ExpiryOfUnknownStep(name.to_owned()))
    };
    let until = find(expiry.until)?;
    let before = ancestors(steps, until);
    let pivot = steps.iter().position(|step| step.class == Class::Pivot);
    if pivot.is_some_and(|pivot| until != pivot && ancestors(steps, until).contains(&pivot)) {
        return Err(Rule::ExpiryPastPivot);
    }
    let since = match &expiry.since {
        Since::Start => Vec::new(),
        Since::Done(step) => vec![*step],
        Since::AllDone(all) => all.clone(),
        Since::Waiting(step) => {
            let index = find(step)?;
            if !steps.get(index).is_some_and(|s| matches!(s.work, Work::Here(_))) {
                return Err(Rule::ExpirySinceNeverWaits((*step).to_owned()));
            }
            // A step that waits may itself be the end: a queue's own expiry.
            if index == until { Vec::new() } else { vec![*step] }
        }
    };
    for name in since {
        if !before.contains(&find(name)?) {
            return Err(Rule::ExpiryOutOfOrder(name.to_owned()));
        }
    }
    Ok(())
}

/// All steps that must be done before the step at `index` opens.
pub(crate) fn ancestors<W: World>(steps: &[Step<W>], index: usize) -> BTreeSet<usize> {
    let mut all = BTreeSet::new();
    let mut open = vec![index];
    while let Some(step) = open.pop().and_then(|i| steps.get(i)) {
        open.extend(step.after.iter().copied().filter(|before| all.insert(*before)));
    }
    all
}
