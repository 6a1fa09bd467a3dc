//! The committed AsyncAPI document and the schemas are what the code says.

use contracts::{Kind, asyncapi};

#[test]
fn schemas_are_pinned() {
    let all: std::collections::BTreeMap<&str, schemars::Schema> =
        Kind::ALL.iter().map(|kind| (kind.name(), kind.schema())).collect();
    insta::assert_json_snapshot!("schemas", all);
}

#[test]
fn the_committed_asyncapi_document_is_the_generated_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/asyncapi.json");
    let generated = format!("{}\n", serde_json::to_string_pretty(&asyncapi::document()).unwrap());
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        std::fs::write(path, &generated).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(committed == generated, "asyncapi.json is stale: UPDATE_GENERATED=1 cargo test -p contracts");
}

#[test]
fn every_type_has_its_own_name() {
    let names: std::collections::BTreeSet<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    assert_eq!(names.len(), Kind::ALL.len());
}
