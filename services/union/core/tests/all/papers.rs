//! Papers at the union: who may have which, when, and what is refused. No byte of them is seen here.

use super::office::*;
use contracts::{Message, Paper, PaperKind, PaperSealed, PapersAsked};
use domain::Party;
use organisation::{
    Input, PortAction, PortAnswer, PortOrder, RefusalKind, Stop,
    papers::{MOST, Sealed},
};
use union_core::{Command, command::EligibilityVerdict};

fn paper(kind: PaperKind, n: usize) -> Paper {
    Paper { address: format!("{n:064x}"), kind, media_type: "application/pdf".into(), pages: 1, bytes: 900 }
}

pub fn supply(kind: PaperKind, n: usize) -> Command {
    Command::SupplyPaper { application_id: id(1), paper: paper(kind, n) }
}

pub fn asks(office: &Office, party: Party, letterbox: &str) -> Message {
    let about = contracts::About { application_id: id(1), charter: office.charter, key: format!("papers:{}", id(1)) };
    let ask = PapersAsked { about, letterbox: letterbox.repeat(32) };
    match party {
        Party::Guarantor => Message::GuarantorAsksPapers(ask),
        _ => Message::BankAsksPapers(ask),
    }
}

/// For whom what is to be sealed.
fn orders(orders: &[PortOrder]) -> Vec<(Party, &'static str)> {
    let order = |order: &PortOrder| match &order.action {
        PortAction::Seal { to, paper, .. } => (*to, paper.kind.code()),
        other => panic!("not about papers: {other:?}"),
    };
    orders.iter().map(order).collect()
}

/// The vault's answer to an order, in so many parts.
pub fn sealed(order: &PortOrder, parts: usize) -> Input<Command> {
    let PortAction::Seal { to, letterbox, paper } = order.action.clone() else { panic!("{order:?}") };
    let parts = (0..parts).map(|part| format!("c{part}")).collect();
    let sealed = Sealed { to, letterbox, paper, parts };
    Input::Port { application_id: id(1), answer: PortAnswer::Vault { key: order.key.clone(), sealed } }
}

#[test]
fn each_partner_gets_its_own_minimum_once_it_has_something_to_decide() {
    let mut office = Office::open(1_000_000_000);
    office.submit(1, AMOUNT);
    for (n, kind) in PaperKind::SUPPLIED.into_iter().enumerate() {
        office.act("a", APPLICANT, supply(kind, n));
    }
    let early = refusal(office.hear(asks(&office.clone(), Party::Guarantor, "5a")));
    assert_eq!((early.kind, early.code.as_str()), (RefusalKind::Forbidden, "NOT_ENTITLED"));
    office.verdict(1, EligibilityVerdict::Approve);

    let asked = office.hear(asks(&office.clone(), Party::Guarantor, "5a")).unwrap();
    let everything_but_membership = [
        "PERSON",
        "LICENCE",
        "ID_FRONT",
        "ID_BACK",
        "LEASE",
        "BANK_STATEMENT",
        "TAX_RETURN",
        "FINANCIALS",
        "BUSINESS_PLAN",
        "COUNTER_GUARANTEE",
    ];
    let guarantor: Vec<_> = everything_but_membership.map(|kind| (Party::Guarantor, kind)).into();
    assert_eq!(orders(&asked.orders), guarantor);
    assert!(
        office.hear(asks(&office.clone(), Party::Guarantor, "5a")).unwrap().orders.is_empty(),
        "asked twice is once"
    );
    // The bank is not asked for its decision yet.
    assert_eq!(refusal(office.hear(asks(&office.clone(), Party::Bank, "5b"))).code, "NOT_ENTITLED");
    office.tell(office.agreed(1, AMOUNT));
    let asked = office.hear(asks(&office.clone(), Party::Bank, "5b")).unwrap();
    assert!(!orders(&asked.orders).contains(&(Party::Bank, "COUNTER_GUARANTEE")));
    assert_eq!(asked.orders.len(), guarantor.len() - 1);
    // What comes later goes to both, as far as they may have it.
    let later = office.act("li", INTAKE, supply(PaperKind::Lease, 100));
    assert_eq!(orders(&later.orders), [(Party::Guarantor, "LEASE"), (Party::Bank, "LEASE")]);
    assert!(office.act("li", INTAKE, supply(PaperKind::GroupProof, 101)).orders.is_empty());
}

#[test]
fn what_the_vault_sealed_goes_part_by_part_and_what_it_cannot_open_goes_not() {
    let mut office = Office::open(1_000_000_000);
    office.submit(1, AMOUNT);
    office.act("a", APPLICANT, supply(PaperKind::Lease, 1));
    office.verdict(1, EligibilityVerdict::Approve);
    let orders = office.hear(asks(&office.clone(), Party::Guarantor, "5a")).unwrap().orders;
    let [person, lease] = orders.as_slice() else { panic!("{orders:?}") };
    let said = office.decide(&sealed(lease, 3)).unwrap();
    let parts = said.messages.iter().map(|message| match message {
        Message::PaperForGuarantor(PaperSealed { part, of, sealed, letterbox, .. }) => {
            assert_eq!(*letterbox, "5a".repeat(32));
            (*part, *of, sealed.clone())
        }
        other => panic!("{other:?}"),
    });
    assert_eq!(parts.collect::<Vec<_>>(), [(1, 3, "c0".into()), (2, 3, "c1".into()), (3, 3, "c2".into())]);
    assert!(office.decide(&sealed(person, 0)).unwrap().messages.is_empty(), "erased meanwhile");
    // What may not go there is a defect, not a message.
    let PortOrder { action: PortAction::Seal { letterbox, .. }, .. } = lease else { panic!("{lease:?}") };
    let seal =
        PortAction::Seal { to: Party::Bank, letterbox: letterbox.clone(), paper: paper(PaperKind::GroupProof, 7) };
    let wrong = PortOrder { action: seal, ..lease.clone() };
    assert!(matches!(office.decide(&sealed(&wrong, 1)), Err(Stop::Illegal(_))));
}

#[test]
fn papers_are_taken_while_the_application_goes_forward() {
    let mut office = Office::open(1_000_000_000);
    office.submit(1, AMOUNT);
    for (person, role) in [("f", "fund_manager"), ("o", OPERATOR)] {
        assert_eq!(office.refused(person, role, supply(PaperKind::Lease, 1)).code, "FORBIDDEN");
    }
    office.act("a", APPLICANT, supply(PaperKind::Lease, 1));
    assert_eq!(office.refused("a", APPLICANT, supply(PaperKind::Lease, 1)).code, "ALREADY_SUPPLIED");
    office.verdict(1, EligibilityVerdict::AskForPapers);
    for n in 2..=MOST {
        office.act("a", APPLICANT, supply(PaperKind::Lease, n));
    }
    assert_eq!(office.refused("a", APPLICANT, supply(PaperKind::Lease, 999)).code, "TOO_MANY_PAPERS");
    office.withdraw(1);
    assert_eq!(office.refused("a", APPLICANT, supply(PaperKind::Lease, 999)).code, "NOT_NOW");
    assert_eq!(refusal(office.hear(asks(&office.clone(), Party::Guarantor, "5a"))).code, "NOT_ENTITLED");
}

#[test]
fn after_the_payout_no_paper_is_taken() {
    let mut office = Office::open(1_000_000_000);
    office.eligible(1, AMOUNT);
    office.until(1, AMOUNT, "disburse");
    office.act("a", APPLICANT, supply(PaperKind::Lease, 1));
    office.tell(office.posted(1, AMOUNT));
    assert_eq!(office.refused("a", APPLICANT, supply(PaperKind::Lease, 2)).code, "NOT_NOW");
}
