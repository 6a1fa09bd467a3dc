//! What the bank's officers decide, word for word.

use crate::interface::start;
use bank_core::{
    Command as C,
    command::{CreditVerdict, Finding, PaymentCheck, ReversalCheck},
};
use contracts::CreditDecline;
use domain::{Amount, ApplicationId, Fen, Method, Ppm};
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
    let rate_ppm = Ppm::new(45_000).unwrap();
    let method = Method::EqualPayment;
    let terms = json!({ "amount_fen": 48_000_000, "rate_ppm": 45_000, "method": "EQUAL_PAYMENT" });
    let with = |name: &str, word: &str, mut body: Value| {
        body[name] = json!(word);
        body
    };
    let rows: Vec<(&str, &str, Value, C)> = vec![
        (
            "credit_investigator",
            "investigate",
            with("finding", "recommend", terms.clone()),
            C::Investigate { application_id: id(), finding: Finding::Recommend { amount_fen, rate_ppm, method } },
        ),
        (
            "credit_investigator",
            "investigate",
            json!({ "finding": "advise", "decline": "CREDIT_RECORD" }),
            C::Investigate { application_id: id(), finding: Finding::Advise { decline: CreditDecline::CreditRecord } },
        ),
        (
            "credit_approver",
            "decide-credit",
            with("verdict", "approve", terms),
            C::DecideCredit { application_id: id(), verdict: CreditVerdict::Approve { amount_fen, rate_ppm, method } },
        ),
        (
            "credit_approver",
            "decide-credit",
            json!({ "verdict": "decline", "reason": "RELATED_DEBT" }),
            C::DecideCredit {
                application_id: id(),
                verdict: CreditVerdict::Decline { reason: CreditDecline::RelatedDebt },
            },
        ),
        (
            "credit_approver",
            "decide-credit",
            json!({ "verdict": "return", "because": "补充流水" }),
            C::DecideCredit { application_id: id(), verdict: CreditVerdict::Return { because: "补充流水".into() } },
        ),
        ("operations", "sign-loan-contract", json!({}), C::SignLoanContract { application_id: id() }),
        ("payment_maker", "prepare-payment", json!({}), C::PreparePayment { application_id: id() }),
        (
            "payment_checker",
            "check-payment",
            json!({ "verdict": "release" }),
            C::CheckPayment { application_id: id(), verdict: PaymentCheck::Release },
        ),
        (
            "payment_checker",
            "check-payment",
            json!({ "verdict": "return", "because": "账号有误" }),
            C::CheckPayment { application_id: id(), verdict: PaymentCheck::Return { because: "账号有误".into() } },
        ),
        (
            "payment_checker",
            "check-reversal",
            json!({ "verdict": "release" }),
            C::CheckReversal { application_id: id(), verdict: ReversalCheck::Release },
        ),
        (
            "payment_checker",
            "check-reversal",
            json!({ "verdict": "return", "because": "无误" }),
            C::CheckReversal { application_id: id(), verdict: ReversalCheck::Return { because: "无误".into() } },
        ),
    ];
    for (role, task, body, expected) in rows {
        let (answer, work) = service.post_as(role, &path(task), "application/json", body.to_string()).await;
        // The core knows no such case; that it was asked is what counts here.
        answer.is(404, "NOT_FOUND");
        let work = work.unwrap();
        assert_eq!(work.command, expected);
        assert_eq!(work.expected.unwrap().key.to_string(), "case/NCD-2018-0052");
    }
}

#[tokio::test]
async fn what_is_no_decision_never_reaches_the_writer() {
    let mut service = start().await;
    let terms = |amount: Value, rate: Value, method: &str| json!({ "verdict": "approve", "amount_fen": amount, "rate_ppm": rate, "method": method });
    let rows: Vec<(&str, &str, Value)> = vec![
        ("credit_approver", "decide-credit", terms(json!(0), json!(45_000), "BULLET")),
        ("credit_approver", "decide-credit", terms(json!(-1), json!(45_000), "BULLET")),
        ("credit_approver", "decide-credit", terms(json!("1"), json!(45_000), "BULLET")),
        ("credit_approver", "decide-credit", terms(json!(1), json!(1_000_001), "BULLET")),
        ("credit_approver", "decide-credit", terms(json!(1), json!(4.5), "BULLET")),
        ("credit_approver", "decide-credit", terms(json!(1), json!(45_000), "bullet")),
        ("credit_approver", "decide-credit", json!({ "verdict": "decline", "reason": "CASH_FLOW" })),
        ("credit_investigator", "investigate", json!({ "finding": "advise", "decline": "CREDIT_RECORD", "x": 1 })),
        ("operations", "sign-loan-contract", json!({ "contract_no": "1" })),
        ("payment_maker", "prepare-payment", json!([])),
        ("payment_checker", "check-payment", json!({ "verdict": "release", "amount_fen": 1 })),
        ("payment_checker", "check-payment", json!({ "verdict": "return" })),
        ("payment_checker", "check-reversal", json!({ "verdict": "return" })),
        ("payment_checker", "check-reversal", json!({})),
    ];
    for (role, task, body) in rows {
        let (answer, work) = service.post_as(role, &path(task), "application/json", body.to_string()).await;
        answer.is(422, "INVALID");
        assert!(work.is_none(), "{task} {body}");
    }
    service.post("operations", &path("due-diligence"), &json!({})).await.is(404, "NOT_FOUND");
}
