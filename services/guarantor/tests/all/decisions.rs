//! What the guarantor's officers decide, word for word.

use crate::interface::start;
use contracts::GuaranteeDecline;
use domain::{Amount, ApplicationId, Fen};
use guarantor_core::{
    Command as C,
    case::{CounterGuarantee as G, Demand},
    command::{Assessment, LetterCheck},
};
use serde_json::{Value, json};

fn path(task: &str) -> String {
    format!("/api/v1/tasks/NCD-2018-0052/{task}/decision")
}

#[tokio::test]
async fn each_body_is_the_command_that_it_says() {
    let mut service = start().await;
    let application_id = ApplicationId::new(2018, 52).unwrap();
    let id = || application_id.clone();
    let amount_fen = Amount::new(Fen::new(48_000_000)).unwrap();
    let agree =
        Assessment::Agree { amount_fen, conditions: vec!["补充租约".into()], counter_guarantee: Demand::Pledge };
    let decline = Assessment::Decline { reason: GuaranteeDecline::CashFlow };
    let none = G::None {};
    let pledge = G::Pledge { pledge: "设备一台".into() };
    let rows: Vec<(&str, &str, Value, C)> = vec![
        (
            "risk_manager",
            "due-diligence",
            json!({ "verdict": "agree", "amount_fen": 48_000_000, "conditions": ["补充租约"], "counter_guarantee": "PLEDGE" }),
            C::Assess { application_id: id(), verdict: agree },
        ),
        (
            "risk_manager",
            "due-diligence",
            json!({ "verdict": "decline", "reason": "CASH_FLOW" }),
            C::Assess { application_id: id(), verdict: decline },
        ),
        (
            "contract_officer",
            "sign-contracts",
            json!({ "counter_guarantee": { "type": "NONE" } }),
            C::SignContracts { application_id: id(), counter_guarantee: none },
        ),
        (
            "contract_officer",
            "sign-contracts",
            json!({ "counter_guarantee": { "type": "PLEDGE", "pledge": "设备一台" } }),
            C::SignContracts { application_id: id(), counter_guarantee: pledge },
        ),
        ("letter_maker", "prepare-letter", json!({}), C::PrepareLetter { application_id: id() }),
        (
            "letter_checker",
            "check-letter",
            json!({ "verdict": "release" }),
            C::CheckLetter { application_id: id(), verdict: LetterCheck::Release },
        ),
        (
            "letter_checker",
            "check-letter",
            json!({ "verdict": "return", "because": "金额有误" }),
            C::CheckLetter { application_id: id(), verdict: LetterCheck::Return { because: "金额有误".into() } },
        ),
    ];
    for (role, task, body, expected) in rows {
        let (answer, work) = service.post_as(role, &path(task), "application/json", body.to_string()).await;
        // The core knows no such case; that it was asked is what counts here.
        answer.is(404, "NOT_FOUND");
        let work = work.unwrap();
        assert_eq!(work.command, expected);
        assert_eq!(work.expected.unwrap().key.to_string(), "case/NCD-2018-0052");
        assert!(work.sealed.is_none());
    }
}

#[tokio::test]
async fn a_counter_guarantor_goes_into_the_vault_and_nowhere_else() {
    let mut service = start().await;
    let person = json!({ "type": "PERSON", "name": "样例保证人", "id": "119900198207120018", "relation": "配偶" });
    let body = json!({ "counter_guarantee": person });
    let (_, work) =
        service.post_as("contract_officer", &path("sign-contracts"), "application/json", body.to_string()).await;
    let work = work.unwrap();
    let C::SignContracts { counter_guarantee: G::Person { vault_token }, .. } = &work.command else { panic!() };
    let sealed = work.sealed.as_ref().unwrap();
    assert_eq!(*vault_token, sealed.token);
    let opened: Value = serde_json::from_slice(&service.vault.open(sealed).unwrap()).unwrap();
    assert_eq!(opened, json!({ "name": "样例保证人", "id": "119900198207120018", "relation": "配偶" }));
    let command = serde_json::to_string(&work.command).unwrap();
    assert!(!command.contains("样例") && !command.contains("1199"), "{command}");
}

#[tokio::test]
async fn what_is_no_decision_is_refused_with_its_place() {
    let mut service = start().await;
    let backing = |body: Value| json!({ "counter_guarantee": body });
    let rows: Vec<(&str, &str, Value, &str)> = vec![
        (
            "risk_manager",
            "due-diligence",
            json!({ "verdict": "agree", "amount_fen": 0, "conditions": [], "counter_guarantee": "NONE" }),
            "",
        ),
        (
            "risk_manager",
            "due-diligence",
            json!({ "verdict": "agree", "amount_fen": 1e3, "conditions": [], "counter_guarantee": "NONE" }),
            "",
        ),
        ("risk_manager", "due-diligence", json!({ "verdict": "agree", "amount_fen": 1 }), ""),
        ("risk_manager", "due-diligence", json!({ "verdict": "agree", "amount_fen": 1, "conditions": [] }), ""),
        ("risk_manager", "due-diligence", json!({ "verdict": "decline", "reason": "CREDIT_RECORD" }), ""),
        ("risk_manager", "due-diligence", json!({ "verdict": "decline", "reason": "LIMIT", "amount_fen": 1 }), ""),
        ("contract_officer", "sign-contracts", json!({}), "/counter_guarantee"),
        (
            "contract_officer",
            "sign-contracts",
            backing(json!({ "type": "NONE", "waiver_approver": "chief" })),
            "/counter_guarantee/waiver_approver",
        ),
        ("contract_officer", "sign-contracts", backing(json!({ "type": "GOLD" })), "/counter_guarantee/type"),
        (
            "contract_officer",
            "sign-contracts",
            backing(json!({ "type": "PERSON", "name": "样例", "id": "1", "relation": "配偶" })),
            "/counter_guarantee/id",
        ),
        (
            "contract_officer",
            "sign-contracts",
            backing(json!({ "type": "PLEDGE", "pledge": "设备", "name": "样例" })),
            "/counter_guarantee/name",
        ),
        ("letter_maker", "prepare-letter", json!({ "letter_no": "1" }), "/letter_no"),
        ("letter_checker", "check-letter", json!({ "verdict": "return" }), ""),
        ("letter_checker", "check-letter", json!({ "verdict": "release", "because": "x" }), ""),
    ];
    for (role, task, body, pointer) in rows {
        let (answer, work) = service.post_as(role, &path(task), "application/json", body.to_string()).await;
        answer.is(422, "INVALID");
        assert_eq!(answer.errors()[0].0, pointer, "{task} {body}: {}", answer.body);
        assert!(work.is_none());
    }
    service.post("risk_manager", &path("check-eligibility"), &json!({})).await.is(404, "NOT_FOUND");
}
