//! Papers of an application at the union: handed in by applicant or officer, sealed for a partner that has asked and may.

use crate::{Fact, Row, Union, origination::Origination};
use contracts::{About, Message, Paper, PaperKind, PapersAsked};
use domain::Party;
use organisation::{
    Actor, Refusal, RefusalKind, Stop,
    papers::{self, KeepsPapers, Papers, Sealed},
};
use saga::Phase;

impl KeepsPapers for Union {
    fn row(papers: Papers) -> Row {
        Row::Papers(Box::new(papers))
    }

    fn papers(row: &Row) -> Option<&Papers> {
        if let Row::Papers(papers) = row { Some(papers) } else { None }
    }

    fn papers_mut(row: &mut Row) -> Option<&mut Papers> {
        if let Row::Papers(papers) = row { Some(papers) } else { None }
    }

    fn papers_fact(fact: papers::Fact) -> Fact {
        Fact::Papers(fact)
    }
}

/// A paper is handed in; missing ones may follow until the pay-out (DOMAIN.md S2).
///
/// # Errors
/// `NOT_NOW`: the application goes forward no more, or is paid out.
pub(crate) fn supply(w: &mut Origination, actor: &Actor, paper: &Paper) -> Result<(), Stop> {
    let run = &w.application()?.run;
    if run.phase != Phase::Forward || run.pivot_passed {
        let detail = "申请已结束、正在终止或已放款，不再接收材料。";
        return Err(Refusal::new(RefusalKind::Conflict, "NOT_NOW", "不再接收材料", detail).into());
    }
    papers::supply(&mut w.desk, &w.id, paper, &actor.person)
}

/// What a message of a partner asks for, if it asks for papers.
pub(crate) fn ask(message: &Message) -> Option<(Party, &PapersAsked)> {
    match message {
        Message::GuarantorAsksPapers(ask) => Some((Party::Guarantor, ask)),
        Message::BankAsksPapers(ask) => Some((Party::Bank, ask)),
        _ => None,
    }
}

/// A partner asks for the papers: it may while it has a decision to make, or a contract to keep, in this application.
///
/// # Errors
/// `NOT_ENTITLED`: it was asked for nothing yet, or nothing comes of the application.
pub(crate) fn asked(w: &mut Origination, partner: Party, ask: &PapersAsked) -> Result<(), Stop> {
    let application = w.application()?;
    let step = if partner == Party::Guarantor { "assess guarantee" } else { "approve credit" };
    if application.run.phase != Phase::Forward || application.run.step(step).is_none() {
        let detail = format!("{} 此时不需要 {} 的材料。", partner.zh(), w.id);
        return Err(Refusal::new(RefusalKind::Forbidden, "NOT_ENTITLED", "无权调取材料", detail).into());
    }
    let person = Paper {
        address: application.vault_token.clone(),
        kind: PaperKind::Person,
        media_type: "application/json".to_owned(),
        pages: 1,
        bytes: 0,
    };
    papers::asked(&mut w.desk, partner, ask, person)
}

/// The vault has sealed a paper: it goes to whoever asked.
pub(crate) fn sealed(w: &mut Origination, sealed: &Sealed) -> Result<(), Stop> {
    let charter = w.application()?.charter;
    let about = About { application_id: w.id.clone(), charter, key: format!("papers:{}", w.id) };
    papers::sealed(&mut w.desk, &about, sealed)
}
