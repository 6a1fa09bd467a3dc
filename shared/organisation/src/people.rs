//! Who has a task in hand: claimed, given back, or handed to somebody else by a supervisor. None of it decides anything, and a
//! deadline runs on whoever has the task.

use crate::{Actor, Refusal, RefusalKind, participant::must_say_why};
use domain::ApplicationId;
use saga::{Person, Task, TaskRefusal};
use serde::{Deserialize, Serialize};
use std::fmt::Display;

/// Sees everybody's tasks and hands them over; decides none of them.
pub const SUPERVISOR: &str = "supervisor";

/// A task changes hands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handover {
    /// The application.
    pub application_id: ApplicationId,
    /// The task within it, e.g. `decide-credit`.
    pub task: String,
    /// Whose it is from now on.
    pub to: To,
}

/// Who gets a task in hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum To {
    /// Whoever says so.
    Me,
    /// Nobody: everybody with its role may take it again.
    Nobody,
    /// Somebody else.
    Other {
        /// Who.
        person: Person,
        /// Why.
        because: String,
    },
}

/// Who has the task from now on, if `actor` may hand it over like this.
///
/// # Errors
/// In this order: the role, four eyes, another who has it, the reason. Nothing is changed.
pub fn handed<Role: Copy + Display>(task: &Task<Role>, actor: &Actor, to: &To) -> Result<Option<Person>, Refusal> {
    match to {
        To::Me => {
            actor.must_hold(&[task.role()])?;
            task.may_claim(&actor.person).map_err(|refusal| task_refused(&refusal))?;
            Ok(Some(actor.person.clone()))
        }
        To::Nobody => match &task.claimed_by {
            None => Err(Refusal::new(RefusalKind::Conflict, "NOT_CLAIMED", "任务未被认领", "此任务没有人认领。")),
            Some(person) if person.is_also(&actor.person) => Ok(None),
            Some(_) => {
                actor.must_hold(&[SUPERVISOR])?;
                Ok(None)
            }
        },
        To::Other { person, because } => {
            actor.must_hold(&[SUPERVISOR])?;
            must_say_why(because)?;
            if task.excludes(person) {
                return Err(task_refused(&TaskRefusal::Excluded(person.clone())));
            }
            Ok(Some(person.clone()))
        }
    }
}

/// A change of hands as a line of the timeline.
pub fn hand_zh(task: &str, by: Option<&Person>) -> String {
    match by {
        Some(person) => format!("{task}由 {} 承办", name(person)),
        None => format!("{task}退回待领"),
    }
}

/// A person as people read it: `li`, or `li（代 wang）`.
pub fn name(person: &Person) -> String {
    let short = |id: &str| id.trim_start_matches("person:").to_owned();
    match person.0.split_once(" for ") {
        Some((deputy, absent)) => format!("{}（代 {}）", short(deputy), short(absent)),
        None => short(&person.0),
    }
}

/// Why a person may not have a task, as that person reads it.
pub fn task_refused(refusal: &TaskRefusal) -> Refusal {
    match refusal {
        TaskRefusal::Excluded(person) => {
            let detail = format!("{} 已办理过前一步，须由另一人办理。", name(person));
            Refusal::new(RefusalKind::Forbidden, "FOUR_EYES", "须由另一人办理", detail)
        }
        TaskRefusal::Suspended => {
            Refusal::new(RefusalKind::Conflict, "TASK", "不能办理此任务", "正在等待补充材料，材料到达后再办理。")
        }
        TaskRefusal::ClaimedBy(person) => {
            let detail = format!("此任务已由 {} 认领；须其退回，或由主管改派。", name(person));
            Refusal::new(RefusalKind::Conflict, "CLAIMED", "任务已被认领", detail)
        }
    }
}
