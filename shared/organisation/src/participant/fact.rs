//! What every asked organisation records, and how it changes a case. The organisation's own facts stand beside these in its
//! enum, and its golden tests pin them all.

use super::{Asked, Cases, Resolved, case_key};
use crate::{NotLoaded, Row, Rows};
use domain::ApplicationId;
use saga::{Notice, Person, Task, participant::Request};
use serde::{Deserialize, Serialize};

/// A fact about what is owed in a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the fields say the same in every variant: application, key or duty, who, what")]
pub enum Fact<Step, Duty, Role, Said> {
    /// What is owed to a key changed.
    RequestMoved { id: ApplicationId, key: String, step: Step, request: Request<Said> },
    /// Somebody owes a decision: by when, and who may not make it.
    TaskOpened { id: ApplicationId, duty: Duty, task: Task<Role> },
    /// A reminder or escalation was given.
    Noticed { id: ApplicationId, duty: Duty, notice: Notice },
    /// Somebody has it in hand, or nobody any more.
    TaskClaimed { id: ApplicationId, duty: Duty, by: Option<Person> },
    /// It was decided.
    TaskDone { id: ApplicationId, duty: Duty, by: Person },
    /// It is not owed any more.
    TaskCancelled { id: ApplicationId, duty: Duty },
    /// An incident, numbered within the case from 1, was looked at or settled itself.
    IncidentResolved { id: ApplicationId, number: u32, resolved: Resolved },
}

/// The facts of an organisation about what it owes.
pub type FactOf<P> = Fact<<P as Cases>::Step, <P as Cases>::Duty, <P as Cases>::Role, <P as Cases>::Said>;

/// Applies one fact.
pub fn apply<P: Cases>(rows: &mut Rows<P::Row>, fact: &FactOf<P>) -> Result<(), NotLoaded> {
    let (Fact::RequestMoved { id, .. }
    | Fact::TaskOpened { id, .. }
    | Fact::Noticed { id, .. }
    | Fact::TaskClaimed { id, .. }
    | Fact::TaskDone { id, .. }
    | Fact::TaskCancelled { id, .. }
    | Fact::IncidentResolved { id, .. }) = fact;
    change::<P>(rows, id, |case| {
        let owed = P::owed_mut(case);
        match fact {
            Fact::RequestMoved { key, step, request, .. } => {
                owed.requests.insert(key.clone(), Asked { step: *step, request: request.clone() });
            }
            Fact::TaskOpened { duty, task, .. } => {
                owed.tasks.insert(*duty, task.clone());
            }
            Fact::Noticed { duty, notice, .. } => {
                if let Some(task) = owed.tasks.get_mut(duty) {
                    task.deadline.give(*notice);
                }
            }
            Fact::TaskClaimed { duty, by, .. } => {
                if let Some(task) = owed.tasks.get_mut(duty) {
                    task.claim(by.clone());
                }
            }
            Fact::TaskDone { duty, .. } | Fact::TaskCancelled { duty, .. } => {
                owed.tasks.remove(duty);
            }
            Fact::IncidentResolved { number, resolved, .. } => {
                let index = usize::try_from(*number).ok().and_then(|number| number.checked_sub(1));
                if let Some(incident) = index.and_then(|index| owed.incidents.get_mut(index)) {
                    incident.resolved = Some(resolved.clone());
                }
            }
        }
    })
}

/// Changes a case; the first fact about an application begins it.
pub fn change<P: Cases>(
    rows: &mut Rows<P::Row>,
    id: &ApplicationId,
    change: impl FnOnce(&mut P::Case),
) -> Result<(), NotLoaded> {
    let key = case_key(id);
    if let Some(case) = rows.own_mut(&key)?.and_then(P::case_mut) {
        change(case);
        return Ok(());
    }
    let mut row = P::first(id.clone());
    P::case_mut(&mut row).map(change);
    rows.put(key, Row::Own(row))
}
