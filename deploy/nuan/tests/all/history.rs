//! A history of a few lines, some of them broken: each broken one is named, the rest goes on, and the books agree; and what `nuan check`
//! says of exports.

use serde_json::{Value, json};
use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

const APPLICATIONS: &str = include_str!("../../data/demo.jsonl");
const MEMBERS: &str = include_str!("../../data/demo_members.csv");
const REPAYMENTS: &str = include_str!("../../data/demo_repayments.jsonl");

fn nuan(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nuan")).args(arguments).output().unwrap()
}

fn written(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A copy of the first application under another number, changed.
fn broken(number: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut row: Value = serde_json::from_str(APPLICATIONS.lines().last().unwrap()).unwrap();
    row["application_id"] = json!(number);
    change(&mut row);
    row.to_string()
}

#[test]
fn broken_lines_are_refused_by_name_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let good = APPLICATIONS.lines().count();
    let lines = [
        APPLICATIONS.trim_end().to_owned(),
        broken("NCD-1999-0001", |row| row["uscc"] = json!("91119900XN0000012B")),
        broken("NCD-1999-0002", |row| {
            (row["renewal_of"], row["renewal_mode"]) = (json!("NCD-1998-0001"), json!("REPAY_FIRST"));
        }),
        broken("NCD-1999-0003", |row| row["applied_on"] = json!("2001-01-01")),
        broken("NCD-1999-0004", |row| row["amount_requested_fen"] = json!(60_000_000)),
    ];
    let applications = written(folder.path(), "applications.jsonl", &lines.join("\n"));
    let nobody =
        r#"{"application_id":"NCD-1999-0009","seq":1,"value_date":"2019-01-21","amount_fen":1,"kind":"SCHEDULED"}"#;
    let repayments = written(folder.path(), "repayments.jsonl", &format!("{}\n{nobody}\n", REPAYMENTS.trim_end()));
    let rows = MEMBERS.lines().count();
    let wrong = "199000000001,样例甲,110101200001010000,GH000001,样例工会,2012-10-18,";
    let members = written(folder.path(), "members.csv", &format!("{}\n{wrong}\n", MEMBERS.trim_end()));
    let played = nuan(&["history", &applications, "--members", &members, "--repayments", &repayments, "--json"]);
    let said = String::from_utf8_lossy(&played.stderr);
    assert_eq!(
        (played.status.code(), said.lines().last()),
        (Some(3), Some("nuan: history: 6 lines were refused")),
        "{said}"
    );
    let report: Value = serde_json::from_slice(&played.stdout).unwrap();
    assert_eq!(report["violations"], json!([]), "{report:#}");
    assert_eq!(report["totals"]["applications"], good);
    assert_eq!(report["totals"]["receipts"], REPAYMENTS.lines().count());
    let refused: Vec<(String, u64, String)> = report["refused"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| {
            let because = line["because"].as_str().unwrap().to_owned();
            (line["source"].as_str().unwrap().to_owned(), line["number"].as_u64().unwrap(), because)
        })
        .collect();
    let number = |at: usize| u64::try_from(at).unwrap();
    for (source, line, because) in [
        ("members", rows + 1, "legal_rep_id"),
        ("applications", good + 1, "/uscc"),
        ("applications", good + 2, "renewal_of: there is no NCD-1998-0001"),
        ("applications", good + 3, "is before its predecessor's"),
        ("applications", good + 4, "AMOUNT"),
        ("repayments", REPAYMENTS.lines().count() + 1, "a receipt for no loan"),
    ] {
        let found = refused.iter().find(|(file, at, _)| file == source && *at == number(line));
        assert!(found.is_some_and(|(.., said)| said.contains(because)), "{source} {line}: {because}: {refused:#?}");
    }
}

#[test]
fn files_that_cannot_be_read_are_wrong_usage() {
    let folder = tempfile::tempdir().unwrap();
    let no_json = written(folder.path(), "no.json", "x");
    for (arguments, said) in [
        (&["history", "/nowhere"][..], "cannot read /nowhere"),
        (&["history", &no_json, "--expect", &no_json], "is no JSON"),
        (&["check", &no_json, &no_json, &no_json], "no export"),
        (&["export", "union"], "is not PARTY=URL,TOKEN"),
    ] {
        let told = nuan(arguments);
        let error = String::from_utf8_lossy(&told.stderr).into_owned();
        assert_eq!((told.status.code(), error.lines().count()), (Some(2), 1), "{error}");
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn a_total_that_is_not_as_expected_is_named_and_what_nobody_expects_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let [applications, members, repayments] = [("a.jsonl", APPLICATIONS), ("m.csv", MEMBERS), ("r.jsonl", REPAYMENTS)]
        .map(|(name, text)| written(folder.path(), name, text));
    let (filed, received) = (APPLICATIONS.lines().count(), REPAYMENTS.lines().count());
    let expected = json!({
        "as_of": "2019-12-31", "seed": 7, "applications": filed + 1, "receipts": received, "by_term": { "12": 1, "6": 1 },
    });
    let expect = written(folder.path(), "expected.json", &expected.to_string());
    let files = ["history", &applications, "--members", &members, "--repayments", &repayments];
    let played = nuan(&[&files[..], &["--expect", &expect, "--json"]].concat());
    let said = String::from_utf8_lossy(&played.stderr);
    assert_eq!(played.status.code(), Some(4), "{said}");
    let report: Value = serde_json::from_slice(&played.stdout).unwrap();
    let differing = json!({
        "applications": { "expected": filed + 1, "reported": filed },
        "by_term.18": { "expected": null, "reported": 1 },
        "by_term.6": { "expected": 1, "reported": null },
    });
    assert_eq!(report["differing"], differing, "{report:#}");
    assert_eq!((&report["refused"], &report["violations"]), (&json!([]), &json!([])));
}

#[test]
fn a_history_without_a_summary_makes_the_lists_of_subsidies_and_is_played_to_its_last_day() {
    let source = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/source").join(name);
    let files = ["applications.jsonl", "members.csv", "repayments.jsonl", "service.jsonl"].map(source);
    let files = files.each_ref().map(|file| file.to_str().unwrap());
    let with = ["--members", files[1], "--repayments", files[2], "--service", files[3], "--json"];
    let played = nuan(&[&["history", files[0]], &with[..]].concat());
    let said = String::from_utf8_lossy(&played.stderr);
    assert_eq!((played.status.code(), said.as_ref()), (Some(0), ""));
    let report: Value = serde_json::from_slice(&played.stdout).unwrap();
    assert_eq!((&report["refused"], &report["violations"]), (&json!([]), &json!([])));
    assert_eq!(report["totals"]["applications"], fs::read_to_string(files[0]).unwrap().lines().count());
    assert_eq!(report["largest_subsidy_fen"], 3_900_000, "the software firm's");
}
