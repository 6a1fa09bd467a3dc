//! Small fault campaigns of every kind, with real processes: what a long one does, in seconds.

use serde_json::Value;
use std::process::Command;
use tools::postgres::Server;

/// Runs a campaign and returns its report: faults have struck, and nothing is wrong.
fn campaign(kind: &str, applications: u32, rounds: u32) -> Value {
    campaign_on(None, kind, applications, rounds)
}

/// As [`campaign`], on that PostgreSQL server.
fn campaign_on(server: Option<&Server>, kind: &str, applications: u32, rounds: u32) -> Value {
    let (applications, rounds) = (applications.to_string(), rounds.to_string());
    let output = Command::new(env!("CARGO_BIN_EXE_nuan"))
        .args(["torture", kind, "--applications", &applications, "--rounds", &rounds, "--seed", "1", "--json"])
        .args(server.iter().flat_map(|server| ["--postgres".to_owned(), server.url("postgres")]))
        .output()
        .unwrap();
    let (report, words) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{words}\n{report}");
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["violations"], serde_json::json!([]));
    assert_eq!(report["named"], serde_json::json!({}), "everything has ended");
    let ended: u64 = report["ends"].as_object().unwrap().values().map(|ended| ended.as_u64().unwrap()).sum();
    assert_eq!(ended.to_string(), applications);
    report
}

/// Faults of the campaign that struck while applications were under way.
fn struck(report: &Value) -> u64 {
    report["struck"].as_object().unwrap().values().map(|times| times.as_u64().unwrap()).sum()
}

#[test]
fn services_killed_at_random_lose_and_double_nothing() {
    assert!(struck(&campaign("kill", 90, 9)) >= 5);
}

#[test]
fn broker_killed_under_way_delays_and_loses_nothing() {
    assert!(struck(&campaign("broker-kill", 30, 3)) >= 2);
}

#[test]
fn broker_that_lost_its_store_under_open_applications_costs_nothing_but_time() {
    assert_eq!(struck(&campaign("broker-wipe", 40, 2)), 2);
}

#[test]
fn broker_set_back_to_an_older_copy_costs_nothing_but_time() {
    assert_eq!(struck(&campaign("broker-rollback", 40, 1)), 1);
}

#[test]
fn partner_that_was_absent_for_the_whole_run_takes_up_everything() {
    assert_eq!(struck(&campaign("absence", 40, 4)), 4);
}

#[test]
fn organisation_set_back_to_an_older_database_notices_and_recovers_by_hand() {
    assert!(struck(&campaign("restore", 40, 4)) >= 1);
}

#[test]
fn campaigns_on_postgres_find_nothing_either() {
    let server = Server::shared().unwrap();
    for (kind, applications, rounds, least) in [("kill", 30, 3, 2), ("broker-wipe", 20, 1, 1), ("restore", 20, 2, 1)] {
        let report = campaign_on(Some(&server), kind, applications, rounds);
        assert_eq!(report["database"], "PostgreSQL");
        assert!(struck(&report) >= least, "{report}");
    }
}

#[test]
fn postgres_stopped_in_mid_commit_loses_and_doubles_nothing() {
    assert!(struck(&campaign("postgres-stop", 60, 3)) >= 2);
}
