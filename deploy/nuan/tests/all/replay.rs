//! `nuan record` and `nuan replay`: of the corpus, of services that run, and of recordings that are none.
//!
//! `tests/corpus/<version>` holds a folder for each story, with the recordings of the three. Those of this version are replayed strictly,
//! those of versions before it with the differences that are meant (`expected.json` beside them). `history` is made of the lines in
//! `tests/corpus/source`: firms of every ending, every method, both ways of renewal, relief, subsidies and tickets. The others
//! are what tests of the desks leave behind ([`replays`]). `UPDATE_GENERATED=1` makes all anew.

use super::three::Three;
use domain::Party;
use nuan::{
    broker::Broker,
    cluster::{self, Options, Service},
    firms,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::LazyLock,
    time::{Duration, Instant},
};
use tools::child::Child;

fn nuan(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nuan")).args(arguments).output().unwrap()
}

/// Exit code, standard output, standard error.
fn said(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn corpus_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus")
}

/// The recordings of a story of this version, by party.
fn story(name: &str) -> [String; 3] {
    let folder = corpus_folder().join(env!("CARGO_PKG_VERSION")).join(name);
    Party::ALL.map(|party| text(&folder.join(format!("{party}.jsonl"))))
}

/// The folders of every story of every version.
fn stories() -> Vec<PathBuf> {
    let below = |folder: &Path| {
        let mut found: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        found.retain(|path| path.is_dir() && !path.ends_with("source"));
        found.sort();
        found
    };
    below(&corpus_folder()).iter().flat_map(|version| below(version)).collect()
}

/// Stories that are kept of what tests of the desks do, by the name of the test.
const KEPT: &[(&str, &str)] = &[
    ("loans::a_pay_out_is_reversed", "reversal"),
    ("loans::a_loan_is_paid_back", "repayment"),
    ("loans::money_whose_loan_nobody_knows", "unidentified"),
    ("desk::two_persons_suspend_lending", "suspension"),
    ("desk::papers_go_from", "papers"),
    ("desk::a_task_is_claimed", "tasks"),
    ("charters::the_three_agree", "charter"),
];

/// Records the three services whose configurations are in this folder and replays each strictly: what a test has done with services
/// the cores alone decide alike. Keeps it in the corpus if it is to be kept.
pub fn replays(folder: &Path) {
    let files = Party::ALL.map(|party| folder.join(format!("replayed-{party}.jsonl")));
    let record = |party: Party| {
        let config = text(&folder.join(format!("{party}/config.toml")));
        let recorded = nuan(&["record", "--party", party.as_str(), "--config", &config]);
        assert_eq!(recorded.status.code(), Some(0), "{}", said(&recorded).2);
        recorded.stdout
    };
    // Until nothing more is under way between them.
    let mut recordings = Party::ALL.map(record);
    loop {
        let again = Party::ALL.map(record);
        if std::mem::replace(&mut recordings, again) == recordings {
            break;
        }
    }
    for ((party, file), recording) in Party::ALL.iter().zip(&files).zip(recordings) {
        fs::write(file, recording).unwrap();
        let (code, report, _) = said(&nuan(&["replay", &text(file), "--party", party.as_str(), "--mode", "strict"]));
        assert_eq!(code, 0, "{party}: {report}");
    }
    let test = std::thread::current().name().unwrap_or_default().to_owned();
    let kept = KEPT.iter().find(|(name, _)| test.starts_with(name));
    if let (Some((_, name)), Some(_)) = (kept, std::env::var_os("UPDATE_GENERATED")) {
        for (from, to) in files.iter().zip(story(name)) {
            fs::create_dir_all(Path::new(&to).parent().unwrap()).unwrap();
            fs::copy(from, to).unwrap();
        }
    }
}

/// The recordings of the history's part in the corpus, by party.
static CORPUS: LazyLock<[String; 3]> = LazyLock::new(|| {
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        record_corpus();
    }
    story("history")
});

fn record_corpus() {
    let source = |name: &str| text(&corpus_folder().join("source").join(name));
    let folder = tempfile::tempdir().unwrap();
    let data = text(folder.path());
    let files = ["applications.jsonl", "members.csv", "repayments.jsonl", "service.jsonl"].map(source);
    let played = nuan(&[
        "history",
        &files[0],
        "--members",
        &files[1],
        "--repayments",
        &files[2],
        "--service",
        &files[3],
        "--data-dir",
        &data,
        "--json",
    ]);
    assert_eq!(played.status.code(), Some(0), "{played:?}");
    for (party, file) in Party::ALL.iter().zip(story("history")) {
        let config = text(&folder.path().join(format!("{party}/config.toml")));
        let recorded = nuan(&["record", "--party", party.as_str(), "--config", &config]);
        assert_eq!(recorded.status.code(), Some(0), "{}", said(&recorded).2);
        fs::write(file, recorded.stdout).unwrap();
    }
}

fn of(party: Party) -> &'static str {
    let at = Party::ALL.iter().position(|one| *one == party).unwrap();
    &CORPUS[at]
}

#[test]
fn every_story_of_the_corpus_replays_at_each_party() {
    let _ = of(Party::Union);
    let stories = stories();
    assert!(stories.len() > KEPT.len(), "{stories:?}");
    for folder in stories {
        let is_ours = folder.parent().unwrap().ends_with(env!("CARGO_PKG_VERSION"));
        let expected = folder.join("expected.json");
        for party in Party::ALL {
            let file = text(&folder.join(format!("{party}.jsonl")));
            let mut replay = vec!["replay", &file, "--party", party.as_str()];
            let expected = text(&expected);
            match is_ours {
                true => replay.extend(["--mode", "strict"]),
                false => replay.extend(["--expected", &expected]),
            }
            let (code, report, error) = said(&nuan(&replay));
            assert_eq!((code, error.as_str()), (0, ""), "{file}: {report}");
            let equal = report.contains(" equal, 0 different, 0 follow from those, 0 unknown");
            assert!(!is_ours || equal && report.contains("the final state is the one recorded\n"), "{file}: {report}");
        }
    }
}

#[test]
fn the_corpus_has_every_kind_of_input_and_of_saga() {
    let _ = of(Party::Union);
    let files = stories().into_iter().flat_map(|folder| Party::ALL.map(|party| folder.join(format!("{party}.jsonl"))));
    let all: String = files.map(|file| fs::read_to_string(file).unwrap()).collect();
    for kind in ["message", "command", "due", "follow", "refused", "port"] {
        assert!(all.contains(&format!("\"kind\":\"{kind}\"")), "no {kind}");
    }
    for message in [
        "guarantee.assessed",
        "credit.decided",
        "letter.issued",
        "disbursement.reported",
        "loan.reported_to_union",
        "relief.proposed",
        "relief.schedule_switched",
        "subsidy.listed",
        "subsidy.reported",
    ] {
        assert!(all.contains(&format!("\"type\":\"{message}\"")), "no {message}");
    }
    for told in [
        "enter_unidentified",
        "prepare_reversal",
        "reverse_repayment",
        "check_subsidy_list",
        "\"command\":\"charter\"",
        "\"control\":",
        "hand_task",
        "supply_paper",
        "NEW_REPAYS_OLD",
        "REPAY_FIRST",
        "take_call",
        "record_consultation",
        "Withdrawn",
        "Expired",
        "Undone",
    ] {
        assert!(all.contains(told), "no {told}");
    }
}

#[test]
fn the_three_of_the_corpus_answer_each_other_as_they_did() {
    let files = CORPUS.each_ref().map(String::as_str);
    let (code, report, error) = said(&nuan(&["replay", files[2], files[0], files[1], "--mode", "three", "--json"]));
    assert_eq!((code, error.as_str()), (0, ""), "{report}");
    let report: Value = serde_json::from_str(&report).unwrap();
    let run = &report["runs"][0];
    assert!(run["messages"].as_u64().unwrap() > 400, "{run}");
    assert_eq!(run["answered_otherwise"], json!([]));
    assert_eq!(run["differences"], json!({ "union": [], "guarantor": [], "bank": [] }));
}

#[test]
fn disturbed_the_three_of_the_corpus_end_alike() {
    let files = CORPUS.each_ref().map(String::as_str);
    let (code, report, error) = said(&nuan(&["replay", files[0], files[1], files[2], "--mode", "perturb", "--json"]));
    assert_eq!((code, error.as_str()), (0, ""), "{report}");
    let report: Value = serde_json::from_str(&report).unwrap();
    let runs = report["runs"].as_array().unwrap();
    let crashes: u64 = runs.iter().map(|run| run["crashes"].as_u64().unwrap()).sum();
    assert!(runs.len() >= 5 && crashes > 1_000, "{} runs, {crashes} crashes", runs.len());
}

#[test]
fn an_altered_input_shows_what_follows_from_it_and_is_no_difference() {
    let bank = of(Party::Bank);
    let rows = || fs::read_to_string(bank).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let rows: Vec<Value> = rows();
    let approval = |line: &&Value| {
        let command = &line["row"]["input"]["command"];
        command["command"] == "decide_credit" && command["verdict"]["verdict"] == "approve"
    };
    let row = &rows.iter().find(approval).unwrap()["row"];
    let (at, id) = (row["position"].to_string(), row["application_id"].as_str().unwrap());
    let with = r#"{"verdict":{"verdict":"decline","reason":"RELATED_DEBT"}}"#;
    let what_if = ["replay", bank, "--party", "bank", "--mode", "what-if", "--at", &at, "--with", with];
    let (code, report, error) = said(&nuan(&[&what_if[..], &["--json"]].concat()));
    assert_eq!((code, error.as_str()), (0, ""), "{report}");
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!((&report["altered"], &report["summary"]["different"]), (&row["position"], &json!(0)));
    let follows: Vec<&Value> = report["differences"].as_array().unwrap().iter().collect();
    assert!(follows.len() > 3 && follows.iter().all(|one| one["standing"] == "follows"), "{follows:?}");
    // The union answers what the bank then decided: how it would answer this is not known.
    assert!(report["summary"]["unknown"].as_u64().unwrap() > 0, "{}", report["summary"]);
    let (_, said_of_case, _) = said(&nuan(&[&what_if[..], &["--case", id]].concat()));
    assert!(said_of_case.contains(&format!("{id}, input ")), "{said_of_case}");
    let (_, said_of_none, _) = said(&nuan(&[&what_if[..], &["--case", "NCD-1999-0001"]].concat()));
    assert!(!said_of_none.contains(", input "), "{said_of_none}");

    let started = ["replay", bank, "--party", "bank", "--mode", "what-if", "--at", "1", "--with", "{}"];
    let misfit = [&what_if[..9], &[r#"{"verdict":{"verdict":"perhaps"}}"#]].concat();
    for (arguments, why) in [
        (&started[..], "row 1 of the journal is no input that can be altered"),
        (&misfit, "what is altered does not fit"),
        (&what_if[..6], "what-if needs --at POSITION and --with JSON"),
    ] {
        let (code, _, error) = said(&nuan(arguments));
        assert!(code == 2 && error.contains(why), "{code}: {error}");
    }
}

#[test]
fn an_expected_difference_that_is_not_found_fails() {
    let folder = tempfile::tempdir().unwrap();
    let file = text(&folder.path().join("expected.json"));
    let replay = ["replay", of(Party::Bank), "--party", "bank", "--expected", &file];
    for (expected, code, why) in [
        (r#"{"expected":[]}"#, 0, ""),
        (r#"{"expected":[{"because":"half a fen","places":["booking accrue"]}]}"#, 5, "0 differences"),
        (r#"{"expected":[{"because":" ","places":["booking"]}]}"#, 2, "expected difference 1: it has to say `because`"),
        (r#"{"expected":[{"because":"x"}]}"#, 2, "missing field `places`"),
        ("expected", 2, "no list of expected differences"),
    ] {
        fs::write(&file, expected).unwrap();
        let (found, report, error) = said(&nuan(&replay));
        assert!(found == code && error.contains(why), "{expected}: {found}: {error}");
        assert_eq!(
            report.contains("expected, and not found any more: booking accrue: half a fen"),
            code == 5,
            "{report}"
        );
    }
}

#[test]
fn a_recording_that_is_none_is_refused_with_its_line() {
    let whole = fs::read_to_string(of(Party::Guarantor)).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let last = lines.len();
    let frame = lines.iter().position(|line| line.starts_with(r#"{"frame""#)).unwrap();
    let changed = |at: usize, from: &str, to: &str| {
        let mut lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
        assert!(lines[at].contains(from), "{}", lines[at]);
        lines[at] = lines[at].replacen(from, to, 1);
        lines.join("\n")
    };
    let without = |at: usize| [&lines[..at], &lines[at + 1..]].concat().join("\n");
    let folder = tempfile::tempdir().unwrap();
    let file = text(&folder.path().join("recording.jsonl"));
    let row = lines.iter().position(|line| line.contains(r#""kind":"message""#)).unwrap();
    for (damaged, why) in [
        (String::new(), "line 0: it is empty".to_owned()),
        (without(last - 1), format!("line {}: it is cut off: its end is missing", last - 1)),
        (without(0), "line 1: a recording begins with its header".into()),
        (
            changed(0, r#""format":1"#, r#""format":2"#),
            "line 1: format 2 is not known to this build, which reads 1".into(),
        ),
        (
            changed(frame, r#""specversion":"1.0""#, r#""specversion":"1.1""#),
            format!("line {}: frame 1 of the", frame + 1),
        ),
        (changed(row, r#""at":1"#, r#""at":2"#), format!("line {}: row ", row + 1)),
        (without(row), format!("line {}: row ", row + 1)),
        (format!("{whole}{}", lines[0]), format!("line {}: a second header", last + 1)),
        (format!("{whole}{}", lines[row]), format!("line {}: something behind its end", last + 1)),
        ("{}".into(), "line 1: no line of a recording".into()),
    ] {
        fs::write(&file, damaged).unwrap();
        let (code, report, error) = said(&nuan(&["replay", &file, "--party", "guarantor"]));
        assert_eq!((code, report.as_str()), (2, ""), "{why}: {error}");
        assert!(error.starts_with(&format!("nuan: replay: {file}: {why}")), "{why}: {error}");
    }
    fs::write(&file, &whole).unwrap();
    let wire = ["replay", &file, "--party", "guarantor", "--to", "http://127.0.0.1:1", "--sandbox", "x"];
    for (arguments, why) in [
        (&["replay", &file, "--party", "bank"][..], "it is a recording of the guarantor, not of the bank"),
        (&["replay", &file], "whose core decides? --party union, guarantor or bank"),
        (&["replay", &file, of(Party::Guarantor), "--mode", "three"], "another recording of the guarantor"),
        (&["replay", &file, "--mode", "three"], "the recording of the union is missing"),
        (&["replay", "no-such-file", "--party", "bank"], "no-such-file: No such file"),
        (
            &["replay", &file, "--party", "guarantor", "--mode", "strict", "--at", "3", "--with", "{}"],
            "are for --mode what-if",
        ),
        (
            &["replay", &file, "--mode", "three", "--case", "NCD-2018-0001"],
            "--case is not for --mode three and perturb",
        ),
        (
            &["replay", &file, "--mode", "perturb", "--expected", &file],
            "--expected is not for --mode three and perturb",
        ),
        (&[&wire[..], &["--mode", "strict"]].concat(), "--to drives a service; --mode is for cores"),
        (&[&wire[..], &["--expected", &file]].concat(), "--expected is for cores, not for --to"),
    ] {
        let (code, _, error) = said(&nuan(arguments));
        assert!(code == 2 && error.contains(why), "{code}: {error}");
    }
}

#[tokio::test]
async fn services_that_run_are_recorded_with_and_without_names_and_in_parts() {
    let three = Three::start(|_| Options { automatic: firms::every_role(), ..Options::default() });
    let applicant = firms::open(&three.services, 6).await.unwrap();
    for n in 0..6 {
        let form = firms::form(n, if n == 0 { firms::DEBT_LIMIT_FEN + 1 } else { 0 }).unwrap();
        let filed = applicant.post("applications", &form);
        let id = filed.await.unwrap()["application_id"].as_str().unwrap().to_owned();
        applicant.get(&format!("applications/{id}?wait_ms=20000&until=end")).await.unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let secret = text(&folder.path().join("secret"));
    fs::write(&secret, "sixteen bytes or more\n").unwrap();
    let mut renamed = Vec::new();
    for party in Party::ALL {
        let config = text(&three.configurations[&party]);
        let record = ["record", "--party", party.as_str(), "--config", &config];
        for more in [&[][..], &["--pseudonyms", &secret], &["--from", "2019-06-03", "--to", "2019-06-04"]] {
            let recorded = nuan(&[&record[..], more].concat());
            assert_eq!(recorded.status.code(), Some(0), "{}", said(&recorded).2);
            let file = folder.path().join(format!("{party}-{}.jsonl", more.len()));
            fs::write(&file, &recorded.stdout).unwrap();
            let (code, report, error) =
                said(&nuan(&["replay", &text(&file), "--party", party.as_str(), "--mode", "strict"]));
            assert_eq!((code, error.as_str()), (0, ""), "{party} {more:?}: {report}");
            if more.first() == Some(&"--pseudonyms") {
                let recording = String::from_utf8(recorded.stdout).unwrap();
                for n in 0..6 {
                    let form = firms::form(n, 0).unwrap();
                    for name in
                        ["enterprise_name", "uscc", "legal_rep_name", "mobile", "union_org_id", "settle_account"]
                    {
                        let name = form[name].as_str().unwrap();
                        assert!(!recording.contains(name), "{party}: {name}");
                    }
                }
                assert!(!recording.contains("person:applicant") && recording.contains("person:p"), "{party}");
                assert!(
                    recording.contains(r#""original_key""#) && recording.contains(r#""pseudonyms":true"#),
                    "{party}"
                );
                renamed.push(text(&file));
            }
        }
    }
    let renamed: Vec<&str> = renamed.iter().map(String::as_str).collect();
    let (code, report, _) = said(&nuan(&[&["replay"][..], &renamed, &["--mode", "three"]].concat()));
    assert_eq!(code, 0, "what three organisations wrote with one secret fits: {report}");

    let config = text(&three.configurations[&Party::Bank]);
    fs::write(&secret, "short").unwrap();
    for (arguments, expected, why) in [
        (&["--party", "union"][..], 2, "is the configuration of bank, not of union"),
        (&["--party", "bank", "--from", "2019-06-04", "--to", "2019-06-03"], 2, "is not after --from"),
        (&["--party", "bank", "--from", "yesterday"], 2, "is no moment"),
        (&["--party", "bank", "--from", "2020-01-01"], 1, "there is nothing to record in that time"),
        (&["--party", "bank", "--pseudonyms", &secret], 1, "the secret has 5 bytes; it takes 16"),
        (&["--party", "bank", "--pseudonyms", "no-such-file"], 1, "cannot read no-such-file"),
    ] {
        let (code, recording, error) = said(&nuan(&[&["record", "--config", &config][..], arguments].concat()));
        assert_eq!((code, recording.as_str()), (expected, ""), "{error}");
        assert!(error.contains(why), "{error}");
    }
}

/// `nuan sandbox` for a recording, and the address that it prints.
fn sandbox(recording: &str, folder: &Path) -> (Child, String) {
    let file = folder.with_extension("json");
    let out = fs::File::create(&file).unwrap();
    let mut child = Child::spawn(Path::new(env!("CARGO_BIN_EXE_nuan")), |command| {
        command.args(["sandbox", recording, "--json", "--data-dir"]).arg(folder).stdout(out);
    })
    .unwrap();
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        if let Ok(said) = serde_json::from_str::<Value>(&fs::read_to_string(&file).unwrap()) {
            return (child, said["url"].as_str().unwrap().to_owned());
        }
        assert!(child.ended().unwrap().is_none() && Instant::now() < until, "it does not come up");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_deployed_service_in_a_sandbox_is_driven_from_outside_once() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("sandbox");
    let recording = of(Party::Guarantor);
    let (mut child, url) = sandbox(recording, &home);
    let replay =
        ["replay", recording, "--party", "guarantor", "--to", &url, "--sandbox", home.to_str().unwrap(), "--json"];
    let (code, report, error) = said(&nuan(&replay));
    assert_eq!((code, error.as_str()), (0, ""), "{report}");
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["differences"], json!([]));
    for (what, least) in [("messages", 150), ("commands", 50), ("times", 400), ("answers", 80)] {
        assert!(report[what].as_u64().unwrap() >= least, "{what}: {report}");
    }
    let (code, _, error) = said(&nuan(&replay));
    assert!(code == 1 && error.contains("take a fresh sandbox"), "{error}");
    let (code, _, error) = said(&nuan(&["sandbox", recording, "--data-dir", home.to_str().unwrap()]));
    assert!(code == 1 && error.contains("holds an earlier run"), "{error}");
    child.kill().unwrap();
}

/// One service with these options, its broker and its folder.
fn alone(party: Party, folder: &Path, broker: &Broker, options: &Options) -> (Service, String) {
    let files = cluster::prepare(folder, broker, options).unwrap();
    let service = Service::start(Path::new(env!("CARGO_BIN_EXE_nuan")), party, &files[&party]).unwrap();
    (service, text(folder))
}

#[test]
fn what_a_deployed_service_does_otherwise_is_named_and_nothing_but_a_sandbox_is_driven() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let recording = of(Party::Guarantor);
    let first: Value = serde_json::from_str(fs::read_to_string(recording).unwrap().lines().nth(1).unwrap()).unwrap();
    let from = domain::Moment::from_millis(first["row"]["at"].as_i64().unwrap());
    let options = |environment: Option<&str>, net_assets_fen: i64| Options {
        driven_from: Some(from),
        automatic: BTreeMap::new(),
        environment: environment.map(str::to_owned),
        net_assets_fen: Some(net_assets_fen),
        ..Options::default()
    };
    let plain = Broker::start(&folder.path().join("plain")).unwrap();
    let marked = Broker::start_sandbox(&folder.path().join("marked")).unwrap();
    let home = |name: &str| folder.path().join(name);
    let poor = alone(Party::Guarantor, &home("poor"), &marked, &options(Some("sandbox"), 100_000_000));
    let local = alone(Party::Guarantor, &home("local"), &plain, &options(None, 100_000_000_000));
    let on_plain = alone(Party::Guarantor, &home("on-plain"), &plain, &options(Some("sandbox"), 100_000_000_000));
    let replay = |(service, folder): &(Service, String)| {
        said(&nuan(&["replay", recording, "--party", "guarantor", "--to", &service.url, "--sandbox", folder]))
    };
    let (code, report, error) = replay(&poor);
    assert!(code == 5 && error.contains("differences"), "{code} {error}: {report}");
    assert!(report.contains("assess (agree) by person:zhao\n    message nuan.guarantee.assessed.v1"), "{report}");
    assert!(report.contains("refusal: nothing -> LIMIT"), "{report}");
    for (not_a_sandbox, why) in
        [(&local, "is no sandbox"), (&on_plain, "the broker calls itself `nuan`, not `nuan-sandbox`")]
    {
        let (code, report, error) = replay(not_a_sandbox);
        assert_eq!((code, report.as_str()), (1, ""), "{error}");
        assert!(error.contains(why), "{error}");
    }
    let bank = ["replay", recording, "--party", "bank", "--to", &poor.0.url, "--sandbox", &poor.1];
    let (code, _, error) = said(&nuan(&bank));
    assert!(code == 2 && error.contains("it is a recording of the guarantor, not of the bank"), "{error}");
    let (code, _, error) = said(&nuan(&[&["replay", of(Party::Bank), "--party", "bank"], &bank[4..]].concat()));
    assert!(code == 1 && error.contains("not a sandbox of the bank"), "{error}");
}

#[tokio::test]
async fn the_door_of_a_sandbox_takes_an_operators_token_and_a_command_that_there_is() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start_sandbox(&folder.path().join("broker")).unwrap();
    let options = Options { environment: Some("sandbox".into()), ..Options::default() };
    let (service, _) = alone(Party::Bank, &folder.path().join("home"), &broker, &options);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let give = async |token: &str, body: Value| {
        let request = client.post(format!("{}/api/v1/sandbox/commands", service.url)).bearer_auth(token);
        let answer = request.body(body.to_string()).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let actor = json!({ "person": "operator", "roles": ["operator"] });
    let open = json!({ "actor": actor, "command": { "command": "open_books", "deposit_fen": 100 } });
    let unknown = json!({ "actor": actor, "command": { "command": "dance" } });
    let token = &service.operator_token;
    for (token, body, status, word) in [
        ("nobody", open.clone(), 401, "INVALID_TOKEN"),
        (token, unknown, 422, "dance"),
        (token, json!({ "command": "open_books" }), 422, "command"),
        (token, open.clone(), 200, r#"{"refused":null}"#),
        (token, open, 200, r#"{"refused":""#),
    ] {
        let (found, text) = give(token, body.clone()).await;
        assert!(found == status && text.contains(word), "{body}: {found} {text}");
    }
}

#[test]
fn a_journal_of_a_build_that_wrote_rows_otherwise_is_recorded_and_says_so() {
    let recording = replay::Recording::parse(&fs::read_to_string(of(Party::Guarantor)).unwrap()).unwrap();
    let header = recording.header;
    let mut recorder =
        replay::Recorder::<guarantor_core::Guarantor>::new(header.charters.clone(), header.settings.clone()).unwrap();
    let mut altered = 0;
    for mut row in recording.rows {
        if altered == 0 && row.kind == "command" && row.states.is_some() {
            row.states = Some("00".repeat(32));
            altered += 1;
        }
        let kept = row.kept.clone();
        recorder.take(&mut row).unwrap();
        assert_eq!(row.kept, kept, "row {}", row.position);
    }
    let end = recorder.end().unwrap();
    assert_eq!((end.commits_that_differ, altered), (1, 1));
    assert_eq!((end.position, &end.states), (recording.end.position, &recording.end.states));
}

#[tokio::test]
async fn services_that_were_set_up_otherwise_meanwhile_replay_as_they_were() {
    let mut three = Three::start(|_| Options::default());
    let applicant = firms::open(&three.services, 2).await.unwrap();
    let waiting = applicant.post("applications", &firms::form(0, 0).unwrap()).await.unwrap();
    assert_eq!(waiting["state"], "INTAKE_REVIEW", "nobody decides by rule yet");
    let from = domain::Moment::start_of(firms::DAY).plus_hours(9);
    let folder = three.folder.path();
    let charter = Some(folder.join("charter.json"));
    let options = Options { automatic: firms::every_role(), driven_from: Some(from), charter, ..Options::default() };
    cluster::prepare(folder, &three.broker, &options).unwrap();
    for service in three.services.values_mut() {
        service.stop().unwrap();
        service.restart().unwrap();
    }
    let applicant = nuan::api::Api::new(&three.services[&Party::Union].url, &applicant.token).unwrap();
    let filed = applicant.post("applications", &firms::form(1, 0).unwrap()).await.unwrap();
    let id = filed["application_id"].as_str().unwrap();
    let ended = applicant.get(&format!("applications/{id}?wait_ms=20000&until=end")).await.unwrap();
    assert_eq!(ended["state"], "DISBURSED", "everybody decides by rule now");
    replays(folder);
    let files = Party::ALL.map(|party| text(&folder.join(format!("replayed-{party}.jsonl"))));
    let (code, report, _) = said(&nuan(&["replay", &files[0], &files[1], &files[2], "--mode", "three"]));
    assert_eq!(code, 0, "{report}");
}

/// Every text in these fields of a recording, however deep.
fn texts_in(value: &Value, fields: &[&str], is_in: bool, found: &mut Vec<String>) {
    match value {
        Value::String(text) if is_in && !text.is_empty() => found.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| texts_in(value, fields, is_in, found)),
        Value::Object(each) => each.iter().for_each(|(name, value)| {
            texts_in(value, fields, fields.contains(&name.as_str()), found);
        }),
        _ => {}
    }
}

#[test]
fn with_pseudonyms_no_sealed_paper_and_no_free_text_is_left_and_the_story_is_the_same() {
    fn renamed<O: organisation::Organisation + Clone>(file: &str) -> (String, replay::Report) {
        let recording = replay::Recording::parse(&fs::read_to_string(file).unwrap()).unwrap();
        let lines = replay::pseudonymise::<O>(&recording, b"sixteen bytes or more").unwrap();
        let lines: Vec<String> = lines.iter().map(|line| serde_json::to_string(line).unwrap()).collect();
        let text = lines.join("\n");
        let again = replay::Recording::parse(&text).unwrap();
        let build = replay::Build { version: String::new(), build_id: None };
        let report = replay::replay::<O>(&again, build, true, None, &replay::Expected::default()).unwrap();
        (text, report)
    }
    let mut sealed = 0;
    for name in KEPT.iter().map(|(_, name)| *name).chain(["history"]) {
        for (party, file) in Party::ALL.iter().zip(story(name)) {
            let (text, report) = match party {
                Party::Union => renamed::<union_core::Union>(&file),
                Party::Guarantor => renamed::<guarantor_core::Guarantor>(&file),
                Party::Bank => renamed::<bank_core::Bank>(&file),
            };
            assert!(report.holds(), "{name} {party}: {report}");
            let (mut papers, mut said) = (Vec::new(), Vec::new());
            for line in fs::read_to_string(&file).unwrap().lines() {
                let line: Value = serde_json::from_str(line).unwrap();
                texts_in(&line, &["sealed", "parts"], false, &mut papers);
                texts_in(&line, &["because", "note"], false, &mut said);
            }
            sealed += papers.len();
            let left = papers.iter().chain(&said).find(|original| text.contains(&format!("\"{original}\"")));
            assert_eq!(left, None, "{name} {party}");
        }
    }
    assert!(sealed > 0, "no story has papers");
}
