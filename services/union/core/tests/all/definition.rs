//! The definition of origination builds, and the README shows it as it is.

use std::path::PathBuf;
use union_core::{
    origination::{definition, green},
    relief, subsidy,
};

#[test]
fn definition_builds() {
    assert!(definition().is_ok(), "{:?}", definition().err());
    assert!(green().is_ok(), "{:?}", green().err());
    assert!(subsidy::saga::definition().is_ok(), "{:?}", subsidy::saga::definition().err());
    assert!(subsidy::saga::again().is_ok(), "{:?}", subsidy::saga::again().err());
    assert!(relief::saga::definition().is_ok(), "{:?}", relief::saga::definition().err());
}

#[test]
fn readme_shows_the_definitions() {
    shows("saga", &definition().unwrap().mermaid());
    shows("relief", &relief::saga::definition().unwrap().mermaid());
    shows("subsidy", &subsidy::saga::definition().unwrap().mermaid());
}

fn shows(name: &str, drawing: &str) {
    let (begin, end) = (format!("<!-- {name}:begin -->"), format!("<!-- {name}:end -->"));
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once(&begin).unwrap();
    let (shown, after) = rest.split_once(&end).unwrap();
    let drawn = format!("\n```mermaid\n{}\n```\n", drawing.trim_end());
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        std::fs::write(&path, format!("{before}{begin}{drawn}{end}{after}")).unwrap();
        return;
    }
    assert!(shown == drawn, "README.md is stale: UPDATE_GENERATED=1 cargo test -p union-core");
}
