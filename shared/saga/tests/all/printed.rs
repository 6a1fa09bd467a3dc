//! What a definition says about itself.

use crate::all::toy::order;

#[test]
fn a_definition_prints_itself_as_a_diagram() {
    insta::assert_snapshot!("order_diagram", order().unwrap().mermaid());
}

#[test]
fn a_definition_describes_its_steps_and_expiries() {
    let definition = order().unwrap();
    let lines: Vec<String> = definition
        .steps()
        .into_iter()
        .map(|s| format!("{:<14} {:?} by {:?}, undo {:?}, after {:?}", s.name, s.class, s.kind, s.undo, s.after))
        .chain(definition.expiries().into_iter().map(|e| format!("{} from {} until {}", e.name, e.since, e.until)))
        .collect();
    insta::assert_snapshot!("order_steps", lines.join("\n"));
    assert!(definition.has_lock());
}
