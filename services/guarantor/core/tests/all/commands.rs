//! What people may not do, and what they are told.

use super::office::*;
use contracts::GuaranteeDecline;
use guarantor_core::{
    Command,
    case::{CounterGuarantee, Demand},
    command::{Assessment, LetterCheck},
};
use organisation::{Key, RefusalKind};

/// A command with its role and the stage at which it is owed.
fn owed() -> Vec<(&'static str, Command, Stage)> {
    vec![
        (RISK, agree(AMOUNT), Stage::Asked),
        (CONTRACT, contracts_signed(), Stage::Signing),
        (MAKER, prepare(), Stage::Drafting),
        (CHECKER, release(), Stage::Prepared),
    ]
}

fn of(command: Command, number: u32) -> Command {
    let application_id = id(number);
    match command {
        Command::Assess { verdict, .. } => Command::Assess { application_id, verdict },
        Command::SignContracts { counter_guarantee, .. } => {
            Command::SignContracts { application_id, counter_guarantee }
        }
        Command::PrepareLetter { .. } => Command::PrepareLetter { application_id },
        Command::CheckLetter { verdict, .. } => Command::CheckLetter { application_id, verdict },
        other => other,
    }
}

#[test]
fn a_decision_is_the_roles_and_only_where_it_is_owed() {
    for (role, command, owed_at) in owed() {
        for stage in Stage::ALL.iter().copied() {
            let mut office = Office::manual();
            office.reach(stage);
            let context = format!("{command:?} at {stage:?}");
            for other in [RISK, CONTRACT, MAKER, CHECKER, OPERATOR].into_iter().filter(|other| *other != role) {
                let refusal = office.refused("x", other, command.clone());
                assert_eq!((refusal.kind, &*refusal.code), (RefusalKind::Forbidden, "FORBIDDEN"), "{context}");
            }
            let refusal = office.refused("x", role, of(command.clone(), 2));
            assert_eq!((refusal.kind, &*refusal.code), (RefusalKind::NotFound, "NOT_FOUND"), "{context}");
            if stage == owed_at {
                let outcome = office.command("x", role, command.clone()).unwrap();
                let answer = outcome.answer.expect("a command is answered");
                assert_eq!(answer.shows, Some(Key::row("case", id(1))));
                assert_eq!(answer.did, organisation::Did::Changed);
                assert_eq!(answer.body["state"], office.status(), "{context}");
                let refusal = office.refused("x", role, command.clone());
                assert_eq!((refusal.kind, &*refusal.code), (RefusalKind::Conflict, "NO_TASK"), "{context} twice");
            } else if stage == Stage::Fresh {
                assert_eq!(office.refused("x", role, command.clone()).code, "NOT_FOUND", "{context}");
            } else {
                let refusal = office.refused("x", role, command.clone());
                assert_eq!((refusal.kind, &*refusal.code), (RefusalKind::Conflict, "NO_TASK"), "{context}");
            }
        }
    }
}

#[test]
fn whoever_prepared_the_letter_may_not_check_it_under_whatever_role() {
    let mut office = Office::manual();
    office.reach(Stage::Prepared);
    for command in [release(), send_back()] {
        let refusal = office.refused("m", CHECKER, command);
        assert_eq!((refusal.kind, &*refusal.code), (RefusalKind::Forbidden, "FOUR_EYES"));
    }
    assert_eq!(words(&office.act("k", CHECKER, release())), "letter.present (to bank) + letter.issued");
}

#[test]
fn a_returned_draft_is_prepared_anew_and_checked_by_another() {
    let mut office = Office::manual();
    office.reach(Stage::Prepared);
    let empty = Command::CheckLetter { application_id: id(1), verdict: LetterCheck::Return { because: " ".into() } };
    assert_eq!(office.refused("k", CHECKER, empty).code, "REASON");
    assert_eq!(words(&office.act("k", CHECKER, send_back())), "");
    assert_eq!((office.status(), &*office.index().tasks[0].role), ("DRAFT", MAKER));
    // The checker of before prepares it now, so it is someone else's to check.
    office.act("k", MAKER, prepare());
    assert_eq!(office.refused("k", CHECKER, release()).code, "FOUR_EYES");
    office.act("m", CHECKER, release());
    let letter = office.case().letter.clone().unwrap();
    assert_eq!((letter.maker, letter.checker), (person("k"), person("m")));
    assert_eq!(letter.letter.letter_no, LETTER, "a draft that was never issued used up no number");
}

#[test]
fn an_opinion_may_lower_the_amount_and_never_raise_it() {
    let mut office = Office::manual();
    office.reach(Stage::Asked);
    let refusal = office.refused("r", RISK, agree(AMOUNT + 1));
    assert_eq!((refusal.kind, &*refusal.code), (RefusalKind::Invalid, "AMOUNT_ABOVE_ASKED"));
    assert_eq!(words(&office.act("r", RISK, agree(AMOUNT - 1))), "agreed 29999999");
}

#[test]
fn a_declined_opinion_ends_the_case_and_takes_no_limit() {
    for reason in GuaranteeDecline::ALL.iter().copied() {
        let mut office = Office::manual();
        office.reach(Stage::Asked);
        assert_eq!(words(&office.act("r", RISK, decline(reason))), format!("declined {reason}"));
        assert_eq!((office.status(), office.index().ended), ("GUARANTEE_DECLINED", true));
        assert_eq!(office.exposure(&guarantor_core::rows::limits()), 0);
    }
}

#[test]
fn the_counter_guarantee_is_what_the_opinion_demands_and_a_waiver_is_recorded_by_another() {
    let sign = |counter_guarantee| Command::SignContracts { application_id: id(1), counter_guarantee };
    let none = || sign(CounterGuarantee::None {});
    let bail = |token: &str| sign(CounterGuarantee::Person { vault_token: token.into() });
    let pledge = |what: &str| sign(CounterGuarantee::Pledge { pledge: what.into() });
    let rows = [
        // What was demanded, who signs ("r" gave the opinion), with what, and why not.
        (Demand::None, "c", none(), None),
        (Demand::None, "r", none(), Some("FOUR_EYES")),
        (Demand::None, "c", pledge("设备"), None),
        (Demand::None, "c", bail("tok"), None),
        (Demand::Person, "c", none(), Some("COUNTER_GUARANTEE")),
        (Demand::Person, "c", pledge("设备"), Some("COUNTER_GUARANTEE")),
        (Demand::Person, "c", bail(""), Some("COUNTER_GUARANTEE")),
        (Demand::Person, "c", bail("tok"), None),
        (Demand::Pledge, "c", none(), Some("COUNTER_GUARANTEE")),
        (Demand::Pledge, "c", bail("tok"), Some("COUNTER_GUARANTEE")),
        (Demand::Pledge, "c", pledge(" "), Some("COUNTER_GUARANTEE")),
        (Demand::Pledge, "c", pledge("设备"), None),
    ];
    for (demand, by, command, refused) in rows {
        let mut office = Office::manual();
        office.reach(Stage::Asked);
        office.act("r", RISK, agree_demanding(AMOUNT, demand));
        office.tell(office.sign(SIGN, AMOUNT));
        let said = format!("{demand:?} by {by}: {command:?}");
        match refused {
            Some(code) => assert_eq!(office.refused(by, CONTRACT, command).code, code, "{said}"),
            None => assert_eq!(words(&office.act(by, CONTRACT, command)), "contracts.signed", "{said}"),
        }
    }
}

#[test]
fn by_rule_contracts_are_signed_only_where_the_opinion_waived_the_counter_guarantee() {
    for (demand, said) in [(Demand::None, "contracts.signed"), (Demand::Person, ""), (Demand::Pledge, "")] {
        let mut office = Office::by_rule(&[guarantor_core::Role::ContractOfficer]);
        office.reach(Stage::Asked);
        office.act("r", RISK, agree_demanding(AMOUNT, demand));
        assert_eq!(words(&office.tell(office.sign(SIGN, AMOUNT))), said, "{demand:?}");
        let open = office.index().tasks.iter().map(|task| task.role.clone()).collect::<Vec<_>>();
        assert_eq!(open, if said.is_empty() { vec!["contract_officer"] } else { vec![] }, "{demand:?}");
    }
}

#[test]
fn an_incident_is_closed_once_by_its_owner_or_an_operator_with_a_reason() {
    for role in [RISK, OPERATOR] {
        let mut office = Office::manual();
        assert_eq!(office.refused("o", role, resolve(1)).code, "NOT_FOUND");
        office.tell(office.disbursed(LETTER, AMOUNT));
        assert_eq!(office.index().incidents[0].owner, RISK);
        assert_eq!(office.refused("m", MAKER, resolve(1)).code, "FORBIDDEN");
        for number in [0, 2] {
            assert_eq!(office.refused("o", role, resolve(number)).code, "NO_INCIDENT");
        }
        let silent = Command::ResolveIncident { application_id: id(1), number: 1, because: String::new() };
        assert_eq!(office.refused("o", role, silent).code, "REASON");
        office.act("o", role, resolve(1));
        assert!(office.index().incidents.is_empty());
        assert_eq!(office.refused("o", role, resolve(1)).code, "RESOLVED");
    }
}

#[test]
fn commands_are_tagged_with_their_verb() {
    let text = serde_json::to_string(&Command::Assess {
        application_id: id(1),
        verdict: Assessment::Decline { reason: GuaranteeDecline::Limit },
    });
    let expected =
        r#"{"command":"assess","application_id":"NCD-2020-0001","verdict":{"verdict":"decline","reason":"LIMIT"}}"#;
    assert_eq!(text.unwrap(), expected);
}
