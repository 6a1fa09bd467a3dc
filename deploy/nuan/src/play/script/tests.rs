//! Lines of the demo, broken one way each.

#![allow(clippy::unwrap_used, reason = "a test stops where a step fails")]

use super::*;

const APPLICATIONS: &str = include_str!("../../../data/demo.jsonl");
const REPAYMENTS: &str = include_str!("../../../data/demo_repayments.jsonl");

fn row(text: &str, at: usize) -> Value {
    serde_json::from_str(text.lines().nth(at).unwrap()).unwrap()
}

fn refused(applications: &str, repayments: &str) -> Vec<String> {
    let script = read(&Files { applications, repayments, service: "" }, None).unwrap();
    script.refused.iter().map(|line| format!("{}: {}", line.line, line.because)).collect()
}

#[test]
fn what_the_demo_plays_has_no_broken_line_and_stands_in_the_order_of_days_and_steps() {
    let files = Files { applications: APPLICATIONS, repayments: REPAYMENTS, service: "" };
    let script = read(&files, None).unwrap();
    assert_eq!(script.refused, []);
    assert!(script.events.is_sorted_by_key(|event| (event.on, event.step)));
    let receipts = script.events.iter().filter(|event| matches!(event.act, Act::Repay { .. })).count();
    assert_eq!(receipts, REPAYMENTS.lines().count());
}

#[test]
fn an_application_that_cannot_have_happened_is_refused_with_its_line_and_reason() {
    let line = |change: fn(&mut Value)| {
        let mut row = row(APPLICATIONS, 0);
        change(&mut row);
        row.to_string()
    };
    for (broken, because) in [
        ("{".to_owned(), "申请第 1 行: no JSON: EOF while parsing an object at line 1 column 1"),
        (line(|row| row["application_id"] = Value::Null), "申请第 1 行: application_id is missing"),
        (line(|row| row["applied_on"] = Value::Null), "申请第 1 行: applied_on is missing"),
        (line(|row| row["intake_on"] = json!(7)), "申请第 1 行: intake_on is no date"),
        (
            line(|row| row["relief"] = json!([{ "measures": [{ "type": "GIFT" }] }])),
            "申请第 1 行: \"GIFT\" is no measure",
        ),
    ] {
        assert_eq!(refused(&broken, ""), [because]);
    }
    let early = line(|row| row["intake_on"] = json!("2001-01-01"));
    let told = refused(&early, "");
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("2001-01-01 is before"), "{told:?}");
}

#[test]
fn lines_follow_one_another_and_the_rest_goes_on() {
    let (first, second) = (row(APPLICATIONS, 0), row(APPLICATIONS, 1));
    let mut early = second.clone();
    for field in early.as_object_mut().unwrap().values_mut() {
        if field.as_str().is_some_and(|text| text.parse::<Date>().is_ok()) {
            *field = json!("2001-01-01");
        }
    }
    early["relief"] = json!([]);
    early["subsidy"] = Value::Null;
    let lines = [&first, &early, &first, &second].map(Value::to_string).join("\n");
    let id = first["application_id"].as_str().unwrap();
    let filed = first["applied_on"].as_str().unwrap();
    let expected = [
        format!("申请第 2 行: applied_on 2001-01-01 is before its predecessor's, {filed}"),
        format!("申请第 3 行: there is an application {id} before it"),
    ];
    assert_eq!(refused(&lines, ""), expected);
    let script = read(&Files { applications: &lines, repayments: "", service: "" }, None).unwrap();
    assert_eq!(script.events.iter().filter(|event| event.step == Step::File).count(), 2);
}

#[test]
fn a_receipt_for_no_loan_or_out_of_order_is_refused() {
    let receipt = row(REPAYMENTS, 0);
    let id = receipt["application_id"].as_str().unwrap();
    let with = |change: &dyn Fn(&mut Value)| {
        let mut row = receipt.clone();
        change(&mut row);
        row.to_string()
    };
    let (seq, on) = (receipt["seq"].as_u64().unwrap(), receipt["value_date"].as_str().unwrap());
    assert_eq!(seq, 1);
    for (lines, because) in [
        (
            with(&|row| row["application_id"] = json!("NCD-1999-0001")),
            "收款第 1 行: a receipt for no loan: there is no application NCD-1999-0001".to_owned(),
        ),
        (with(&|row| row["seq"] = json!(2)), "收款第 1 行: the first receipt of a loan has number 1, not 2".to_owned()),
        (with(&|row| row["amount_fen"] = json!("1")), "收款第 1 行: amount_fen is no number".to_owned()),
        (
            format!("{receipt}\n{}", with(&|row| row["seq"] = json!(3))),
            "收款第 2 行: receipt 3 follows receipt 1".to_owned(),
        ),
        (
            format!("{receipt}\n{}", with(&|row| (row["seq"], row["value_date"]) = (json!(2), json!("2001-01-01")))),
            format!("收款第 2 行: value_date 2001-01-01 is before that of receipt 1, {on}"),
        ),
    ] {
        assert_eq!(refused(APPLICATIONS, &lines), [because], "{id}");
    }
}

#[test]
fn a_receipt_that_a_roll_posted_is_not_posted_again() {
    let mut receipt = row(REPAYMENTS, 0);
    receipt["rolled_by"] = json!("NCD-2020-0001");
    let files = Files { applications: APPLICATIONS, repayments: &receipt.to_string(), service: "" };
    let script = read(&files, None).unwrap();
    assert_eq!(script.refused, []);
    assert!(!script.events.iter().any(|event| matches!(event.act, Act::Repay { .. })));
}

#[test]
fn a_list_of_subsidies_is_made_and_released_on_the_last_day_for_claims_of_each_quarter() {
    let files = Files { applications: APPLICATIONS, repayments: "", service: "" };
    let first = read(&files, None).unwrap().first_day().unwrap();
    assert!(first < Date::constant(2018, 7, 1));
    let script = read(&files, Some(Date::constant(2018, 10, 18))).unwrap();
    let lists =
        |on: Date| script.events.iter().filter(|event| event.on == on && matches!(event.act, Act::List { .. })).count();
    // 2018-10-20 is a Saturday.
    assert_eq!((lists(Date::constant(2018, 7, 20)), lists(Date::constant(2018, 10, 19))), (2, 0));
}

#[test]
fn a_roll_is_released_on_the_last_working_day_before_it_but_not_before_its_contract() {
    let day = |text: &str| text.parse::<Date>().unwrap();
    let released = |posted, contract| before_the_roll(Some(day(posted)), Some(day(contract))).unwrap();
    // 2020-04-04 to 06 is the holiday of Qingming.
    assert_eq!(released("2020-04-06", "2020-03-20"), Some(day("2020-04-03")));
    assert_eq!(released("2020-04-06", "2020-04-05"), Some(day("2020-04-05")));
    assert_eq!(before_the_roll(None, None).unwrap(), None);
}
