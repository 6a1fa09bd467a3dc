//! The benchmark's other ways of measuring, small: what it prints is measured, and wrong usage is told.

use serde_json::Value;
use std::process::{Command, Output};
use tools::postgres::Server;

fn bench(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nuan")).arg("bench").args(arguments).arg("--json").output().unwrap()
}

fn figures(arguments: &[&str]) -> Value {
    let measured = bench(arguments);
    assert!(measured.status.success(), "{}", String::from_utf8_lossy(&measured.stderr));
    serde_json::from_slice(&measured.stdout).unwrap()
}

#[test]
fn replicas_are_measured_and_want_a_server() {
    let arguments = ["--applications", "30", "--clients", "8", "--replicas", "2"];
    let alone = bench(&arguments);
    assert_eq!(alone.status.code(), Some(2), "{}", String::from_utf8_lossy(&alone.stderr));
    let server = Server::shared().unwrap();
    let figures = figures(&[&arguments[..], &["--postgres", &server.url("postgres")]].concat());
    // Two further processes of each service stand in the memory: a service takes more than 8 MiB.
    assert!(figures["rss_mib"].as_f64().unwrap() > 48.0, "{figures:#}");
}

#[test]
fn linked_brokers_are_measured_together() {
    let figures = figures(&["--applications", "20", "--clients", "4", "--linked", "--sync-always"]);
    assert_eq!(figures["declined"], 10, "the first ten of a hundred owe too much: {figures:#}");
    assert!(figures["cpu_us_per_saga_by_thread"]["broker"].as_f64().unwrap() > 0.0, "{figures:#}");
}

#[test]
fn guarantor_that_was_away_catches_up() {
    let figures = figures(&["--applications", "60", "--clients", "8", "--catch-up"]);
    assert!(figures["unreceipted_messages"].as_u64().unwrap() >= 60, "{figures:#}");
    assert!(figures["caught_up_s"].as_f64().unwrap() > 0.0, "{figures:#}");
    let both = bench(&["--catch-up", "--rate", "10"]);
    assert_eq!(both.status.code(), Some(2), "{}", String::from_utf8_lossy(&both.stderr));
}
