//! What lies where: the top level, no file too long to read, no forest of `mod.rs`, architecture in one README only.

use std::fs;
use std::path::Path;

use crate::tree::{all_files, assert_none, read, root, rust_files};

/// The top level besides dot-named files (DESIGN, "The house").
const TOP_LEVEL: &[&str] =
    &["Cargo.lock", "Cargo.toml", "README.md", "deploy", "k8s", "rust-toolchain.toml", "services", "shared", "tests"];
/// More than a reader can hold.
const LONGEST_FILE: usize = 900;

/// What stands at the top level and must not. Build output is not in the repository.
fn strangers_at_the_top(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    let mut strangers: Vec<String> = names
        .filter(|name| !name.starts_with('.') && name != "target" && !TOP_LEVEL.contains(&name.as_str()))
        .collect();
    strangers.sort();
    strangers.into_iter().map(|name| format!("{name}: not at the top level")).collect()
}

/// What is wrong with a Rust file of that name and text.
fn check_file(name: &str, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    let lines = text.lines().count();
    if lines > LONGEST_FILE {
        findings.push(format!("{name}: {lines} lines, more than {LONGEST_FILE}"));
    }
    if Path::new(name).file_name().is_some_and(|name| name == "mod.rs") {
        findings.push(format!("{name}: `x.rs` beside `x/`, not `x/mod.rs`"));
    }
    if !text.starts_with("//! ") {
        findings.push(format!("{name}: does not open with what it is for (`//! …`)"));
    }
    findings
}

#[test]
fn top_level_is_as_designed() {
    assert_none(&strangers_at_the_top(&root()));
    for name in ["Cargo.lock", "Cargo.toml", "deploy", "rust-toolchain.toml", "services", "shared", "tests"] {
        assert!(root().join(name).exists(), "{name} is missing");
    }
}

#[test]
fn every_source_file_is_readable() {
    let files: Vec<_> =
        ["deploy", "services", "shared", "tests"].map(|folder| rust_files(&root().join(folder))).concat();
    assert!(files.iter().any(|path| path.ends_with("tests/house/layout.rs")), "this very file was not found");
    let findings: Vec<String> = files
        .iter()
        .flat_map(|path| check_file(&path.strip_prefix(root()).unwrap().display().to_string(), &read(path)))
        .collect();
    assert_none(&findings);
}

#[test]
fn architecture_is_in_one_readme() {
    let folders = ["deploy", "services", "shared", "tests"];
    let readmes: Vec<String> = folders
        .iter()
        .flat_map(|folder| all_files(&root().join(folder)))
        .filter(|path| path.file_name().is_some_and(|name| name.eq_ignore_ascii_case("readme.md")))
        .map(|path| format!("{}: belongs into the README at the top", path.display()))
        .collect();
    assert_none(&readmes);
}

#[test]
fn what_is_out_of_place_is_found() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["Cargo.toml", ".gitignore", "notes.md", "scripts"] {
        fs::write(folder.path().join(name), "").unwrap();
    }
    fs::create_dir(folder.path().join("target")).unwrap();
    assert_eq!(
        strangers_at_the_top(folder.path()),
        ["notes.md: not at the top level", "scripts: not at the top level"]
    );
}

#[test]
fn unreadable_file_is_found() {
    let opening = "//! What it is for.\n";
    assert_none(&check_file("a.rs", &format!("{opening}{}", "x\n".repeat(LONGEST_FILE - 1))));
    for (name, text, expected) in [
        ("a.rs", format!("{opening}{}", "x\n".repeat(LONGEST_FILE)), "901 lines"),
        ("store/mod.rs", opening.to_owned(), "beside"),
        ("a.rs", "fn main() {}\n".to_owned(), "does not open"),
    ] {
        let findings = check_file(name, &text);
        assert!(findings.len() == 1 && findings[0].contains(expected), "{findings:?}");
    }
}
