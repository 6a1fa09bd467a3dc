//! The definition of origination builds, and the README shows it as it is.

use std::path::PathBuf;
use union_core::origination::{definition, green};

const BEGIN: &str = "<!-- saga:begin -->";
const END: &str = "<!-- saga:end -->";

#[test]
fn definition_builds() {
    assert!(definition().is_ok(), "{:?}", definition().err());
    assert!(green().is_ok(), "{:?}", green().err());
}

#[test]
fn readme_shows_the_definition() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once(BEGIN).unwrap();
    let (shown, after) = rest.split_once(END).unwrap();
    let drawn = format!("\n```mermaid\n{}\n```\n", definition().unwrap().mermaid().trim_end());
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{drawn}{END}{after}")).unwrap();
        return;
    }
    assert!(shown == drawn, "README.md is stale: UPDATE_GENERATED=1 cargo test -p union-core");
}
