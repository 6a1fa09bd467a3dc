//! The reader's language: Chinese, or English for whoever asks for it.
//!
//! What the desk says is written in Chinese, where it is said: a template marks it (`{{ "退出"|t }}`, `{{ field.label|t }}`),
//! code passes it through [`t`] or, a sentence with gaps, through [`fill`]. `english.tsv` has the English of each, and a test
//! fails naming those without. A phrase that is not in it stays Chinese: nothing is hidden by a gap in that table.
//!
//! Not translated: what people typed; and sentences of the HTTP interface (why it refuses, what happened, notices), which
//! are Chinese for programs too. Their titles, states and names are: an English reader sees what kind of refusal or event it
//! is, and the sentence beside it, marked as Chinese.
//!
//! The language is ambient within a request, like a trace: every page needs it, and no decision depends on it.

use crate::{
    Shared,
    api::{Refusal, encoded},
    page::Trouble,
    session::{cookie, onward, set_cookie},
};
use axum::{
    extract::{Path, Query, Request, State as Extract},
    http::{HeaderMap, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;
use std::{collections::BTreeMap, sync::LazyLock, time::Duration};

/// The cookie, one for the desks of all organisations.
const COOKIE: &str = "lang";
const KEPT: Duration = Duration::from_secs(365 * 24 * 3600);
const CHINESE: &str = "zh-CN";
const ENGLISH: &str = "en";

/// Chinese and English of each phrase, a line each.
const TABLE: &str = include_str!("english.tsv");
static PHRASES: LazyLock<BTreeMap<&str, &str>> =
    LazyLock::new(|| TABLE.lines().filter_map(|line| line.split_once('\t')).collect());

/// Who reads the answer to this request, and where they stand.
#[derive(Clone, Debug)]
struct Reader {
    english: bool,
    /// The page that is shown, or from which the form came.
    address: String,
}

tokio::task_local! {
    static READER: Reader;
}

/// Whether the reader wants English. Outside of a request nobody does.
pub(crate) fn is_english() -> bool {
    READER.try_with(|reader| reader.english).unwrap_or(false)
}

/// This phrase in the reader's language.
pub(crate) fn t(chinese: &str) -> &str {
    if is_english() { PHRASES.get(chinese).copied().unwrap_or(chinese) } else { chinese }
}

/// A sentence in the reader's language, with these parts in its gaps `{}`, in their order.
pub(crate) fn fill(sentence: &str, parts: &[&str]) -> String {
    let mut parts = parts.iter();
    let mut filled = String::new();
    for (at, piece) in t(sentence).split("{}").enumerate() {
        if at > 0 {
            filled.push_str(parts.next().copied().unwrap_or_default());
        }
        filled.push_str(piece);
    }
    filled
}

/// The page's language.
pub(crate) fn tag() -> &'static str {
    if is_english() { ENGLISH } else { CHINESE }
}

/// The other language, and its name in itself.
pub(crate) fn other() -> (&'static str, &'static str) {
    if is_english() { (CHINESE, "中文") } else { (ENGLISH, "English") }
}

/// Where the reader stands, as part of an address.
pub(crate) fn address() -> String {
    READER.try_with(|reader| encoded(&reader.address)).unwrap_or_default()
}

/// Templates say `|t`.
pub(crate) mod filters {
    #[askama::filter_fn]
    pub(crate) fn t(chinese: impl std::fmt::Display, _: &dyn askama::Values) -> askama::Result<String> {
        Ok(super::t(&chinese.to_string()).to_owned())
    }
}

/// Answers the request in the reader's language.
pub(crate) async fn for_reader(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let english = cookie(headers, COOKIE) == Some(ENGLISH);
    let own = request.uri().path_and_query().map_or("/", |address| address.as_str());
    let address = if request.method() == Method::GET { own.to_owned() } else { came_from(headers) };
    READER.scope(Reader { english, address }, next.run(request)).await
}

/// The page whose form was sent: the answer to a form has no address that one can go back to.
fn came_from(headers: &HeaderMap) -> String {
    let referer = headers.get(header::REFERER).and_then(|referer| referer.to_str().ok()).unwrap_or_default();
    let after_host = referer.split_once("://").and_then(|(_, rest)| rest.find('/').and_then(|at| rest.get(at..)));
    after_host.unwrap_or("/").to_owned()
}

#[derive(Deserialize)]
pub(crate) struct To {
    #[serde(default)]
    next: String,
}

/// Chooses a language and goes back to the page.
pub(crate) async fn choose(
    Extract(_): Shared,
    headers: HeaderMap,
    Path(language): Path<String>,
    Query(To { next }): Query<To>,
) -> Result<Response, Trouble> {
    let Some(language) = [CHINESE, ENGLISH].into_iter().find(|known| *known == language) else {
        return Err(Refusal::new(StatusCode::NOT_FOUND, "没有找到", "没有这种语言。").into());
    };
    let mut response = Redirect::to(onward(&next)).into_response();
    response
        .headers_mut()
        .extend(set_cookie(COOKIE, language, KEPT, &headers).map(|cookie| (header::SET_COOKIE, cookie)));
    Ok(response)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use std::{collections::BTreeSet, fs, path::Path as File};

    fn in_english<T>(work: impl FnOnce() -> T) -> T {
        READER.sync_scope(Reader { english: true, address: "/tasks?role=a&b".into() }, work)
    }

    fn is_han(letter: char) -> bool {
        ('\u{4e00}'..='\u{9fff}').contains(&letter)
    }

    fn is_chinese(text: &str) -> bool {
        text.contains(|letter| {
            is_han(letter) || ('\u{3000}'..='\u{303f}').contains(&letter) || ('\u{ff00}'..='\u{ffef}').contains(&letter)
        })
    }

    /// The string literals of Rust source above its tests, comments aside.
    fn literals(source: &str) -> Vec<String> {
        let source = source.split("#[cfg(test)]").next().unwrap();
        let lines: Vec<&str> = source.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        let text = lines.join("\n").replace("'\"'", "").replace("\\\"", "");
        text.split('"').skip(1).step_by(2).map(str::to_owned).collect()
    }

    /// A template without what it marks for translation, and what it marks.
    fn marked(template: &str) -> (String, Vec<String>) {
        let (mut rest, mut found) = (String::new(), Vec::new());
        for piece in template.split("{{ ") {
            match piece.split_once("|t }}") {
                Some((marked, after)) if !marked.contains("}}") => {
                    found.extend(marked.strip_prefix('"').and_then(|text| text.strip_suffix('"')).map(str::to_owned));
                    rest.push_str(after);
                }
                _ => rest.push_str(piece),
            }
        }
        (rest, found)
    }

    fn files(folder: &File, ending: &str) -> Vec<(String, String)> {
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let named = files.filter(|path| path.to_str().unwrap().ends_with(ending));
        named.map(|path| (path.display().to_string(), fs::read_to_string(&path).unwrap())).collect()
    }

    #[test]
    fn every_chinese_phrase_of_the_desk_has_its_english() {
        let own = File::new(env!("CARGO_MANIFEST_DIR"));
        let mut said: BTreeSet<String> = BTreeSet::new();
        for (name, template) in files(&own.join("templates"), ".html") {
            let (rest, found) = marked(&template);
            let unmarked: Vec<&str> = rest.lines().filter(|line| is_chinese(line)).collect();
            assert!(unmarked.is_empty(), "{name}: Chinese that is not marked with |t: {unmarked:#?}");
            said.extend(found);
        }
        let mut sources = files(&own.join("src"), ".rs");
        sources.retain(|(name, _)| !name.ends_with("lang.rs"));
        for service in ["union", "guarantor", "bank"] {
            sources.extend(files(&own.join("../../services").join(service).join("src"), "desk.rs"));
        }
        assert!(sources.len() > 12, "the desk's own files and one of each service");
        said.extend(sources.iter().flat_map(|(_, source)| literals(source)));
        // What the interface names: titles of refusals, tasks, papers.
        let others = ["web/src/problem.rs", "contracts/src/papers.rs"].map(|file| format!("../{file}"));
        for file in others {
            let source = fs::read_to_string(own.join(file)).unwrap();
            said.extend(literals(&source).into_iter().filter(|text| !text.contains(['。', '{', '/', '：'])));
        }
        let missing: Vec<&String> =
            said.iter().filter(|text| text.contains(is_han) && !PHRASES.contains_key(text.as_str())).collect();
        assert!(missing.is_empty(), "no English in english.tsv for {missing:#?}");
    }

    #[test]
    fn each_line_of_the_table_is_one_phrase_with_as_many_gaps_in_english_and_no_chinese_left() {
        let lines: Vec<&str> = TABLE.lines().collect();
        assert_eq!(PHRASES.len(), lines.len(), "a phrase stands once, on a line with one tab");
        for line in lines {
            let (chinese, english) = line.split_once('\t').unwrap();
            assert!(is_chinese(chinese) && !is_chinese(english) && !english.trim().is_empty(), "{line}");
            assert_eq!(chinese.matches("{}").count(), english.matches("{}").count(), "{line}");
        }
    }

    #[test]
    fn who_asks_for_english_reads_it_and_what_has_none_stays() {
        assert_eq!((t("退出"), tag(), other()), ("退出", "zh-CN", ("en", "English")));
        in_english(|| {
            assert_eq!((t("退出"), tag(), other()), ("Sign out", "en", ("zh-CN", "中文")));
            assert_eq!(t("机器设备一台"), "机器设备一台");
            assert_eq!(fill("{} 元", &["1.00"]), "1.00 yuan");
            assert_eq!(address(), "%2Ftasks%3Frole%3Da%26b");
        });
        assert_eq!(fill("{} 元", &["1.00"]), "1.00 元");
    }

    #[test]
    fn the_answer_to_a_form_leads_back_to_the_page_it_came_from() {
        let check = |referer: &'static str, page: &str| {
            let headers = HeaderMap::from_iter([(header::REFERER, referer.parse().unwrap())]);
            assert_eq!(came_from(&headers), page, "{referer}");
        };
        check("http://127.0.0.1:8080/tasks/A/b?c=d", "/tasks/A/b?c=d");
        check("http://127.0.0.1:8080", "/");
        check("nonsense", "/");
        assert_eq!(came_from(&HeaderMap::new()), "/");
    }

    #[test]
    fn the_checks_find_what_they_are_to_find() {
        assert_eq!(literals("a(\"甲\"); // \"乙\"\n// \"丙\"\nb(\"丁\")\n#[cfg(test)]\n\"戊\""), ["甲", "乙", "丁"]);
        assert_eq!(marked("<p>{{ \"甲\"|t }}乙{{ x|t }}{{ y }}</p>"), ("<p>乙y }}</p>".into(), vec!["甲".into()]));
    }
}
