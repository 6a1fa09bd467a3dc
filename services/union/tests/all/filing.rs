//! The form of an application, through the edge and the core.

use crate::{
    interface::start,
    register::{MEMBERS, load},
    service::Service,
};
use serde_json::{Value, json};
use union_core::{Command, Role, Union};

/// The article's software firm as it filed (DOMAIN.md section 6, NCD-2018-0052).
pub fn form() -> Value {
    let consent = |kind: &str| json!({ "type": kind, "text_version": 1, "given_at": "2018-08-13T09:11:00+08:00" });
    let consents = [
        "PERSONAL_DATA_UNION",
        "PERSONAL_DATA_GUARANTOR",
        "PERSONAL_DATA_BANK",
        "CREDIT_QUERY",
        "CREDIT_REPORTING",
        "SHARING",
        "SMS",
    ];
    json!({
        "enterprise_name": "北京样例0001号有限公司",
        "uscc": "91119900XN0000012A",
        "registered_on": "2012-06-25",
        "licence_valid_to": "2032-06-25",
        "industry_code": "I65",
        "district": "海淀",
        "address": "北京市海淀区样例路1号",
        "size_class": "SMALL",
        "employees": 17,
        "turnover_fen": 253_000_000,
        "tax_fen": 2_530_000,
        "debt_fen": 0,
        "jobs_kept": 17,
        "jobs_created": 6,
        "legal_rep_name": "样例零零一",
        "legal_rep_id": "119900198207120018",
        "mobile": "19900000001",
        "settle_account": "9911990000000000019",
        "union_org_id": "GH000001",
        "union_name": "北京样例0001号有限公司工会委员会",
        "member_no": "199000000001",
        "beneficiary_group": "GRADUATE",
        "amount_fen": 48_000_000,
        "term_months": 18,
        "method": "BULLET",
        "purpose": "支付房屋租金",
        "intake_channel": "DISTRICT",
        "channel": "STANDARD",
        "consents": consents.map(consent),
    })
}

const PATH: &str = "/api/v1/applications";

pub async fn with_books() -> Service<Union> {
    let mut service = start(&[]).await;
    let opened = service.post("operator", "/api/v1/books", &json!({ "deposit_fen": 900_000_000 })).await;
    assert_eq!((opened.status, &opened.body), (204, &json!("")));
    service
}

#[tokio::test]
async fn a_form_is_filed_and_its_personal_data_leave_only_sealed() {
    let mut service = with_books().await;
    let (answer, work) = service.post_as("applicant", PATH, "application/json", form().to_string()).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert_eq!(answer.headers["location"], "/api/v1/applications/NCD-2018-0001");
    assert_eq!(answer.body["state"], "INTAKE_REVIEW");

    let work = work.unwrap();
    let Command::Submit(filed) = &work.command else { panic!("{:?}", work.command) };
    assert_eq!((filed.legal_rep_age, filed.legal_rep_age_at_maturity, filed.in_beijing), (36, 37, true));
    assert_eq!(filed.credit_query_consent, "1");
    let sealed = work.sealed.unwrap();
    assert_eq!(filed.vault_token, sealed.token);
    let private: Value = serde_json::from_slice(&service.vault.open(&sealed).unwrap()).unwrap();
    let command = serde_json::to_string(&work.command).unwrap();
    for field in
        ["legal_rep_name", "legal_rep_id", "mobile", "settle_account", "address", "member_no", "beneficiary_group"]
    {
        let value = form()[field].as_str().unwrap().to_owned();
        assert_eq!(private[field], value);
        assert!(!command.contains(&value), "{field} is in the command");
        assert!(!answer.body.to_string().contains(&value), "{field} is in the answer");
    }
    assert_eq!(private["consents"].as_array().unwrap().len(), 7);
}

#[tokio::test]
async fn an_application_is_read_and_listed_as_its_changes_were_answered() {
    let mut service = with_books().await;
    let withdrawal = json!({ "reason": "NO_NEED" });
    for (path, body, tag) in
        [(PATH, form(), "\"1\""), ("/api/v1/applications/NCD-2018-0001/withdrawal", withdrawal, "\"2\"")]
    {
        let answer = service.post("applicant", path, &body).await;
        assert_eq!(answer.headers["etag"], tag);
        let read = service.get("applicant", "/api/v1/applications/NCD-2018-0001").await;
        assert_eq!(read.headers["etag"], tag);
        assert_eq!(read.body, answer.body);
        let listed = service.get("intake_officer", PATH).await;
        assert_eq!(listed.body["items"], json!([answer.body]));
    }
    let read = service.get("applicant", "/api/v1/applications/NCD-2018-0001").await;
    for field in ["legal_rep_name", "legal_rep_id", "mobile", "settle_account", "member_no", "vault_token"] {
        let value = form()[field].as_str().unwrap_or("vault_token").to_owned();
        assert!(!read.body.to_string().contains(&value), "{field} is shown");
    }
}

#[tokio::test]
async fn an_eligible_member_is_known_to_the_register_by_the_same_pseudonym() {
    for (change, expected) in [
        (json!({}), (200, "")),
        (json!({ "member_no": "199000000002" }), (409, "MEMBERSHIP")),
        (json!({ "legal_rep_name": "样例零零二" }), (409, "MEMBERSHIP")),
        (json!({ "legal_rep_id": "11990019870611128X" }), (409, "MEMBERSHIP")),
        (json!({ "union_org_id": "GH000002" }), (409, "MEMBERSHIP")),
    ] {
        let mut service = with_books().await;
        assert_eq!(load(&mut service, "text/csv", MEMBERS.to_owned()).await.status, 204);
        let mut form = form();
        form.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        assert_eq!(service.post("intake_officer", PATH, &form).await.status, 201);
        let task = "/api/v1/tasks/NCD-2018-0001/check-eligibility/decision";
        let answer = service.post("intake_officer", task, &json!({ "verdict": "approve" })).await;
        answer.is(expected.0, expected.1);
    }
}

#[tokio::test]
async fn the_core_refuses_what_breaks_the_charter() {
    for (field, value, status, code) in [
        ("amount_fen", json!(50_000_100), 422, "AMOUNT"),
        ("term_months", json!(49), 422, "TERM"),
        ("address", json!("天津市和平区样例路1号"), 422, "AREA"),
        ("licence_valid_to", json!("2018-08-12"), 422, "LICENCE"),
    ] {
        let mut service = with_books().await;
        let mut form = form();
        form[field] = value;
        service.post("applicant", PATH, &form).await.is(status, code);
    }
    let mut service = with_books().await;
    assert_eq!(service.post("applicant", PATH, &form()).await.status, 201);
    service.post("applicant", PATH, &form()).await.is(409, "OPEN_APPLICATION");
    // An automatic officer decides at once, and then there is no fund to reserve from.
    let mut service = start(&[Role::IntakeOfficer]).await;
    load(&mut service, "text/csv", MEMBERS.to_owned()).await;
    service.post("applicant", PATH, &form()).await.is(409, "BOOKS_NOT_OPEN");
}

#[tokio::test]
async fn width_case_and_open_ends_are_normalised() {
    let mut service = with_books().await;
    let mut form = form();
    form["uscc"] = json!("９１119900xn0000012a");
    form["legal_rep_id"] = json!("11990019870611128x");
    form["licence_valid_to"] = json!("长期");
    form["district"] = json!("海淀区");
    let (answer, work) = service.post_as("applicant", PATH, "application/json", form.to_string()).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let Command::Submit(filed) = work.unwrap().command else { panic!() };
    assert_eq!(filed.firm.uscc.as_str(), "91119900XN0000012A");
    assert_eq!(filed.firm.district, "海淀");
    assert_eq!(filed.licence_valid_to, None);
}

#[tokio::test]
async fn each_field_is_checked_for_form() {
    let rows: &[(&str, Value, &str)] = &[
        ("enterprise_name", json!("京"), "LENGTH"),
        ("enterprise_name", json!("x".repeat(101)), "LENGTH"),
        ("uscc", json!("91119900XN0000012B"), "IDENTIFIER"),
        ("uscc", json!("91119900XN000001IA"), "IDENTIFIER"),
        ("registered_on", json!("2012-6-25"), "DATE"),
        ("registered_on", json!("2012-02-30"), "DATE"),
        ("licence_valid_to", json!("never"), "DATE"),
        ("industry_code", json!("i65"), "INDUSTRY"),
        ("industry_code", json!("U65"), "INDUSTRY"),
        ("industry_code", json!("I6"), "INDUSTRY"),
        ("size_class", json!("LARGE"), "CHOICE"),
        ("employees", json!(-1), "INTEGER"),
        ("turnover_fen", json!(1.5), "INTEGER"),
        ("tax_fen", json!("1"), "INTEGER"),
        ("debt_fen", json!(9_223_372_036_854_775_807_i64), "INTEGER"),
        ("legal_rep_name", json!("样"), "LENGTH"),
        ("legal_rep_id", json!("119900198207120019"), "IDENTIFIER"),
        ("legal_rep_id", json!("119900203001010016"), "IDENTIFIER"),
        ("mobile", json!("12900000001"), "IDENTIFIER"),
        ("settle_account", json!("9911990000000000018"), "IDENTIFIER"),
        ("member_no", json!(""), "LENGTH"),
        ("beneficiary_group", json!("RICH"), "CHOICE"),
        ("amount_fen", json!(0), "INTEGER"),
        ("amount_fen", json!(-48_000_000), "INTEGER"),
        ("term_months", json!(70_000), "INTEGER"),
        ("method", json!("bullet"), "CHOICE"),
        ("purpose", Value::Null, "REQUIRED"),
        ("intake_channel", json!("FAX"), "CHOICE"),
        ("channel", json!("FAST"), "CHOICE"),
        ("green_reason", json!("HIT_INDUSTRY"), "NOT_ALLOWED"),
        ("green_reason", json!("BECAUSE"), "CHOICE"),
        ("consents", json!([]), "CONSENT_MISSING"),
        ("consents", json!({}), "LIST"),
        ("renewal_of", json!("2017-0001"), "IDENTIFIER"),
        ("renewal_mode", json!("LATER"), "CHOICE"),
        ("renewal_mode", json!("REPAY_FIRST"), "NOT_ALLOWED"),
        ("renewal_reason", json!("PROMISING"), "NOT_ALLOWED"),
        ("renewal_reason", json!("RICH"), "CHOICE"),
        ("reapplication_of", json!("NCD-9"), "IDENTIFIER"),
        ("renewal_no", json!(1), "UNKNOWN_FIELD"),
    ];
    let mut service = with_books().await;
    for (field, value, code) in rows {
        let mut form = form();
        form[*field] = value.clone();
        let (answer, work) = service.post_as("applicant", PATH, "application/json", form.to_string()).await;
        answer.is(422, "INVALID");
        assert_eq!(answer.errors(), [(format!("/{field}").as_str(), *code)], "{value}");
        assert!(work.is_none(), "{field} reached the writer");
        let said = answer.body["errors"][0]["detail"].as_str().unwrap();
        assert!(!said.is_ascii(), "{field}: {said}");
        // What is wrong with an identifier is said without the identifier.
        assert!(!value.as_str().is_some_and(|text| code == &"IDENTIFIER" && said.contains(text)), "{said}");
    }
}

#[tokio::test]
async fn everything_wrong_is_said_at_once() {
    let mut service = with_books().await;
    let empty = service.post("applicant", PATH, &json!({})).await;
    empty.is(422, "INVALID");
    let mut expected: Vec<String> = form().as_object().unwrap().keys().map(|field| format!("/{field}")).collect();
    expected.retain(|field| field != "/licence_valid_to");
    let mut missing: Vec<&str> = empty.errors().into_iter().map(|(pointer, _)| pointer).collect();
    missing.sort_unstable();
    expected.sort_unstable();
    assert_eq!(missing, expected);

    let mut form = form();
    form["mobile"] = json!("1");
    form["consents"][1]["type"] = json!("EVERYTHING");
    form["consents"][2]["given_at"] = json!("2018-08-14T00:00:00+08:00");
    form["consents"][3]["evidence"] = json!("x");
    let answer = service.post("applicant", PATH, &form).await;
    let expected = [
        ("/mobile", "IDENTIFIER"),
        ("/consents/1/type", "CHOICE"),
        ("/consents/2/given_at", "MOMENT"),
        ("/consents/3/evidence", "UNKNOWN_FIELD"),
    ];
    assert_eq!(answer.errors(), expected);
}

#[tokio::test]
async fn a_mandatory_consent_cannot_be_left_out_or_given_twice() {
    let mut service = with_books().await;
    let all = form()["consents"].as_array().unwrap().clone();
    for (index, consent) in all.iter().enumerate() {
        let kind = consent["type"].as_str().unwrap();
        let mut without = form();
        without["consents"].as_array_mut().unwrap().remove(index);
        let answer = service.post("applicant", PATH, &without).await;
        if kind == "SMS" {
            assert_eq!(answer.status, 201, "{}", answer.body);
        } else {
            assert_eq!(answer.errors(), [("/consents", "CONSENT_MISSING")]);
            assert!(answer.body["errors"][0]["detail"].as_str().unwrap().contains(kind));
        }
    }
    let mut twice = form();
    twice["consents"].as_array_mut().unwrap().push(all[0].clone());
    assert_eq!(service.post("applicant", PATH, &twice).await.errors(), [("/consents", "DUPLICATE")]);
}

#[tokio::test]
async fn an_applicant_withdraws_only_what_the_same_person_filed() {
    let mut service = with_books().await;
    service.account("stranger", "person:stranger", "applicant").await;
    assert_eq!(service.post("applicant", PATH, &form()).await.status, 201);
    let path = "/api/v1/applications/NCD-2018-0001/withdrawal";
    service.post("stranger", path, &json!({ "reason": "NO_NEED" })).await.is(404, "NOT_FOUND");
    service.post("applicant", path, &json!({ "reason": "BORED" })).await.is(422, "INVALID");
    service.post("applicant", path, &json!({ "reason": "NO_NEED", "x": 1 })).await.is(422, "INVALID");
    let answer = service.post("applicant", path, &json!({ "reason": "NO_NEED" })).await;
    assert_eq!((answer.status, &answer.body["state"]), (200, &json!("WITHDRAWN")), "{}", answer.body);
    service.post("applicant", path, &json!({ "reason": "NO_NEED" })).await.is(409, "ENDED");
}

#[tokio::test]
async fn officers_decide_in_the_words_of_their_bodies() {
    use union_core::command::EligibilityVerdict as V;
    let mut service = start(&[]).await;
    let task = "/api/v1/tasks/NCD-2018-0001/check-eligibility/decision";
    let reject = V::Reject { reason: union_core::vocabulary::IntakeRejection::GroupNotProven };
    for (body, expected) in [
        (json!({ "verdict": "approve" }), V::Approve),
        (json!({ "verdict": "reject", "reason": "GROUP_NOT_PROVEN" }), reject),
        (json!({ "verdict": "ask_for_papers" }), V::AskForPapers),
        (json!({ "verdict": "papers_supplied" }), V::PapersSupplied),
    ] {
        let (_, work) = service.post_as("intake_officer", task, "application/json", body.to_string()).await;
        let Command::DecideEligibility { application_id, verdict } = work.unwrap().command else { panic!() };
        assert_eq!((application_id.to_string().as_str(), verdict), ("NCD-2018-0001", expected));
    }
    for body in [
        json!({ "verdict": "approve", "reason": "MEMBERSHIP" }),
        json!({ "verdict": "reject" }),
        json!({ "verdict": "reject", "reason": "UGLY" }),
        json!({ "verdict": "maybe" }),
        json!({}),
    ] {
        service.post("intake_officer", task, &body).await.is(422, "INVALID");
    }
    service
        .post("intake_officer", "/api/v1/tasks/NCD-2018-0001/disburse/decision", &json!({}))
        .await
        .is(404, "NOT_FOUND");
}

#[tokio::test]
async fn every_repair_needs_a_reason() {
    use union_core::command::{Repair, RepairAction as A};
    let mut service = start(&[]).await;
    let path = "/api/v1/applications/NCD-2018-0001/repair";
    for (action, reason, expected) in [
        ("RETRY_UNDO", Some("已电话核实"), Some(A::RetryUndo)),
        ("RETRY_ASK", Some(" 已电话核实 "), Some(A::RetryAsk)),
        ("RESOLVE_UNDO", Some("已电话核实"), Some(A::ResolveUndo)),
        ("RESOLVE", Some("已电话核实\n"), Some(A::Resolve)),
        ("RETRY_UNDO", None, None),
        ("RETRY_ASK", None, None),
        ("RESOLVE_UNDO", Some("  "), None),
        ("RESOLVE", None, None),
        ("SKIP", Some("已电话核实"), None),
    ] {
        let mut body = json!({ "step": "assess guarantee", "action": action });
        if let Some(reason) = reason {
            body["because"] = json!(reason);
        }
        let (answer, work) = service.post_as("operator", path, "application/json", body.to_string()).await;
        match (expected, work) {
            (Some(expected), Some(work)) => {
                let Command::Repair { step, action, .. } = work.command else { panic!() };
                let because = "已电话核实".to_owned();
                assert_eq!((step.as_str(), action), ("assess guarantee", Repair { action: expected, because }));
            }
            (None, None) => {
                answer.is(422, "INVALID");
                if action != "SKIP" {
                    assert_eq!(answer.errors(), [("/because", "REASON")]);
                }
            }
            (expected, work) => panic!("{action} {reason:?}: {expected:?} {work:?}"),
        }
    }
}

#[tokio::test]
async fn the_green_channel_wants_a_reason_and_a_policy_in_force() {
    let mut service = with_books().await;
    let mut green = form();
    green["channel"] = json!("GREEN");
    let (answer, _) = service.post_as("applicant", PATH, "application/json", green.to_string()).await;
    answer.is(422, "INVALID");
    assert_eq!(answer.body["errors"][0]["pointer"], "/green_reason", "{}", answer.body);
    // In 2018 there is no policy.
    green["green_reason"] = json!("HIT_INDUSTRY");
    service.post("applicant", PATH, &green).await.is(422, "POLICY_NOT_IN_FORCE");
    green["green_reason"] = json!("OFFICER_FLAG");
    service.post("applicant", PATH, &green).await.is(403, "FORBIDDEN");
}
