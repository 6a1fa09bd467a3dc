//! Papers at the bank: asked for once, by who has to see them; kept only if they were asked for and it may have them.

use crate::harness::*;
use bank_core::{Bank, Command, Role};
use contracts::{About, Message, Paper, PaperKind, PaperSealed};
use organisation::{Actor, Input, Person, papers::KeepsPapers};

const LETTERBOX: &str = "5a";

fn ask() -> Command {
    Command::AskForPapers { application_id: id(), letterbox: LETTERBOX.repeat(32) }
}

fn give(house: &mut House, role: Role) -> Result<Vec<Message>, String> {
    let actor = Actor { person: Person::new("wu"), roles: [role.code().to_owned()].into() };
    let decided = house.take(&Input::Command { actor, command: ask() });
    decided.map(|outcome| outcome.messages).map_err(|stop| match stop {
        organisation::Stop::Refused(refusal) => refusal.code,
        other => panic!("{other:?}"),
    })
}

fn part(house: &House, kind: PaperKind, letterbox: &str, part: u16) -> Message {
    let charter = house.case().file.as_ref().unwrap().charter;
    Message::PaperForBank(PaperSealed {
        about: About { application_id: id(), charter, key: format!("paper:c1:{part}") },
        paper: Paper { address: "c1".repeat(32), kind, media_type: "image/png".into(), pages: 1, bytes: 9 },
        letterbox: letterbox.repeat(32),
        part,
        of: 2,
        sealed: "c2VhbGVk".into(),
    })
}

fn code(house: &mut House, message: Message) -> String {
    words(&house.hear(message))
}

#[test]
fn papers_are_asked_for_once_by_who_has_to_see_them() {
    let mut house = manual().after(&["credit 1"]);
    for role in [Role::PaymentMaker, Role::PaymentChecker, Role::Operator] {
        assert_eq!(give(&mut house, role), Err("FORBIDDEN".into()), "{role:?}");
    }
    let said = give(&mut house, Role::CreditInvestigator).unwrap();
    assert!(matches!(&said[..], [Message::BankAsksPapers(ask)] if ask.letterbox == LETTERBOX.repeat(32)), "{said:?}");
    assert_eq!(give(&mut house, Role::CreditApprover), Err("ALREADY_ASKED".into()));
}

#[test]
fn only_what_was_asked_for_and_may_be_had_is_kept() {
    let mut house = manual().after(&["credit 1"]);
    let unasked = part(&house, PaperKind::Licence, LETTERBOX, 1);
    assert!(code(&mut house, unasked.clone()).contains("NOT_OURS"));
    give(&mut house, Role::CreditInvestigator).unwrap();
    for (wrong, why) in [
        (part(&house, PaperKind::GroupProof, LETTERBOX, 1), "hardship evidence"),
        (part(&house, PaperKind::CounterGuarantee, LETTERBOX, 1), "what backs the guarantee"),
        (part(&house, PaperKind::Licence, "5b", 1), "another letterbox"),
        (part(&house, PaperKind::Licence, LETTERBOX, 0), "no such part"),
        (part(&house, PaperKind::Licence, LETTERBOX, 3), "no such part"),
    ] {
        assert!(code(&mut house, wrong).contains("NOT_OURS"), "{why}");
    }
    let whole = |house: &House| {
        let row = house.rows.own(&organisation::papers::key(&id())).unwrap().unwrap();
        Bank::papers(row).unwrap().received.iter().filter(|paper| paper.is_whole()).count()
    };
    house.hear(unasked.clone()).unwrap();
    house.hear(unasked).unwrap();
    assert_eq!(whole(&house), 0, "one part twice is one part");
    let second = part(&house, PaperKind::Licence, LETTERBOX, 2);
    house.hear(second).unwrap();
    assert_eq!(whole(&house), 1);
}

#[test]
fn what_is_recorded_of_papers_is_written_as_pinned() {
    let mut house = manual().after(&["credit 1"]);
    give(&mut house, Role::CreditInvestigator).unwrap();
    let message = part(&house, PaperKind::Licence, LETTERBOX, 1);
    house.hear(message).unwrap();
    let written: Vec<String> =
        house.facts.iter().rev().take(2).map(|fact| serde_json::to_string(fact).unwrap()).collect();
    let (letterbox, address, on) = (LETTERBOX.repeat(32), "c1".repeat(32), house.at.date());
    assert_eq!(
        written,
        [
            format!(
                r#"{{"papers":{{"part_received":{{"id":"{}","paper":{{"address":"{address}","kind":"LICENCE","media_type":"image/png","pages":1,"bytes":9}},"part":1,"of":2,"on":"{on}"}}}}}}"#,
                id()
            ),
            format!(
                r#"{{"papers":{{"asked":{{"id":"{}","asked":{{"letterbox":"{letterbox}","by":"wu","on":"{on}"}}}}}}}}"#,
                id()
            ),
        ]
    );
}
