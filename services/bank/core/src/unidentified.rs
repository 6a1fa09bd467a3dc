//! S5: money that has come and of which nobody knows for which loan. It waits in B2241 under its own reference. Operations find out whose
//! it is, or send it back; another person releases that. Five working days remind and escalate and decide nothing.
//!
//! Whoever paid has paid on the day on which the money came: it counts for the loan with that value date.

use crate::{
    Bank, Fact, Role, Row, books,
    command::{IdentificationCheck, RepaymentKind},
    repayment::{self, Money},
    rows,
};
use domain::{Amount, ApplicationId, Calendar, Date, Moment, Term};
use organisation::{
    Actor, Answer, Desk, Did, Key, Person, Refusal, RefusalKind, Stop, charters,
    participant::{must_say_why, on_case},
    people::task_refused,
};
use saga::{Notice, Task};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What the number of such money begins with; its reference follows.
pub const PREFIX: &str = "UM-";
/// The task of finding out whose it is.
pub const IDENTIFY: &str = "identify-money";
/// The task of releasing that.
pub const CHECK: &str = "check-identification";

/// DOMAIN.md S5.
const DEADLINE: Term = Term::WorkingDays(5);

/// Money whose loan is not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unidentified {
    /// The bank's reference of it: once in all its books; letters, digits and hyphens.
    pub reference: String,
    /// The day on which it came.
    pub value_date: Date,
    /// How much.
    pub amount_fen: Amount,
    /// What is known of it. No personal data.
    pub note: String,
    /// When it was entered.
    pub entered_at: Moment,
    /// By whom.
    pub entered_by: Person,
    /// What is proposed to be done with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposed: Option<Proposed>,
    /// Why what was proposed before was not released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_back: Option<String>,
    /// Who released what is proposed, and when: it is settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released: Option<(Person, Date)>,
    /// What waits for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<Task<Role>>,
}

/// What is proposed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposed {
    /// By whom.
    pub by: Person,
    /// What.
    pub purpose: Purpose,
}

/// What is done with money whose loan was not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "purpose", rename_all = "snake_case")]
pub enum Purpose {
    /// It repays this loan.
    Assign {
        /// The loan's application.
        application_id: ApplicationId,
    },
    /// It goes back to whoever sent it.
    GiveBack {
        /// Why.
        because: String,
    },
}

impl Unidentified {
    /// The number under which people have it.
    pub fn number(&self) -> String {
        format!("{PREFIX}{}", self.reference)
    }

    /// The loan's application that it is to repay, or has repaid.
    pub fn assigned_to(&self) -> Option<&ApplicationId> {
        match &self.proposed.as_ref()?.purpose {
            Purpose::Assign { application_id } => Some(application_id),
            Purpose::GiveBack { .. } => None,
        }
    }

    /// Where it stands.
    pub const fn state(&self) -> &'static str {
        match (&self.proposed, &self.released) {
            (None, _) => "UNIDENTIFIED",
            (Some(_), None) => "IDENTIFICATION_PREPARED",
            (Some(Proposed { purpose: Purpose::Assign { .. }, .. }), Some(_)) => "ASSIGNED",
            (Some(Proposed { purpose: Purpose::GiveBack { .. }, .. }), Some(_)) => "GIVEN_BACK",
        }
    }
}

/// A change of such money; each but the first names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It came.
    Entered(Box<Unidentified>),
    /// Whoever has it was reminded.
    Noticed {
        /// Which.
        reference: String,
        /// How much of the time has gone.
        notice: Notice,
    },
    /// What is to be done with it was proposed.
    Proposed {
        /// Which.
        reference: String,
        /// What, and by whom.
        proposed: Proposed,
        /// Who has to release it.
        task: Box<Task<Role>>,
    },
    /// That was not released.
    SentBack {
        /// Which.
        reference: String,
        /// By whom.
        by: Person,
        /// Why.
        because: String,
        /// Who has to propose anew.
        task: Box<Task<Role>>,
    },
    /// It was released, and booked.
    Released {
        /// Which.
        reference: String,
        /// By whom.
        by: Person,
        /// When.
        on: Date,
    },
}

impl Change {
    /// The row that it changes.
    pub(crate) fn key(&self) -> Key {
        match self {
            Change::Entered(money) => rows::unidentified(&money.reference),
            Change::Noticed { reference, .. }
            | Change::Proposed { reference, .. }
            | Change::SentBack { reference, .. }
            | Change::Released { reference, .. } => rows::unidentified(reference),
        }
    }

    /// Changes the money that it names.
    pub(crate) fn apply(&self, money: &mut Unidentified) {
        match self {
            Change::Entered(entered) => money.clone_from(entered),
            Change::Noticed { notice, .. } => {
                if let Some(task) = &mut money.task {
                    task.deadline.give(*notice);
                }
            }
            Change::Proposed { proposed, task, .. } => {
                money.proposed = Some(proposed.clone());
                money.sent_back = None;
                money.task = Some(Task::clone(task));
            }
            Change::SentBack { because, task, .. } => {
                money.proposed = None;
                money.sent_back = Some(because.clone());
                money.task = Some(Task::clone(task));
            }
            Change::Released { by, on, .. } => {
                money.released = Some((by.clone(), *on));
                money.task = None;
            }
        }
    }
}

fn conflict(code: &str, title: &str, detail: &str) -> Stop {
    Refusal::new(RefusalKind::Conflict, code, title, detail).into()
}

fn find<'d>(desk: &'d Desk<Bank>, reference: &str) -> Result<&'d Unidentified, Stop> {
    match desk.own(&rows::unidentified(reference))? {
        Some(Row::Unidentified(money)) => Ok(money),
        _ => {
            let detail = format!("没有凭证号为 {reference} 的不明款项。");
            Err(Refusal::new(RefusalKind::NotFound, "NOT_FOUND", "没有此笔不明款项", detail).into())
        }
    }
}

/// Such money came: Dr 1003 Cr 2241.
///
/// # Errors
/// Its reference is used; it is dated ahead; there is no charter to count five working days by.
pub(crate) fn enter(
    bank: &Bank,
    desk: &mut Desk<Bank>,
    by: &Person,
    reference: &str,
    value_date: Date,
    amount_fen: Amount,
    note: &str,
) -> Result<(), Stop> {
    let (now, today) = (desk.at(), desk.at().date());
    if books::is_booked(desk, &books::repayment(reference))? {
        return Err(conflict("REFERENCE_USED", "此凭证号已入账", "同一凭证号只入账一次，请核对凭证号。"));
    }
    if value_date > today {
        let detail = format!("起息日 {value_date} 晚于今日 {today}。");
        return Err(Refusal::new(RefusalKind::Invalid, "VALUE_DATE", "起息日无效", detail).into());
    }
    let due_at = due(&calendar(bank, desk)?, now)?;
    books::unidentified(desk, reference, amount_fen)?;
    let money = Unidentified {
        reference: reference.to_owned(),
        value_date,
        amount_fen,
        note: note.to_owned(),
        entered_at: now,
        entered_by: by.clone(),
        proposed: None,
        sent_back: None,
        released: None,
        task: Some(Task::until(IDENTIFY, Role::Operations, now, due_at, BTreeSet::new())),
    };
    desk.record(Fact::Money(Change::Entered(Box::new(money))))?;
    answer(desk, reference, Did::Created)
}

fn calendar(bank: &Bank, desk: &Desk<Bank>) -> Result<Calendar, Stop> {
    let charter = charters::in_force(bank, desk, desk.at().date())?.map(|(_, charter)| charter.calendar.clone());
    charter.ok_or_else(|| conflict("POLICY_NOT_IN_FORCE", "当日无有效章程", "当日没有有效章程，无从计算工作日。"))
}

fn due(calendar: &Calendar, now: Moment) -> Result<Moment, Stop> {
    calendar.due(DEADLINE, now).map_err(|error| Stop::Illegal(error.to_string()))
}

/// Somebody may decide its task of this name.
fn owed<'d>(desk: &'d Desk<Bank>, actor: &Actor, reference: &str, name: &str) -> Result<&'d Unidentified, Stop> {
    let money = find(desk, reference)?;
    let task = money.task.as_ref().filter(|task| task.id == name);
    let Some(task) = task else {
        return Err(conflict("NO_TASK", "没有此待办", "此笔款项当前不待此项办理，请刷新后再试。"));
    };
    task.may_decide(&actor.person).map_err(|refusal| task_refused(&refusal))?;
    Ok(money)
}

/// What is to be done with it.
///
/// # Errors
/// It does not wait for that; there is no such loan that lives; no reason.
pub(crate) fn identify(desk: &mut Desk<Bank>, actor: &Actor, reference: &str, purpose: &Purpose) -> Result<(), Stop> {
    let due_at = owed(desk, actor, reference, IDENTIFY)?.task.as_ref().map_or(desk.at(), Task::due_at);
    match purpose {
        Purpose::GiveBack { because } => must_say_why(because)?,
        Purpose::Assign { application_id } => {
            let is_living =
                matches!(desk.own(&rows::loan(application_id))?, Some(Row::Loan(loan)) if loan.state.is_living());
            if !is_living {
                let detail = format!("{application_id} 没有未结清的贷款。");
                return Err(conflict("NO_LOAN", "没有在贷", &detail));
            }
        }
    }
    let by = actor.person.clone();
    let check = Task::until(CHECK, Role::PaymentChecker, desk.at(), due_at, BTreeSet::from([by.clone()]));
    let proposed = Proposed { by, purpose: purpose.clone() };
    let reference = reference.to_owned();
    desk.record(Fact::Money(Change::Proposed { reference: reference.clone(), proposed, task: Box::new(check) }))?;
    answer(desk, &reference, Did::Changed)
}

/// Another person releases it, Dr 2241 Cr 2011 and from there as every repayment, or Cr 1003; or does not.
///
/// # Errors
/// It does not wait for that, or not for this person; what the loan says of the receipt; no reason.
pub(crate) fn check(
    bank: &Bank,
    desk: &mut Desk<Bank>,
    actor: &Actor,
    reference: &str,
    verdict: &IdentificationCheck,
) -> Result<(), Stop> {
    let money = owed(desk, actor, reference, CHECK)?.clone();
    let (by, reference) = (actor.person.clone(), reference.to_owned());
    if let IdentificationCheck::Return { because } = verdict {
        must_say_why(because)?;
        let due_at = money.task.as_ref().map_or(desk.at(), Task::due_at);
        let again = Task::until(IDENTIFY, Role::Operations, desk.at(), due_at, BTreeSet::new());
        let because = because.clone();
        let change = Change::SentBack { reference: reference.clone(), by, because, task: Box::new(again) };
        desk.record(Fact::Money(change))?;
        return answer(desk, &reference, Did::Changed);
    }
    match money.assigned_to() {
        Some(id) => on_case(bank, desk, id, |w| {
            let Unidentified { value_date, amount_fen, .. } = money;
            let kind = RepaymentKind::Scheduled;
            repayment::assign(w, &by, &Money { reference: &reference, value_date, amount_fen, kind })
        })?,
        None => books::given_back(desk, &reference, money.amount_fen)?,
    }
    let on = desk.at().date();
    desk.record(Fact::Money(Change::Released { reference: reference.clone(), by, on }))?;
    answer(desk, &reference, Did::Changed)
}

/// Time has passed: whoever has it is reminded.
pub(crate) fn tick(desk: &mut Desk<Bank>, reference: &str) -> Result<(), Stop> {
    let now = desk.at();
    let due = find(desk, reference)?.task.as_ref().map(|task| task.tick(now)).unwrap_or_default();
    for notice in due {
        desk.record(Fact::Money(Change::Noticed { reference: reference.to_owned(), notice }))?;
    }
    Ok(())
}

fn answer(desk: &mut Desk<Bank>, reference: &str, did: Did) -> Result<(), Stop> {
    let body = shown(find(desk, reference)?);
    desk.answer(Answer { shows: Some(rows::unidentified(reference)), did, body });
    Ok(())
}

/// Such money as the API shows it.
pub fn shown(money: &Unidentified) -> Value {
    let because = match money.proposed.as_ref().map(|proposed| &proposed.purpose) {
        Some(Purpose::GiveBack { because }) => Some(because),
        _ => None,
    };
    json!({
        "money_id": money.number(),
        "money_state": money.state(),
        "ended": money.released.is_some(),
        "reference": money.reference,
        "value_date": money.value_date,
        "amount_fen": money.amount_fen,
        "note": money.note,
        "entered_at": money.entered_at.to_string(),
        "entered_by": money.entered_by,
        "assigned_to": money.assigned_to(),
        "give_back_because": because,
        "identified_by": money.proposed.as_ref().map(|proposed| &proposed.by),
        "sent_back_because": money.sent_back,
        "checker": money.released.as_ref().map(|(by, _)| by),
        "booked_on": money.released.as_ref().map(|(_, on)| on.to_string()),
        "due_at": money.task.as_ref().map(|task| task.due_at().to_string()),
    })
}
