//! What the source below floor 3 must not mention: clocks, randomness, unordered iteration, floating point, IO, async.
//!
//! The manifests keep libraries out; this keeps out what the standard library offers. Tests inside the crates may use it.

use std::path::Path;

use crate::floors::pure_folders;
use crate::tree::{assert_none, read, root, rust_files};

/// What must not stand in the code, and why.
const FORBIDDEN: &[(&str, &str)] = &[
    ("::now", "a moment is given, not asked for"),
    ("SystemTime", "a moment is given, not asked for"),
    ("Instant", "a moment is given, not asked for"),
    ("HashMap", "iteration must be ordered: BTreeMap"),
    ("HashSet", "iteration must be ordered: BTreeSet"),
    ("RandomState", "randomness"),
    ("rand::", "randomness"),
    ("getrandom", "randomness"),
    ("f32", "money and rates are integers"),
    ("f64", "money and rates are integers"),
    ("async", "pure code waits for nothing"),
    ("std::env", "IO"),
    ("std::fs", "IO"),
    ("std::net", "IO"),
    ("std::process", "IO"),
    ("std::thread", "IO"),
    ("println", "IO"),
    ("eprintln", "IO"),
    ("thread_local", "state that is not passed in"),
    ("static mut", "state that is not passed in"),
];

/// The code of a Rust file: comments, strings and characters are blanked, lines stay where they are.
fn code_only(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(next) = rest.chars().next() {
        let before = code.chars().next_back();
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if let Some(length) = raw_string(rest).filter(|_| !before.is_some_and(is_word)) {
            length
        } else if next == '"' {
            quoted(rest, '"')
        } else if next == '\'' && is_character(rest) {
            quoted(rest, '\'')
        } else {
            code.push(next);
            rest = &rest[next.len_utf8()..];
            continue;
        };
        code.extend(rest[..skipped].chars().filter(|c| *c == '\n'));
        code.push(' ');
        rest = &rest[skipped..];
    }
    code
}

/// The length of a block comment, which may hold others.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                break;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    at
}

/// The length of a raw string that begins here (`r"…"`, `br#"…"#`), if one does.
fn raw_string(text: &str) -> Option<usize> {
    let body = ["br", "cr", "r"].into_iter().find_map(|prefix| text.strip_prefix(prefix))?;
    let hashes = body.len() - body.trim_start_matches('#').len();
    let inside = body[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = inside.find(&end).map_or(inside.len(), |at| at + end.len());
    Some(text.len() - inside.len() + length)
}

/// The length of a quoted text, with its quotes.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Whether a quote begins a character and not a lifetime.
fn is_character(text: &str) -> bool {
    let mut chars = text.chars().skip(1);
    match chars.next() {
        Some('\\') => true,
        Some(_) => chars.next() == Some('\''),
        None => false,
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The code without the items that exist for tests only.
fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut kept = String::new();
    let mut rest = code;
    while let Some(at) = rest.find(MARK) {
        kept.push_str(&rest[..at]);
        let item = &rest[at + MARK.len()..];
        // The item ends with the first `;` outside braces or with the brace that closes its first one.
        let mut depth = 0;
        let end = item.char_indices().find_map(|(at, c)| {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            (depth == 0 && (c == ';' || c == '}')).then_some(at + 1)
        });
        let end = end.unwrap_or(item.len());
        kept.extend(item[..end].chars().filter(|c| *c == '\n'));
        rest = &item[end..];
    }
    kept.push_str(rest);
    kept
}

/// What stands in the file that must not.
fn check_source(name: &str, source: &str) -> Vec<String> {
    let code = without_tests(&code_only(source));
    let mut findings = Vec::new();
    for (line, text) in (1..).zip(code.lines()) {
        for (word, why) in FORBIDDEN {
            let stands = text.match_indices(word).any(|(at, _)| {
                let before = text[..at].chars().next_back();
                let after = text[at + word.len()..].chars().next();
                // `1f64` is a float too: a digit before a word of letters does not hide it, unless it belongs to a name.
                let begins = !word.starts_with(is_word)
                    || !before.is_some_and(is_word)
                    || text[..at]
                        .rsplit(|c| !is_word(c))
                        .next()
                        .is_some_and(|head| head.starts_with(|c: char| c.is_ascii_digit()));
                begins && (!word.ends_with(is_word) || !after.is_some_and(is_word))
            });
            if stands {
                findings.push(format!("{name}:{line}: {word} ({why})"));
            }
        }
    }
    findings
}

/// Files that hold nothing but tests.
fn is_test_file(path: &Path, folder: &Path) -> bool {
    let inside = path.strip_prefix(folder).unwrap();
    inside.starts_with("tests")
        || inside.starts_with("src")
            && inside.components().any(|part| {
                let part = part.as_os_str();
                part == "tests" || part == "tests.rs"
            })
}

#[test]
fn pure_crates_mention_nothing_impure() {
    let mut findings = Vec::new();
    let mut looked_at = 0;
    for name in pure_folders() {
        let folder = root().join(name);
        for path in rust_files(&folder).iter().filter(|path| !is_test_file(path, &folder)) {
            looked_at += 1;
            let shown = path.strip_prefix(root()).unwrap().display().to_string();
            findings.extend(check_source(&shown, &read(path)));
        }
    }
    assert!(looked_at >= pure_folders().count(), "only {looked_at} files were found");
    assert_none(&findings);
}

#[test]
fn impure_code_is_found() {
    for (code, expected) in [
        ("let t = SystemTime::now();", &["::now", "SystemTime"][..]),
        ("let t = Instant::now();", &["::now", "Instant"]),
        ("let t = jiff::Timestamp::now();", &["::now"]),
        ("use std::collections::{BTreeMap, HashMap};", &["HashMap"]),
        ("let s: HashSet<u8> = x;", &["HashSet"]),
        ("fn f(x: f64) -> f32 {", &["f32", "f64"]),
        ("let x = 1f64;", &["f64"]),
        ("let x = 0.5_f64;", &["f64"]),
        ("let n: u8 = rand::random();", &["rand::"]),
        ("pub async fn f() {}", &["async"]),
        ("std::fs::read(path)", &["std::fs"]),
        ("println!(\"{x}\");", &["println"]),
        ("#[cfg(test)]\nmod tests;\nlet x: f64 = 1.0;", &["f64"]),
        ("#[cfg(test)]\nmod tests { fn f() { let x: f64 = 1.0; } }\nlet m: HashMap<u8, u8>;", &["HashMap"]),
        ("let c = '\"'; let x: f64 = 1.0; // \"", &["f64"]),
        ("fn f<'a>(x: &'a str, y: f64) {}", &["f64"]),
        ("/* a /* nested */ comment */ f64", &["f64"]),
        ("let s = r#\"a \" quote\"#; f64", &["f64"]),
    ] {
        let findings = check_source("x.rs", code);
        let words: Vec<&str> = findings.iter().map(|finding| finding.split(' ').nth(1).unwrap()).collect();
        assert_eq!(words, expected, "{code}");
    }
}

#[test]
fn finding_names_the_line_in_the_file() {
    let source = "//! f64\n\n#[cfg(test)]\nmod tests {\n    fn f() {}\n}\n/*\n*/ let s = \"\n\"; let x: f64;\n";
    assert_eq!(check_source("x.rs", source), ["x.rs:9: f64 (money and rates are integers)"]);
}

#[test]
fn pure_code_is_left_alone() {
    for code in [
        "//! No `now()`, no HashMap, no f64.",
        "/* SystemTime::now() */",
        "let text = \"HashMap f64 SystemTime::now()\";",
        "let text = r#\"f64 \"quoted\" HashMap\"#;",
        "let at = desk.now();",
        "let x = uf64 + f64x; let operand::Shape = y;",
        "let now = input.at; let instant_payment = Instantly;",
        "#[cfg(test)]\nmod tests {\n    use std::collections::HashMap;\n    fn f() { let x = '{'; }\n    const X: f64 = 1.0;\n}",
        "let c = '\\''; let d = '\"'; // f64",
    ] {
        assert_none(&check_source("x.rs", code));
    }
}
