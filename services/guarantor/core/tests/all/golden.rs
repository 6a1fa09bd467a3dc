//! What is written today is read for ever: the JSON of facts and rows, pinned.

use super::{office::*, relief};
use contracts::{GuaranteeDecline, Message};
use guarantor_core::{Guarantor, Row};
use organisation::{Organisation, Recorded, Row as AnyRow};
use std::fmt::Write;

/// The JSON, whatever rules the programme's charter contains today.
fn pinned(value: &impl serde::Serialize) -> String {
    let charter = Office::manual().charter.to_hex();
    serde_json::to_string_pretty(value).unwrap().replace(&charter, "CHARTER")
}

/// Every input of some lives of a case, and the facts of each.
fn journal() -> Vec<serde_json::Value> {
    let mut journal = Vec::new();
    let mut note = |outcome: organisation::Outcome<guarantor_core::Fact>| {
        for recorded in outcome.recorded {
            if !matches!(recorded, Recorded::Said { .. }) {
                journal.push(serde_json::to_value(recorded).unwrap());
            }
        }
    };
    let mut o = Office::manual();
    note(o.command("o", OPERATOR, guarantor_core::Command::OpenBooks { capital_fen: domain::Fen::new(5) }).unwrap());
    note(o.hear(o.assess(ASSESS)).unwrap());
    o.at = o.index().wake_at.unwrap();
    note(o.decide(&organisation::Input::Due(guarantor_core::rows::case(&id(1)))).unwrap());
    note(o.command("r", RISK, agree(AMOUNT)).unwrap());
    note(o.hear(o.sign(SIGN, AMOUNT)).unwrap());
    note(o.command("c", CONTRACT, contracts_signed()).unwrap());
    note(o.hear(o.issue(ISSUE, AMOUNT)).unwrap());
    note(o.command("m", MAKER, prepare()).unwrap());
    note(o.command("k", CHECKER, send_back()).unwrap());
    note(o.command("m", MAKER, prepare()).unwrap());
    note(o.command("k", CHECKER, release()).unwrap());
    let mut back = o.clone();
    let mut cancelled = Office::manual();
    cancelled.reach(Stage::Drafting);

    note(o.hear(o.disbursed(LETTER, AMOUNT - 1)).unwrap());
    note(o.command("r", RISK, resolve(1)).unwrap());
    note(o.hear(o.activate(ACTIVATE, LETTER)).unwrap());
    o.at = o.index().wake_at.unwrap();
    note(o.decide(&organisation::Input::Due(guarantor_core::rows::case(&id(1)))).unwrap());
    note(o.hear(o.disbursed(LETTER, AMOUNT)).unwrap());
    let report = contracts::LoanReport::Overdue { since: o.at.date() };
    note(o.hear(o.reports(1, report)).unwrap());
    note(o.hear(relief::asks(&o, 1)).unwrap());
    note(o.command("r", RISK, relief::consents()).unwrap());
    note(o.hear(relief::records(&o, 1)).unwrap());
    note(o.hear(o.reports(2, relief::rescheduled(1))).unwrap());
    note(o.hear(o.reversed(AMOUNT)).unwrap());

    note(back.hear(back.plain(Message::RevokeLetter, ISSUE)).unwrap());
    note(back.hear(back.stated(LETTER, true)).unwrap());
    note(back.hear(back.plain(Message::TerminateContracts, SIGN)).unwrap());
    note(back.hear(back.plain(Message::WithdrawOpinion, ASSESS)).unwrap());

    note(cancelled.hear(cancelled.plain(Message::RevokeLetter, ISSUE)).unwrap());
    note(cancelled.hear(cancelled.plain(Message::TerminateContracts, SIGN)).unwrap());
    note(cancelled.hear(cancelled.sign("sign contracts:NCD-2020-0001:2", AMOUNT)).unwrap());
    note(cancelled.hear(cancelled.plain(Message::TerminateContracts, "sign contracts:NCD-2020-0001:2")).unwrap());

    let mut declined = Office::manual();
    declined.reach(Stage::Asked);
    note(declined.command("r", RISK, decline(GuaranteeDecline::CashFlow)).unwrap());
    journal
}

#[test]
fn facts_are_written_as_pinned() {
    insta::assert_snapshot!("facts", pinned(&journal()));
}

#[test]
fn every_kind_of_fact_is_pinned() {
    let mut kinds: Vec<String> =
        journal().iter().filter_map(|recorded| recorded.get("fact")?.as_object()?.keys().next().cloned()).collect();
    kinds.sort();
    kinds.dedup();
    // A new kind of fact belongs into `journal` and here.
    assert_eq!(kinds.len(), 35, "{kinds:#?}");
}

#[test]
fn rows_are_written_as_pinned() {
    let mut o = Office::manual();
    o.reach(Stage::Prepared);
    let drafting = o.case().clone();
    o.act("k", CHECKER, release());
    o.tell(o.disbursed(LETTER, AMOUNT - 1));
    o.tell(o.activate(ACTIVATE, LETTER));
    let waiting = o.case().clone();
    o.tell(o.disbursed(LETTER, AMOUNT));
    let rows: Vec<(String, &Row)> = o
        .store
        .iter()
        .filter_map(|(key, (row, _))| match row {
            AnyRow::Own(own) => Some((key.to_string(), own)),
            _ => None,
        })
        .collect();
    insta::assert_snapshot!("rows", pinned(&(drafting, waiting, rows)));
}

#[test]
fn the_timeline_reads_as_pinned() {
    let mut text = String::new();
    for recorded in journal() {
        let Ok(Recorded::Fact(fact)) = serde_json::from_value::<Recorded<guarantor_core::Fact>>(recorded) else {
            continue;
        };
        if let Some(line) = Guarantor::line(&fact) {
            writeln!(text, "{:22} {:12} {}", line.step, line.event, line.text).unwrap();
        }
    }
    insta::assert_snapshot!("timeline", text);
}

#[test]
fn the_summary_names_who_is_waited_for() {
    let rows = [
        (Stage::Asked, "assess guarantee", "risk_manager"),
        (Stage::Agreed, "sign contracts", "union"),
        (Stage::Signing, "sign contracts", "contract_officer"),
        (Stage::Signed, "issue letter", "union"),
        (Stage::Drafting, "issue letter", "letter_maker"),
        (Stage::Prepared, "issue letter", "letter_checker"),
        (Stage::Issued, "make letter effective", "union"),
    ];
    for (stage, step, who) in rows {
        let mut o = Office::manual();
        o.reach(stage);
        // Any command is answered with the summary; an incident to close is there in every state.
        o.tell(o.disbursed("BH-0", AMOUNT));
        let body = o.command("o", OPERATOR, resolve(1)).unwrap().answer.unwrap().body;
        assert_eq!(body["waiting_for"][0]["step"], step, "{stage:?}");
        assert_eq!(body["waiting_for"][0]["who"], who, "{stage:?}");
        assert_eq!(body["waiting_for"].as_array().unwrap().len(), 1, "{stage:?}");
        assert_eq!(body["state"], o.status(), "{stage:?}");
    }
}
