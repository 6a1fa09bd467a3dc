//! A form read field by field, so that everything that is wrong with it is said at once.
//!
//! It refuses unknown fields and doubled keys, and never answers with a value that it could not read.

use crate::{FieldError, Problem, json};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};
use std::{borrow::Cow, collections::BTreeSet, fmt, ops::RangeInclusive};

/// Errors that are said of one body at most.
const MOST_ERRORS: usize = 100;

/// An object of a body while it is read: every field that was read or found wrong.
#[derive(Debug)]
pub struct Fields {
    /// Pointer of the object itself.
    at: String,
    object: Map<String, Value>,
    known: BTreeSet<String>,
    errors: Vec<FieldError>,
}

impl Fields {
    /// The object that these bytes are.
    ///
    /// # Errors
    /// 400 or 422: it is no JSON, no object, or an object has a key twice.
    pub fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        let Unique(value) = json::from_slice(bytes)?;
        let Value::Object(object) = value else {
            let detail = "正文应为一个 JSON 对象。".to_owned();
            return Err(Problem::invalid(vec![FieldError { pointer: String::new(), code: "OBJECT".into(), detail }]));
        };
        Ok(Self::of(String::new(), object))
    }

    fn of(at: String, object: Map<String, Value>) -> Self {
        Fields { at, object, known: BTreeSet::new(), errors: Vec::new() }
    }

    /// Notes that a field is wrong; the field counts as known. A field's first error stands.
    pub fn wrong(&mut self, name: &str, code: impl Into<Cow<'static, str>>, detail: impl Into<String>) {
        self.known.insert(name.to_owned());
        let pointer = format!("{}/{}", self.at, json::escape(name));
        if !self.errors.iter().any(|error| error.pointer == pointer) {
            self.push(FieldError { pointer, code: code.into(), detail: detail.into() });
        }
    }

    fn push(&mut self, error: FieldError) {
        // Nobody reads more, and a hostile body may hold any number.
        if self.errors.len() < MOST_ERRORS {
            self.errors.push(error);
        }
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        self.known.insert(name.to_owned());
        self.object.get(name).filter(|value| !value.is_null()).cloned()
    }

    /// Whether the field is there and not `null`. It counts as known.
    pub fn has(&mut self, name: &str) -> bool {
        self.take(name).is_some()
    }

    fn required(&mut self, name: &str) -> Option<Value> {
        let value = self.take(name);
        if value.is_none() {
            self.wrong(name, "REQUIRED", "必填。");
        }
        value
    }

    /// A required text, surrounding blanks removed, of so many characters, without control characters.
    pub fn text(&mut self, name: &str, length: RangeInclusive<usize>) -> Option<String> {
        let Value::String(text) = self.required(name)? else {
            self.wrong(name, "TEXT", "应为文本。");
            return None;
        };
        let text = text.trim();
        if !length.contains(&text.chars().count()) {
            self.wrong(name, "LENGTH", format!("应为 {} 至 {} 个字符。", length.start(), length.end()));
            return None;
        }
        if text.chars().any(char::is_control) {
            self.wrong(name, "CHARACTER", "不得含控制字符。");
            return None;
        }
        Some(text.to_owned())
    }

    /// A required text, or a whole number that stands for one, such as the version of a text.
    pub fn label(&mut self, name: &str, length: RangeInclusive<usize>) -> Option<String> {
        if let Some(number) = self.object.get(name).and_then(Value::as_u64) {
            self.object.insert(name.to_owned(), number.to_string().into());
        }
        self.text(name, length)
    }

    /// A required text that `read` reads; what it says of a text it cannot read is answered under `code`.
    pub fn read<T, E: fmt::Display>(
        &mut self,
        name: &str,
        code: &'static str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text(name, 1..=100)?;
        read(&text).map_err(|error| self.wrong(name, code, error.to_string())).ok()
    }

    /// As [`read`](Self::read), where the field may be absent or `null`: `Some(None)`.
    pub fn read_optional<T, E: fmt::Display>(
        &mut self,
        name: &str,
        code: &'static str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<Option<T>> {
        if self.has(name) { self.read(name, code, read).map(Some) } else { Some(None) }
    }

    /// A required text out of a closed list.
    pub fn choice(&mut self, name: &str, choices: &[&'static str]) -> Option<&'static str> {
        let text = self.text(name, 1..=100)?;
        let choice = choices.iter().find(|choice| **choice == text).copied();
        if choice.is_none() {
            self.wrong(name, "CHOICE", format!("应为下列之一：{}。", choices.join("、")));
        }
        choice
    }

    /// A required list of texts out of a closed list, each at most once, at least one.
    pub fn choices(&mut self, name: &str, choices: &[&'static str]) -> Option<Vec<&'static str>> {
        let list = self.required(name)?;
        let find = |value: &Value| choices.iter().find(|choice| value.as_str() == Some(choice)).copied();
        let read: Option<BTreeSet<&'static str>> =
            list.as_array().filter(|list| !list.is_empty()).and_then(|list| list.iter().map(find).collect());
        if read.is_none() {
            self.wrong(name, "CHOICE", format!("应为由下列各项组成的非空列表：{}。", choices.join("、")));
        }
        read.map(|read| read.into_iter().collect())
    }

    /// A required whole number; `1.0` and `1e3` are none.
    pub fn integer<T: TryFrom<i64>>(&mut self, name: &str, range: RangeInclusive<i64>) -> Option<T> {
        let value = self.required(name)?;
        let number = value.as_i64().filter(|number| range.contains(number)).and_then(|number| T::try_from(number).ok());
        if number.is_none() {
            self.wrong(name, "INTEGER", format!("应为 {} 至 {} 的整数。", range.start(), range.end()));
        }
        number
    }

    /// A required object, read by `read`.
    pub fn object<T>(&mut self, name: &str, read: impl FnOnce(&mut Fields) -> Option<T>) -> Option<T> {
        let Value::Object(object) = self.required(name)? else {
            self.wrong(name, "OBJECT", "应为 JSON 对象。");
            return None;
        };
        self.inner(format!("{}/{}", self.at, json::escape(name)), object, read)
    }

    fn inner<T>(
        &mut self,
        at: String,
        object: Map<String, Value>,
        read: impl FnOnce(&mut Fields) -> Option<T>,
    ) -> Option<T> {
        let mut fields = Fields::of(at, object);
        let read = read(&mut fields);
        fields.refuse_unknown();
        let is_whole = fields.errors.is_empty();
        fields.errors.into_iter().for_each(|error| self.push(error));
        read.filter(|_| is_whole)
    }

    /// A required list of objects, each read by `read`. The list counts as read only if every object was.
    pub fn objects<T>(
        &mut self,
        name: &str,
        count: RangeInclusive<usize>,
        read: impl Fn(&mut Fields) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Value::Array(list) = self.required(name)? else {
            self.wrong(name, "LIST", "应为列表。");
            return None;
        };
        if !count.contains(&list.len()) {
            self.wrong(name, "COUNT", format!("应有 {} 至 {} 项。", count.start(), count.end()));
            return None;
        }
        let mut all = Some(Vec::with_capacity(list.len()));
        for (index, value) in list.into_iter().enumerate() {
            let at = format!("{}/{}/{index}", self.at, json::escape(name));
            let Value::Object(object) = value else {
                let detail = "应为 JSON 对象。".to_owned();
                self.push(FieldError { pointer: at, code: "OBJECT".into(), detail });
                all = None;
                continue;
            };
            match (self.inner(at, object, &read), &mut all) {
                (Some(read), Some(all)) => all.push(read),
                _ => all = None,
            }
        }
        all
    }

    fn refuse_unknown(&mut self) {
        let unknown: Vec<String> = self.object.keys().filter(|name| !self.known.contains(*name)).cloned().collect();
        for name in unknown {
            self.wrong(&name, "UNKNOWN_FIELD", "没有这个字段。");
        }
    }

    /// Every field that was asked for so far, so that a document can be held against what is read.
    pub fn known(&self) -> impl Iterator<Item = &str> {
        self.known.iter().map(String::as_str)
    }

    /// What was read, if nothing was wrong.
    ///
    /// # Errors
    /// 422 with every error (the first hundred), in the order of reading, unknown fields last.
    pub fn finish<T>(mut self, read: Option<T>) -> Result<T, Problem> {
        self.refuse_unknown();
        match read {
            Some(read) if self.errors.is_empty() => Ok(read),
            _ => Err(Problem::invalid(self.errors)),
        }
    }
}

/// Any JSON value whose objects have each key once.
struct Unique(Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueVisitor).map(Unique)
    }
}

struct UniqueVisitor;

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Unique(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if object.contains_key(&key) {
                return Err(A::Error::custom(format!("duplicate field `{key}`")));
            }
            let Unique(value) = entries.next_value()?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Read {
        name: String,
        months: u16,
        kind: &'static str,
        day: Option<u8>,
        parts: Vec<i64>,
    }

    fn read(body: &str) -> Result<Read, Problem> {
        let mut fields = Fields::parse(body.as_bytes())?;
        let name = fields.text("name", 2..=4);
        let months = fields.integer("months", 1..=48);
        let kind = fields.choice("kind", &["A", "B"]);
        let day = fields.read_optional("day", "DAY", str::parse::<u8>);
        let parts = fields.objects("parts", 0..=2, |part| part.integer("fen", 1..=9));
        let read = (|| Some(Read { name: name?, months: months?, kind: kind?, day: day?, parts: parts? }))();
        fields.finish(read)
    }

    /// Pointers and codes of all errors.
    fn check(body: &str, expected: &[(&str, &str)]) {
        let problem = read(body).unwrap_err();
        assert_eq!(problem.status(), 422, "{body}");
        let found: Vec<_> =
            problem.errors().iter().map(|error| (error.pointer.as_str(), error.code.as_ref())).collect();
        assert_eq!(found, expected, "{body}");
    }

    #[test]
    fn a_form_without_fault_is_read() {
        let body = r#"{"name": " 样例 ", "months": 12, "kind": "B", "day": null, "parts": [{"fen": 3}]}"#;
        let expected = Read { name: "样例".into(), months: 12, kind: "B", day: None, parts: vec![3] };
        assert_eq!(read(body).unwrap(), expected);
    }

    #[test]
    fn a_label_may_be_written_as_a_whole_number() {
        let read = |body: &str| {
            let mut fields = Fields::parse(body.as_bytes())?;
            let label = fields.label("v", 1..=3);
            fields.finish(label)
        };
        assert_eq!(read(r#"{"v": 1}"#).unwrap(), "1");
        assert_eq!(read(r#"{"v": "1a"}"#).unwrap(), "1a");
        for body in [r#"{"v": 1.5}"#, r#"{"v": -1}"#, r#"{"v": 1000}"#, r#"{"v": true}"#, "{}"] {
            assert_eq!(read(body).unwrap_err().status(), 422, "{body}");
        }
    }

    #[test]
    fn a_hundred_errors_are_enough() {
        let parts = vec![r#"{"x": 1}"#; 200].join(",");
        let mut fields = Fields::parse(format!(r#"{{"parts": [{parts}]}}"#).as_bytes()).unwrap();
        let parts = fields.objects("parts", 0..=1000, |_| Some(()));
        assert_eq!(fields.finish(parts).unwrap_err().errors().len(), 100);
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        check(
            r#"{"name": "x", "months": 1e1, "kind": "C", "day": "x", "parts": [{"fen": 0, "x": 1}, 7], "a/b": 1}"#,
            &[
                ("/name", "LENGTH"),
                ("/months", "INTEGER"),
                ("/kind", "CHOICE"),
                ("/day", "DAY"),
                ("/parts/0/fen", "INTEGER"),
                ("/parts/0/x", "UNKNOWN_FIELD"),
                ("/parts/1", "OBJECT"),
                ("/a~1b", "UNKNOWN_FIELD"),
            ],
        );
        check("{}", &[("/name", "REQUIRED"), ("/months", "REQUIRED"), ("/kind", "REQUIRED"), ("/parts", "REQUIRED")]);
        check(
            r#"{"name": "a\u0000b", "months": 49, "kind": 1, "day": "2", "parts": [{}, {}, {}]}"#,
            &[("/name", "CHARACTER"), ("/months", "INTEGER"), ("/kind", "TEXT"), ("/parts", "COUNT")],
        );
        check("[]", &[("", "OBJECT")]);
        check("7", &[("", "OBJECT")]);
    }

    #[test]
    fn a_list_of_choices_is_a_set_and_not_empty() {
        let read = |body: &str| {
            let mut fields = Fields::parse(body.as_bytes())?;
            let roles = fields.choices("roles", &["a", "b"]);
            fields.finish(roles)
        };
        assert_eq!(read(r#"{"roles": ["b", "a", "b"]}"#).unwrap(), ["a", "b"]);
        for body in [r#"{"roles": []}"#, r#"{"roles": ["c"]}"#, r#"{"roles": "a"}"#, r#"{"roles": ["a", 1]}"#] {
            assert_eq!(read(body).unwrap_err().errors()[0].code, "CHOICE", "{body}");
        }
    }

    #[test]
    fn a_key_given_twice_is_refused_at_any_depth() {
        for body in [r#"{"name": "ab", "name": "cd"}"#, r#"{"parts": [{"fen": 1, "fen": 2}]}"#] {
            let problem = read(body).unwrap_err();
            assert!(problem.detail().contains("duplicate field"), "{problem:?}");
        }
    }
}
