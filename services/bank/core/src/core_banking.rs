//! The port to the core-banking system: ordered once, asked about by the same key, closed before a *no* counts.
//!
//! Its *not posted* is not final: a system that did not know the key a minute ago may still carry the order out. So the key
//! is closed there first, and what that answers is the truth: closed, or posted before. Its *unknown*, and its silence, are
//! asked about after 1, 5, 15 and 60 minutes and then every hour (S4); after four hours a person is called. Nothing here
//! gives an order to post a second time.

use crate::{
    Fact, IncidentKind, Step,
    case::{AtCore, Said},
    payment::{self, To},
    requests::World,
};
use contracts::{DisbursementReport, NotPosted};
use domain::Term;
use organisation::{PortAction, PortOrder, PostingAnswer, Stop};
use saga::participant::{Input, Request};

/// Hands a released payment over; from here on only the core-banking system can say what becomes of it.
pub(crate) fn post(w: &mut World<'_>) -> Result<(), Stop> {
    let (key, amount_fen) = {
        let payment = payment::ordered(w)?;
        (payment.key.clone(), payment.amount_fen.fen())
    };
    w.turn(&key, Step::Disburse, &Input::HandedOver)?;
    let core = AtCore {
        since: w.desk.at(),
        closing: false,
        asked: 0,
        ask_at: w.due(wait(w, 0)?)?,
        person_at: Some(w.due(w.charter()?.unknown_escalation)?),
        unknown_reported: false,
    };
    order(w, core, PortAction::Post { amount_fen })
}

/// Has the key closed; whatever was posted before stays posted.
pub(crate) fn close(w: &mut World<'_>) -> Result<(), Stop> {
    let core = at_core(w)?;
    // It is being closed already; the clock repeats the order.
    if core.closing {
        return Ok(());
    }
    let core = AtCore { closing: true, asked: 0, ask_at: w.due(wait(w, 0)?)?, ..core };
    order(w, core, PortAction::Close)
}

fn order(w: &mut World<'_>, core: AtCore, action: PortAction) -> Result<(), Stop> {
    let key = payment::ordered(w)?.key.clone();
    w.record(Fact::CoreOrdered { id: w.id.clone(), core })?;
    w.desk.order(PortOrder { application_id: w.id.clone(), key, action });
    Ok(())
}

fn at_core(w: &World<'_>) -> Result<AtCore, Stop> {
    let core = w.open_case()?.in_flight().cloned();
    core.ok_or_else(|| Stop::Illegal(format!("{} has nothing at the core-banking system", w.id)))
}

/// How long to wait before asking for the n-th time: the charter's terms in turn, the last of them for ever.
fn wait(w: &World<'_>, asked: u16) -> Result<Term, Stop> {
    let charter = w.charter()?;
    let asks = &charter.unknown_asks;
    Ok(asks.get(usize::from(asked)).or(asks.last()).copied().unwrap_or(charter.unknown_escalation))
}

/// Time has passed: the system is asked once more, and in the end a person is called.
pub(crate) fn tick(w: &mut World<'_>) -> Result<(), Stop> {
    let now = w.desk.at();
    let Some(core) = w.case()?.and_then(|case| case.in_flight().cloned()) else { return Ok(()) };
    if core.person_at.is_some_and(|person_at| person_at <= now) {
        let payment = payment::ordered(w)?;
        let detail = format!("编号 {}，金额 {} 元，核心系统仍未给出结果。", payment.key, payment.amount_fen);
        let kind = IncidentKind::UnknownTooLong;
        w.record(Fact::IncidentRaised { id: w.id.clone(), kind, detail, at: now })?;
    }
    if core.ask_at <= now {
        let core = at_core(w)?;
        let asked = core.asked.saturating_add(1);
        let action = if core.closing { PortAction::Close } else { PortAction::Ask };
        let core = AtCore { asked, ask_at: w.due(wait(w, asked)?)?, ..core };
        order(w, core, action)?;
    }
    Ok(())
}

/// The core-banking system answers about a key: one match over (what is owed to the key, what it says).
pub(crate) fn answered(w: &mut World<'_>, key: &str, answer: &PostingAnswer) -> Result<(), Stop> {
    use PostingAnswer as A;
    use Request as R;
    match (w.request(key, Step::Disburse)?, answer) {
        (R::InDoubt { .. }, A::Posted { posting_no }) => payment::posted(w, posting_no.clone(), To::Borrower),
        (R::InDoubt { .. }, A::InSuspense { posting_no }) => payment::posted(w, posting_no.clone(), To::Suspense),
        (R::InDoubt { .. }, A::Closed) => payment::fail(w, NotPosted::RefusedByCore),
        // While it is being closed this is an old answer, or no answer to what was ordered: the clock repeats the order.
        (R::InDoubt { .. }, A::NotPosted { .. }) => close(w),
        (R::InDoubt { .. }, A::Unknown) => unknown(w),
        (
            R::Done(Said::Reported(DisbursementReport::Posted { receipt })),
            A::Posted { posting_no } | A::InSuspense { posting_no },
        ) => {
            if receipt.posting_no == *posting_no {
                return Ok(());
            }
            let detail = format!("编号 {key} 先后入账 {} 和 {posting_no}。", receipt.posting_no);
            w.raise(IncidentKind::PostedTwice, detail)
        }
        (R::Done(_), A::Closed) => w.raise(IncidentKind::CoreContradicts, format!("编号 {key} 已入账，又称已关闭。")),
        (
            R::Open | R::Unheard | R::Refused(_) | R::Closed | R::Undone | R::Undoing(_),
            A::Posted { posting_no } | A::InSuspense { posting_no },
        ) => w.raise(IncidentKind::PostedUnasked, format!("编号 {key} 入账 {posting_no}，但未下达或已关闭。")),
        // Old answers: the outcome is settled, or was never asked for.
        (R::Done(_), A::Posted { .. } | A::InSuspense { .. } | A::NotPosted { .. } | A::Unknown)
        | (
            R::Open | R::Unheard | R::Refused(_) | R::Closed | R::Undone | R::Undoing(_),
            A::NotPosted { .. } | A::Closed | A::Unknown,
        ) => Ok(()),
    }
}

/// The union is told once; the clock asks on.
fn unknown(w: &mut World<'_>) -> Result<(), Stop> {
    if at_core(w)?.unknown_reported {
        return Ok(());
    }
    w.record(Fact::OutcomeUnknown { id: w.id.clone() })?;
    payment::report_unknown(w)
}
