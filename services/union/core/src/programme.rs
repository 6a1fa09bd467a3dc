//! The programme as a whole (DOMAIN.md S13): the deposit is topped up, new lending is suspended, and resumed. Each takes two
//! persons: what one proposes, another one confirms by wanting the same.
//!
//! While it is suspended no reservation is made and no pay-out ordered; applications wait where they are, keep their
//! expiries and may be withdrawn. What the bank has been ordered to pay is not called back.

use crate::{Fact, Row, Union, fund, origination::Origination, rows};
use domain::{Amount, ApplicationId, Moment};
use organisation::{Actor, Answer, Desk, Did, Person, Refusal, RefusalKind, Stop};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Decisions that the row keeps to be shown; all are in the journal.
const SHOWN: usize = 50;

/// What can be done to the programme as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "control", rename_all = "snake_case")]
pub enum Control {
    /// More money for the deposit.
    TopUp {
        /// How much, fen.
        amount_fen: Amount,
    },
    /// Money for interest subsidies.
    Appropriate {
        /// How much, fen.
        amount_fen: Amount,
    },
    /// No new reservation and no pay-out from now on.
    Suspend,
    /// Lending goes on.
    Resume,
}

/// What one person wants and another has not yet confirmed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// Counts proposals, from 1.
    pub number: u32,
    /// What.
    pub control: Control,
    /// Who.
    pub by: Person,
    /// Why.
    pub because: String,
    /// When.
    pub at: Moment,
}

/// What two persons decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// What was proposed.
    pub proposal: Proposal,
    /// Who confirmed it.
    pub by: Person,
    /// Why.
    pub because: String,
    /// When.
    pub at: Moment,
}

/// The programme as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgrammeRow {
    /// Whether new lending is suspended.
    pub suspended: bool,
    /// What is proposed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposal: Option<Proposal>,
    /// Proposals so far.
    pub proposals: u32,
    /// The latest decisions, the last one at the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decided: Vec<Decided>,
    /// Applications that wait before their pay-out since it was suspended, first in, first out. Who was withdrawn meanwhile
    /// stays until it is resumed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_hold: Vec<ApplicationId>,
}

impl ProgrammeRow {
    pub(crate) fn propose(&mut self, proposal: Proposal) {
        self.proposals = proposal.number;
        self.proposal = Some(proposal);
    }

    pub(crate) fn decide(&mut self, decided: Decided) {
        match decided.proposal.control {
            Control::TopUp { .. } | Control::Appropriate { .. } => {}
            Control::Suspend => self.suspended = true,
            Control::Resume => {
                self.suspended = false;
                self.on_hold.clear();
            }
        }
        self.proposal = None;
        self.decided.push(decided);
        let old = self.decided.len().saturating_sub(SHOWN);
        self.decided.drain(..old);
    }
}

fn row(desk: &Desk<Union>) -> Result<ProgrammeRow, Stop> {
    Ok(match desk.own(&rows::programme())? {
        Some(Row::Programme(row)) => row.clone(),
        _ => ProgrammeRow::default(),
    })
}

/// Whether new lending is suspended.
pub(crate) fn is_suspended(desk: &Desk<Union>) -> Result<bool, Stop> {
    Ok(matches!(desk.own(&rows::programme())?, Some(Row::Programme(row)) if row.suspended))
}

/// The application waits before its pay-out until lending is resumed.
pub(crate) fn put_on_hold(w: &mut Origination) -> Result<(), Stop> {
    if !row(&w.desk)?.on_hold.contains(&w.id) {
        w.desk.record(Fact::PutOnHold { id: w.id.clone() })?;
    }
    Ok(())
}

/// Keeps what the first person wants; does it when a second one wants the same.
pub(crate) fn control(actor: &Actor, control: Control, because: &str, desk: &mut Desk<Union>) -> Result<(), Stop> {
    organisation::participant::must_say_why(because)?;
    fund::must_be_open(desk)?;
    let now = row(desk)?;
    match (control, now.suspended) {
        (Control::Suspend, true) => {
            return Err(conflict("SUSPENDED", "项目已暂停", "项目已处于暂停状态，无需再次暂停。"));
        }
        (Control::Resume, false) => {
            return Err(conflict("NOT_SUSPENDED", "项目未暂停", "项目正常办理中，无需恢复。"));
        }
        _ => {}
    }
    match now.proposal {
        None => {
            let proposal = Proposal {
                number: now.proposals.saturating_add(1),
                control,
                by: actor.person.clone(),
                because: because.to_owned(),
                at: desk.at(),
            };
            desk.record(Fact::ControlProposed(proposal))?;
            answer(desk, Did::Proposed)
        }
        Some(proposal) if proposal.control != control => Err(conflict(
            "PROPOSAL_OPEN",
            "已有待确认的提议",
            "另一项提议尚待确认；请先确认或撤回它（GET /api/v1/programme）。",
        )),
        Some(proposal) if proposal.by.is_also(&actor.person) => {
            Err(conflict("FOUR_EYES", "须由另一人确认", "提议人不能自己确认，请由另一人以相同内容确认。"))
        }
        Some(proposal) => {
            let number = proposal.number;
            let waiting = now.on_hold;
            let (by, because, at) = (actor.person.clone(), because.to_owned(), desk.at());
            desk.record(Fact::ControlDecided(Decided { proposal, by, because, at }))?;
            match control {
                Control::TopUp { amount_fen } => fund::top_up(desk, number, amount_fen)?,
                Control::Appropriate { amount_fen } => fund::appropriate(desk, number, amount_fen)?,
                Control::Suspend => fund::all_look_again(desk)?,
                Control::Resume => {
                    // Those that are further on first.
                    for id in &waiting {
                        desk.follow(rows::application(id));
                    }
                    fund::all_look_again(desk)?;
                }
            }
            answer(desk, Did::Changed)
        }
    }
}

/// Takes back what is proposed. Whoever might confirm it may: its author may have left.
pub(crate) fn drop_proposal(actor: &Actor, because: &str, desk: &mut Desk<Union>) -> Result<(), Stop> {
    organisation::participant::must_say_why(because)?;
    let Some(proposal) = row(desk)?.proposal else {
        return Err(conflict("NO_PROPOSAL", "没有待确认的提议", "没有可撤回的提议。"));
    };
    let (by, because) = (actor.person.clone(), because.to_owned());
    desk.record(Fact::ProposalDropped { number: proposal.number, by, because })?;
    answer(desk, Did::Changed)
}

fn answer(desk: &mut Desk<Union>, did: Did) -> Result<(), Stop> {
    let body = shown(&row(desk)?);
    desk.answer(Answer { shows: None, did, body });
    Ok(())
}

fn conflict(code: &str, title: &str, detail: &str) -> Stop {
    Refusal::new(RefusalKind::Conflict, code, title, detail).into()
}

/// The programme as people see it.
pub fn shown(row: &ProgrammeRow) -> Value {
    let proposal = |proposal: &Proposal| {
        let mut shown = json!(proposal.control);
        shown["number"] = proposal.number.into();
        shown["by"] = json!(proposal.by);
        shown["because"] = proposal.because.as_str().into();
        shown["at"] = proposal.at.to_string().into();
        shown
    };
    let decided = row.decided.iter().rev().map(|decided| {
        let mut shown = proposal(&decided.proposal);
        shown["confirmed_by"] = json!(decided.by);
        shown["confirmed_because"] = decided.because.as_str().into();
        shown["confirmed_at"] = decided.at.to_string().into();
        shown
    });
    json!({
        "status": if row.suspended { "SUSPENDED" } else { "OPEN" },
        "proposal": row.proposal.as_ref().map(proposal),
        "decided": decided.collect::<Vec<_>>(),
        "on_hold": row.on_hold,
    })
}
