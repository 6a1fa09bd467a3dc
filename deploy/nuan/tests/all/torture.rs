//! Small fault campaigns of every kind, with real processes: what a long one does, in seconds.

use serde_json::Value;
use std::process::{Command, Output};
use tools::postgres::Server;

/// Runs a campaign and returns its report: faults have struck, and nothing is wrong.
fn campaign(kind: &str, applications: u32, rounds: u32) -> Value {
    campaign_on(None, kind, applications, rounds)
}

/// As [`campaign`], on that PostgreSQL server.
fn campaign_on(server: Option<&Server>, kind: &str, applications: u32, rounds: u32) -> Value {
    judged(&torture(server, kind, applications, rounds), applications)
}

fn judged(output: &Output, applications: u32) -> Value {
    let (report, words) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{words}\n{report}");
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["violations"], serde_json::json!([]));
    assert_eq!(report["named"], serde_json::json!({}), "everything has ended");
    let ended: u64 = report["ends"].as_object().unwrap().values().map(|ended| ended.as_u64().unwrap()).sum();
    assert_eq!(ended, u64::from(applications));
    report
}

fn torture(server: Option<&Server>, kind: &str, applications: u32, rounds: u32) -> Output {
    let (applications, rounds) = (applications.to_string(), rounds.to_string());
    Command::new(env!("CARGO_BIN_EXE_nuan"))
        .args(["torture", kind, "--applications", &applications, "--rounds", &rounds, "--seed", "1", "--json"])
        .args(server.iter().flat_map(|server| ["--postgres".to_owned(), server.url("postgres")]))
        .output()
        .unwrap()
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

#[test]
fn union_set_back_to_an_older_database_gives_no_number_twice_and_names_who_must_act_on_what_it_lost() {
    let output = torture(None, "restore-union", 40, 2);
    let (report, words) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{words}\n{report}");
    let report: Value = serde_json::from_str(&report).unwrap();
    let named = report["named"].as_object().unwrap().len();
    assert!(struck(&report) >= 1 && report["gone"].as_u64().unwrap() >= 1 && named >= 1, "{report}");
}

#[test]
fn services_killed_at_each_boundary_lose_and_double_nothing() {
    let report = campaign("boundaries", 270, 18);
    assert!(struck(&report) >= 12, "{report}");
}

#[test]
fn messages_doubled_disordered_and_held_back_change_nothing() {
    let report = campaign("disorder", 40, 1);
    for what in
        ["frame doubled and held back", "frame overtaken by a later one", "acknowledgement doubled and held back"]
    {
        assert!(report["struck"][what].as_u64().unwrap() >= 1, "{report}");
    }
}

#[test]
fn link_cut_one_way_and_healed_costs_nothing_but_time() {
    assert!(struck(&campaign("link-cut", 40, 2)) >= 1);
}

#[test]
fn database_whose_writes_fail_refuses_and_goes_on_when_they_work_again() {
    assert!(struck(&campaign("write-error", 40, 2)) >= 1);
}

#[test]
#[ignore = "needs strace: .ci/run long"]
fn database_whose_syncs_fail_refuses_and_goes_on_when_they_work_again() {
    assert!(struck(&campaign("sync-error", 40, 2)) >= 1);
}

#[test]
#[ignore = "needs the right to mount: .ci/run long"]
fn full_disk_of_a_database_or_the_broker_refuses_and_goes_on_when_there_is_room() {
    assert!(struck(&campaign("disk-full", 60, 3)) >= 2);
}

#[test]
#[ignore = "needs the right to mount: .ci/run long"]
fn full_disk_of_postgres_costs_nothing_but_time() {
    assert!(struck(&campaign("postgres-full", 20, 1)) >= 1);
}

#[test]
fn wall_clocks_that_jump_lose_and_double_nothing() {
    assert!(struck(&campaign("clock-jump", 60, 6)) >= 4);
}

#[test]
fn kinds_that_are_for_another_database_say_so() {
    let output = Command::new(env!("CARGO_BIN_EXE_nuan"))
        .args(["torture", "write-error", "--postgres", "postgres://nobody@127.0.0.1/none"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("write-error is for SQLite: no --postgres"));
}
