//! Which crate may import which: the table of floors (DESIGN, "The house"), read off each `Cargo.toml`.

use std::collections::BTreeMap;

use toml::{Table, Value};

use crate::tree::{assert_none, read, root};

/// A crate of ours: its folder, its name, and which of ours it may import.
struct Crate {
    folder: &'static str,
    name: &'static str,
    floor: u8,
    may: &'static [&'static str],
}

const FLOOR_0: &[&str] = &["domain"];
const FLOORS_0_AND_1: &[&str] = &["domain", "contracts", "saga", "channel", "ledger"];
const CORE: &[&str] = &["domain", "contracts", "saga", "channel", "ledger", "organisation"];
const REPLAY: &[&str] = &["domain", "contracts", "saga", "channel", "ledger", "organisation", "simulation"];
const PARTY: &[&str] =
    &["domain", "contracts", "saga", "channel", "ledger", "organisation", "telemetry", "tools", "web"];

const HOUSE: &[Crate] = &[
    Crate { folder: "shared/domain", name: "domain", floor: 0, may: &[] },
    Crate { folder: "shared/contracts", name: "contracts", floor: 1, may: FLOOR_0 },
    Crate { folder: "shared/saga", name: "saga", floor: 1, may: FLOOR_0 },
    Crate { folder: "shared/channel", name: "channel", floor: 1, may: FLOOR_0 },
    Crate { folder: "shared/ledger", name: "ledger", floor: 1, may: FLOOR_0 },
    // What all cores have in common lies below them on their floor.
    Crate { folder: "shared/organisation", name: "organisation", floor: 2, may: FLOORS_0_AND_1 },
    Crate { folder: "services/union/core", name: "union-core", floor: 2, may: CORE },
    Crate { folder: "services/guarantor/core", name: "guarantor-core", floor: 2, may: CORE },
    Crate { folder: "services/bank/core", name: "bank-core", floor: 2, may: CORE },
    Crate { folder: "shared/telemetry", name: "telemetry", floor: 3, may: FLOORS_0_AND_1 },
    Crate { folder: "shared/tools", name: "tools", floor: 3, may: &[] },
    Crate { folder: "shared/web", name: "web", floor: 3, may: FLOORS_0_AND_1 },
    // The pages: a client of the interface, which knows no shell, but who is the same person as whom.
    Crate { folder: "shared/desk", name: "desk", floor: 3, may: &["domain", "saga"] },
    Crate { folder: "shared/simulation", name: "simulation", floor: 3, may: CORE },
    Crate { folder: "shared/replay", name: "replay", floor: 3, may: REPLAY },
    Crate { folder: "shared/party", name: "party", floor: 3, may: PARTY },
    Crate {
        folder: "services/union",
        name: "union-service",
        floor: 4,
        may: &[
            "domain",
            "contracts",
            "saga",
            "channel",
            "ledger",
            "organisation",
            "telemetry",
            "web",
            "desk",
            "party",
            "union-core",
        ],
    },
    Crate {
        folder: "services/guarantor",
        name: "guarantor-service",
        floor: 4,
        may: &[
            "domain",
            "contracts",
            "saga",
            "channel",
            "ledger",
            "organisation",
            "telemetry",
            "web",
            "desk",
            "party",
            "guarantor-core",
        ],
    },
    Crate {
        folder: "services/bank",
        name: "bank-service",
        floor: 4,
        may: &[
            "domain",
            "contracts",
            "saga",
            "channel",
            "ledger",
            "organisation",
            "telemetry",
            "web",
            "desk",
            "party",
            "bank-core",
        ],
    },
    Crate { folder: "deploy/nuan", name: "nuan", floor: 5, may: EVERYTHING },
    Crate { folder: "tests", name: "nuan-tests", floor: 5, may: EVERYTHING },
];

const EVERYTHING: &[&str] = &[
    "domain",
    "contracts",
    "saga",
    "channel",
    "ledger",
    "organisation",
    "union-core",
    "guarantor-core",
    "bank-core",
    "telemetry",
    "tools",
    "web",
    "desk",
    "simulation",
    "replay",
    "party",
    "union-service",
    "guarantor-service",
    "bank-service",
    "nuan",
];

/// What pure crates may take from outside: libraries of values. No runtime, database, broker, web, tracing or randomness.
const VALUE_LIBRARIES: &[&str] =
    &["ed25519-dalek", "hex", "hmac", "jiff", "schemars", "serde", "serde_json", "sha2", "thiserror", "zeroize"];
/// What their tests may take besides.
const TEST_LIBRARIES: &[&str] = &["insta", "proptest", "tempfile"];

/// The floors below which everything is pure.
const FIRST_IMPURE_FLOOR: u8 = 3;

impl Crate {
    /// Of the shells the simulation and the replay are pure: time and network are given, or recorded.
    fn is_pure(&self) -> bool {
        self.floor < FIRST_IMPURE_FLOOR || ["simulation", "replay"].contains(&self.name)
    }
}

/// The folders of the pure crates.
pub fn pure_folders() -> impl Iterator<Item = &'static str> {
    HOUSE.iter().filter(|one| one.is_pure()).map(|one| one.folder)
}

/// The packages that a manifest imports, by their real names, each with whether only its tests do.
fn imports(manifest: &Table, workspace: &Table) -> BTreeMap<String, bool> {
    let mut found = BTreeMap::new();
    let targets = manifest.get("target").and_then(Value::as_table);
    let places = targets.into_iter().flat_map(Table::values).filter_map(Value::as_table).chain([manifest]);
    for place in places {
        for (section, only_tests) in
            [("dependencies", false), ("build-dependencies", false), ("dev-dependencies", true)]
        {
            for (key, value) in place.get(section).and_then(Value::as_table).into_iter().flatten() {
                let renamed = |value: &Value| value.get("package").and_then(Value::as_str).map(str::to_owned);
                let name =
                    renamed(value).or_else(|| workspace.get(key).and_then(renamed)).unwrap_or_else(|| key.clone());
                let tests_so_far = found.entry(name).or_insert(only_tests);
                *tests_so_far &= only_tests;
            }
        }
    }
    found
}

/// What is wrong with a manifest of that crate.
fn check_manifest(one: &Crate, manifest: &str, workspace: &Table) -> Vec<String> {
    let manifest: Table = manifest.parse().unwrap();
    let mut findings = Vec::new();
    let name = manifest.get("package").and_then(|package| package.get("name")).and_then(Value::as_str);
    if name != Some(one.name) {
        findings.push(format!("{}: is called {name:?}, not {:?}", one.folder, one.name));
    }
    if manifest.get("lints").and_then(|lints| lints.get("workspace")) != Some(&Value::Boolean(true)) {
        findings.push(format!("{}: does not take the lints of the workspace", one.folder));
    }
    for (import, only_tests) in imports(&manifest, workspace) {
        let ours = HOUSE.iter().find(|other| other.name == import);
        let refused = match ours {
            Some(_) if one.may.contains(&import.as_str()) => continue,
            Some(other) => format!("floor {} may not import {import} of floor {}", one.floor, other.floor),
            None if !one.is_pure() || VALUE_LIBRARIES.contains(&import.as_str()) => continue,
            None if only_tests && TEST_LIBRARIES.contains(&import.as_str()) => continue,
            None => format!("{} is pure, and {import} is no library of values", one.name),
        };
        findings.push(format!("{}: {refused}", one.folder));
    }
    findings
}

fn workspace() -> Table {
    let manifest: Table = read(&root().join("Cargo.toml")).parse().unwrap();
    manifest.get("workspace").and_then(Value::as_table).unwrap().clone()
}

fn workspace_dependencies() -> Table {
    workspace().get("dependencies").and_then(Value::as_table).unwrap().clone()
}

#[test]
fn every_crate_imports_only_what_its_floor_may() {
    let dependencies = workspace_dependencies();
    let findings: Vec<String> = HOUSE
        .iter()
        .flat_map(|one| check_manifest(one, &read(&root().join(one.folder).join("Cargo.toml")), &dependencies))
        .collect();
    assert_none(&findings);
}

#[test]
fn every_member_has_its_place_on_a_floor() {
    let mut members: Vec<String> = workspace()
        .get("members")
        .and_then(Value::as_array)
        .unwrap()
        .iter()
        .map(|member| member.as_str().unwrap().to_owned())
        .collect();
    members.sort();
    let mut placed: Vec<String> = HOUSE.iter().map(|one| one.folder.to_owned()).collect();
    placed.sort();
    assert_eq!(members, placed);
}

/// Where a manifest lets a build have points at which it dies, but for builds that somebody asks for and for tests.
fn fault_points_for_everybody(name: &str, manifest: &str) -> Vec<String> {
    let manifest: Table = manifest.parse().unwrap();
    let features = |section: &str| manifest.get(section).and_then(Value::as_table).cloned().unwrap_or_default();
    let names = |value: &Value| value.to_string().contains("fault-points");
    let by_default = features("features").get("default").is_some_and(names);
    let by_import = features("dependencies").values().any(names);
    let found = by_default || by_import;
    found.then(|| format!("{name}: every build of it has fault points")).into_iter().collect()
}

#[test]
fn released_build_has_no_fault_points() {
    let folders = HOUSE.iter().map(|one| one.folder).chain(["tests"]);
    let findings: Vec<String> = folders
        .flat_map(|folder| fault_points_for_everybody(folder, &read(&root().join(folder).join("Cargo.toml"))))
        .collect();
    assert_none(&findings);
    for bad in [
        "[features]\ndefault = [\"fault-points\"]",
        "[features]\ndefault = [\"party/fault-points\"]",
        "[dependencies]\nparty = { workspace = true, features = [\"fault-points\"] }",
    ] {
        assert_eq!(fault_points_for_everybody("x", bad).len(), 1, "{bad}");
    }
    let good = "[features]\nfault-points = [\"party/fault-points\"]\n[dev-dependencies]\n\
                party = { workspace = true, features = [\"fault-points\"] }";
    assert!(fault_points_for_everybody("x", good).is_empty());
}

#[test]
fn table_lets_nobody_import_upwards_or_a_neighbour() {
    let floor = |name: &str| HOUSE.iter().find(|one| one.name == name).unwrap().floor;
    // Within a floor: what the cores share, and the shell on top of its helpers.
    let same_floor =
        [("union-core", "organisation"), ("guarantor-core", "organisation"), ("bank-core", "organisation")];
    let shells = [("party", "telemetry"), ("party", "tools"), ("party", "web"), ("replay", "simulation")];
    let same_floor = [&same_floor[..], &shells, &[("nuan-tests", "nuan")]].concat();
    for one in HOUSE {
        for import in one.may.iter().filter(|import| **import != one.name) {
            let allowed = floor(import) < one.floor || same_floor.contains(&(one.name, import));
            assert!(allowed, "{} may import {import}", one.name);
        }
    }
}

#[test]
fn forbidden_imports_are_found() {
    let lints = "[lints]\nworkspace = true\n";
    let workspace: Table =
        "domain = { path = \"shared/domain\" }\nclockwork = { version = \"1\", package = \"tokio\" }".parse().unwrap();
    for (name, sections, expected) in [
        ("domain", "[dependencies]\nserde.workspace = true\n", None),
        ("saga", "[dependencies]\ndomain.workspace = true\n[dev-dependencies]\nproptest.workspace = true\n", None),
        ("party", "[dependencies]\ntokio.workspace = true\nsqlx = \"0.9\"\n", None),
        ("domain", "[dependencies]\nsaga.workspace = true\n", Some("floor 0 may not import saga of floor 1")),
        ("saga", "[dependencies]\nledger.workspace = true\n", Some("floor 1 may not import ledger of floor 1")),
        ("saga", "[dev-dependencies]\nledger.workspace = true\n", Some("floor 1 may not import ledger of floor 1")),
        ("organisation", "[dependencies]\nunion-core.workspace = true\n", Some("may not import union-core")),
        ("bank-core", "[dependencies]\nunion-core.workspace = true\n", Some("floor 2 may not import union-core")),
        ("bank-service", "[dependencies]\nunion-core.workspace = true\n", Some("may not import union-core")),
        (
            "bank-service",
            "[dependencies]\nguarantor-service.workspace = true\n",
            Some("may not import guarantor-service"),
        ),
        ("party", "[dependencies]\nbank-core.workspace = true\n", Some("floor 3 may not import bank-core of floor 2")),
        ("contracts", "[dependencies]\ntokio.workspace = true\n", Some("tokio is no library of values")),
        ("simulation", "[dependencies]\ntokio.workspace = true\n", Some("tokio is no library of values")),
        ("simulation", "[dependencies]\nbank-core.workspace = true\n", Some("may not import bank-core of floor 2")),
        ("contracts", "[dependencies]\nproptest.workspace = true\n", Some("proptest is no library of values")),
        ("contracts", "[dev-dependencies]\nrand.workspace = true\n", Some("rand is no library of values")),
        ("contracts", "[build-dependencies]\nreqwest = \"0.13\"\n", Some("reqwest is no library of values")),
        ("contracts", "[target.'cfg(unix)'.dependencies]\nsqlx = \"0.9\"\n", Some("sqlx is no library of values")),
        ("contracts", "[dependencies]\nhex = { version = \"1\", package = \"axum\" }\n", Some("axum is no library")),
        ("contracts", "[dependencies]\nclockwork.workspace = true\n", Some("tokio is no library of values")),
    ] {
        let one = HOUSE.iter().find(|one| one.name == name).unwrap();
        let manifest = format!("[package]\nname = \"{name}\"\n{lints}{sections}");
        let findings = check_manifest(one, &manifest, &workspace);
        match expected {
            None => assert_none(&findings),
            Some(expected) => {
                assert!(findings.len() == 1 && findings[0].contains(expected), "{name} {sections}: {findings:?}");
            }
        }
    }
    let domain = HOUSE.first().unwrap();
    assert!(check_manifest(domain, "[package]\nname = \"domain\"\n", &workspace)[0].contains("lints"));
    assert!(check_manifest(domain, &format!("[package]\nname = \"x\"\n{lints}"), &workspace)[0].contains("is called"));
}
