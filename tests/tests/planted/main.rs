//! Whether a replay finds a change that was planted in a core, and names it: a copy of the pure crates is changed in one place at a
//! time, built, and the corpus is replayed by it. The unchanged copy has to find nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops where a step fails")]

use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The crates that a replay is made of.
const CRATES: &[&str] = &[
    "shared/domain",
    "shared/contracts",
    "shared/saga",
    "shared/channel",
    "shared/ledger",
    "shared/organisation",
    "shared/simulation",
    "shared/replay",
    "services/union/core",
    "services/guarantor/core",
    "services/bank/core",
];

const MANIFEST: &str = r#"[package]
name = "replayer"
version.workspace = true
edition.workspace = true

[dependencies]
replay.workspace = true
union-core.workspace = true
guarantor-core.workspace = true
bank-core.workspace = true
serde_json.workspace = true
"#;

const PROGRAM: &str = r#"//! Replays a recording, and prints the report.
fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let read = |at: usize| std::fs::read_to_string(&arguments[at]).unwrap();
    let recording = replay::Recording::parse(&read(1)).unwrap();
    let expected = if arguments.len() > 2 { replay::Expected::parse(&read(2)).unwrap() } else { Default::default() };
    let build = replay::Build { version: String::new(), build_id: None };
    let report = match arguments[0].as_str() {
        "union" => replay::replay::<union_core::Union>(&recording, build, false, None, &expected),
        "guarantor" => replay::replay::<guarantor_core::Guarantor>(&recording, build, false, None, &expected),
        _ => replay::replay::<bank_core::Bank>(&recording, build, false, None, &expected),
    };
    let report = report.unwrap();
    println!("{}", serde_json::to_string(&report).unwrap());
    eprint!("{report}");
    std::process::exit(if report.holds() { 0 } else { 5 });
}
"#;

/// A change in one place of a core.
struct Plant {
    what: &'static str,
    file: &'static str,
    /// What stands there, once; and what stands there then.
    from: &'static str,
    to: &'static str,
    /// Whose recording shows it.
    party: &'static str,
    /// What the first difference that stands for itself has to name: the input, and a place in it.
    input: &'static str,
    place: &'static str,
    /// A file that means it.
    expected: Option<&'static str>,
}

const PLANTS: &[Plant] = &[
    Plant {
        what: "an amount",
        file: "services/union/core/src/origination.rs",
        from: "reserved_fen: reservation.reserved_fen,",
        to: "reserved_fen: reservation.exposure_fen.fen(),",
        party: "union",
        input: "decide_eligibility (approve)",
        place: "message nuan.guarantee.assess.v1: data.reserved_fen",
        expected: None,
    },
    Plant {
        what: "a recipient",
        file: "services/bank/core/src/books.rs",
        from: "To::Borrower => BORROWERS.sub(w.file()?.firm.uscc.to_string()),",
        to: "To::Borrower => BORROWERS.sub(w.id.to_string()),",
        party: "bank",
        input: "check_payment (release)",
        place: "booking disburse: transfers.0.credit",
        expected: None,
    },
    Plant {
        what: "a deadline",
        file: "services/bank/core/src/credit.rs",
        from: "let due_at = w.due(w.charter()?.credit_deadline)?;",
        to: "let due_at = w.due(w.charter()?.credit_deadline)?.plus_hours(24);",
        party: "bank",
        input: "credit.approve, message 1 from the union",
        place: "fact task_opened: task.deadline.due_at",
        expected: Some(
            r#"{"expected":[{"because":"a day more","party":"bank","places":["fact task_opened: task.deadline.due_at","row case/"]}]}"#,
        ),
    },
    Plant {
        what: "an order of undos",
        file: "shared/saga/src/engine/back.rs",
        from: "for (index, step) in self.steps.iter().enumerate().rev() {",
        to: "for (index, step) in self.steps.iter().enumerate() {",
        party: "union",
        input: "guarantee.opinion_withdrawn, message",
        place: "fact saga, Undone",
        expected: None,
    },
    Plant {
        what: "a dropped message",
        file: "services/bank/core/src/payment.rs",
        from: "w.desk.say(Message::LoanDisbursed(LoanDisbursed { about, letter_no, receipt }));",
        to: "let _ = (about, letter_no, receipt);",
        party: "bank",
        input: "check_payment (release)",
        place: "message nuan.disbursement.loan_disbursed.v1",
        expected: None,
    },
    Plant {
        what: "a rounding",
        file: "shared/domain/src/money.rs",
        from: "let doubled = numerator.checked_mul(2)?.checked_add(denominator)?;",
        to: "let doubled = numerator.checked_mul(2)?;",
        party: "bank",
        input: "",
        place: "",
        expected: None,
    },
];

/// A copy of the pure crates, with a program that replays.
struct Copy {
    folder: PathBuf,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Writes a file, unless it is so already: what did not change is not built again.
fn write(path: &Path, text: &str) {
    if fs::read_to_string(path).is_ok_and(|found| found == text) {
        return;
    }
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let (path, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if path.is_dir() {
            if !path.ends_with("tests") {
                copy(&path, &to);
            }
        } else {
            write(&to, &fs::read_to_string(&path).unwrap());
        }
    }
}

impl Copy {
    fn make() -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("planted");
        for name in ["Cargo.lock", "rust-toolchain.toml"] {
            // The lock of the copy loses what the copy does not have.
            if name != "Cargo.lock" || !folder.join(name).exists() {
                write(&folder.join(name), &fs::read_to_string(root().join(name)).unwrap());
            }
        }
        CRATES.iter().for_each(|name| copy(&root().join(name), &folder.join(name)));
        let workspace = fs::read_to_string(root().join("Cargo.toml")).unwrap();
        let (before, rest) = workspace.split_once("members = [").unwrap();
        let (_, behind) = rest.split_once(']').unwrap();
        let members: Vec<String> = CRATES.iter().chain(&["replayer"]).map(|name| format!("{name:?}")).collect();
        write(&folder.join("Cargo.toml"), &format!("{before}members = [{}]{behind}", members.join(", ")));
        write(&folder.join("replayer/Cargo.toml"), MANIFEST);
        write(&folder.join("replayer/src/main.rs"), PROGRAM);
        Copy { folder }
    }

    /// Builds it; what it says then of a party's recording in the corpus.
    fn replays(&self, party: &str, expected: Option<&Path>) -> (i32, Value, String) {
        let cargo = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--offline", "-p", "replayer"])
            .current_dir(&self.folder)
            .env("CARGO_TARGET_DIR", self.folder.join("target"))
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env("RUSTFLAGS", "-Awarnings")
            .output()
            .unwrap();
        assert!(cargo.status.success(), "{}", String::from_utf8_lossy(&cargo.stderr));
        let recording = root().join(format!("tests/corpus/0.1.0/history/{party}.jsonl"));
        let mut program = Command::new(self.folder.join("target/debug/replayer"));
        let ran = program.arg(party).arg(recording).args(expected).output().unwrap();
        let text = String::from_utf8_lossy(&ran.stderr).into_owned();
        let report = serde_json::from_slice(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {text}"));
        (ran.status.code().unwrap(), report, text)
    }

    fn plant(&self, plant: &Plant) -> PathBuf {
        let path = self.folder.join(plant.file);
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.matches(plant.from).count(), 1, "{}: {} stands there once", plant.what, plant.from);
        write(&path, &text.replacen(plant.from, plant.to, 1));
        path
    }
}

#[test]
fn every_planted_change_is_found_and_named_and_an_unchanged_build_reports_none() {
    let copy = Copy::make();
    for party in ["union", "guarantor", "bank"] {
        let (code, report, text) = copy.replays(party, None);
        assert_eq!((code, &report["differences"]), (0, &serde_json::json!([])), "unchanged, {party}: {text}");
    }
    for plant in PLANTS {
        let path = copy.plant(plant);
        let (code, report, text) = copy.replays(plant.party, None);
        let original = root().join(plant.file);
        println!("--- {}\n{}\n", plant.what, text.lines().take(14).collect::<Vec<_>>().join("\n"));
        let differences = report["differences"].as_array().unwrap();
        let first = differences.iter().find(|one| one["standing"] == "for_itself");
        let first = first.unwrap_or_else(|| panic!("{} is not found: {text}", plant.what));
        assert_eq!(code, 5, "{}: {text}", plant.what);
        let input = first["input"].as_str().unwrap();
        assert!(input.starts_with(plant.input), "{}: in {input}", plant.what);
        let places: Vec<&str> =
            first["changes"].as_array().unwrap().iter().map(|one| one["place"].as_str().unwrap()).collect();
        assert!(places.iter().any(|place| place.starts_with(plant.place)), "{}: {places:?}", plant.what);
        assert!(first["application_id"].is_string() && first["no"].as_u64() <= first["of"].as_u64(), "{first}");
        if let Some(expected) = plant.expected {
            let file = copy.folder.join("expected.json");
            write(&file, expected);
            let (code, report, text) = copy.replays(plant.party, Some(&file));
            assert_eq!((code, &report["stale"]), (0, &serde_json::json!([])), "{} is meant: {text}", plant.what);
            assert_eq!(report["differences"].as_array().unwrap().len(), differences.len(), "it is still reported");
        }
        write(&path, &fs::read_to_string(original).unwrap());
    }
}
