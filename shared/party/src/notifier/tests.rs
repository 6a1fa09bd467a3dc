//! Where notices go is read from the configuration, and what is none is refused without showing what it holds.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

#[test]
fn places_for_notices_are_read_and_others_are_refused_without_their_secrets() {
    assert_eq!(Notifier::parse("console"), Ok(Notifier::Console));
    assert_eq!(Notifier::parse("file:/tmp/n.jsonl"), Ok(Notifier::File("/tmp/n.jsonl".into())));
    let adapter = Notifier::parse("http://key:secret@127.0.0.1:9/notices").unwrap();
    assert!(!format!("{adapter:?}").contains("secret"));
    for wrong in ["", "file:", "sms", "ftp://key:secret@host"] {
        let error = Notifier::parse(wrong).unwrap_err().to_string();
        assert!(error.contains("`console`") && !error.contains("secret"), "{error}");
    }
}
