//! An OpenAPI 3.1 document out of a table of operations, so that the document and what is enforced have one source.
//!
//! It describes; it routes and enforces nothing.

use crate::problem::Wire;
use std::collections::BTreeMap;
use utoipa::{
    ToSchema,
    openapi::{
        ComponentsBuilder, ContentBuilder, HeaderBuilder, HttpMethod, InfoBuilder, ObjectBuilder, OneOfBuilder,
        OpenApi, OpenApiBuilder, PathItem, PathsBuilder, Ref, RefOr, Required, ResponseBuilder, Schema,
        SecurityRequirement, Type,
        path::{OperationBuilder, ParameterBuilder, ParameterIn},
        request_body::RequestBodyBuilder,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

/// One operation, as the document describes it.
#[derive(Clone)]
pub struct Operation {
    /// Method in lower case.
    pub method: &'static str,
    /// Path with its parameters in braces.
    pub path: &'static str,
    /// What it does, in Chinese.
    pub summary: &'static str,
    /// Who may, in Chinese.
    pub description: String,
    /// Whether it takes a bearer token.
    pub authenticated: bool,
    /// Path parameters, query parameters, headers.
    pub parameters: Vec<Parameter>,
    /// Bodies that it takes, by media type.
    pub bodies: Vec<(&'static str, Described)>,
    /// Status, description and body of success.
    pub success: (u16, &'static str, Option<Described>),
    /// Whether success says by an `ETag` which version it shows.
    pub versioned: bool,
    /// Problems that it may answer with.
    pub problems: Vec<u16>,
}

/// A parameter of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Where it stands.
    pub place: Place,
    /// Whether it has to be given.
    pub required: bool,
    /// What it is, in Chinese.
    pub description: &'static str,
    /// Its type.
    pub kind: Kind,
}

/// Type of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
}

/// Where a parameter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the path.
    Path,
    /// In the query.
    Query,
    /// In a header.
    Header,
}

impl Parameter {
    /// A text in the path.
    pub const fn path(name: &'static str, description: &'static str) -> Self {
        Parameter { name, place: Place::Path, required: true, description, kind: Kind::Text }
    }

    /// An optional parameter of the query.
    pub const fn query(name: &'static str, kind: Kind, description: &'static str) -> Self {
        Parameter { name, place: Place::Query, required: false, description, kind }
    }

    /// A header.
    pub const fn header(name: &'static str, required: bool, description: &'static str) -> Self {
        Parameter { name, place: Place::Header, required, description, kind: Kind::Text }
    }
}

/// A schema with its name and the schemas that it refers to.
#[derive(Clone)]
pub struct Described {
    name: String,
    schema: RefOr<Schema>,
    more: Vec<(String, RefOr<Schema>)>,
}

/// The schema of a type.
pub fn described<T: ToSchema>() -> Described {
    let mut more = Vec::new();
    T::schemas(&mut more);
    Described { name: T::name().into_owned(), schema: T::schema(), more }
}

/// A schema under a name of one's own.
pub fn named(name: &str, schema: impl Into<RefOr<Schema>>) -> Described {
    Described { name: name.to_owned(), schema: schema.into(), more: Vec::new() }
}

/// The schema of a body that is one of these.
pub fn one_of(name: &str, choices: impl IntoIterator<Item = Described>) -> Described {
    let mut schema = OneOfBuilder::new();
    let mut more = Vec::new();
    for choice in choices {
        schema = schema.item(choice.reference());
        more.push((choice.name, choice.schema));
        more.extend(choice.more);
    }
    Described { name: name.to_owned(), schema: Schema::OneOf(schema.build()).into(), more }
}

impl Described {
    /// The same, with the schemas of a type that it refers to.
    #[must_use]
    pub fn with(mut self, other: Described) -> Self {
        self.more.push((other.name, other.schema));
        self.more.extend(other.more);
        self
    }

    /// A reference to it.
    pub fn reference(&self) -> RefOr<Schema> {
        Ref::from_schema_name(&self.name).into()
    }

    /// The names of its properties, if it is an object.
    pub fn properties(&self) -> Vec<String> {
        match &self.schema {
            RefOr::T(Schema::Object(object)) => object.properties.keys().cloned().collect(),
            _ => Vec::new(),
        }
    }
}

/// The document of an interface.
pub fn document(title: &str, version: &str, description: &str, operations: &[Operation]) -> OpenApi {
    let mut schemas: BTreeMap<String, RefOr<Schema>> = BTreeMap::new();
    let mut add = |described: &Described| {
        schemas.insert(described.name.clone(), described.schema.clone());
        schemas.extend(described.more.iter().cloned());
    };
    add(&described::<Wire<'static>>());
    let mut paths: BTreeMap<&str, PathItem> = BTreeMap::new();
    for operation in operations {
        operation.bodies.iter().map(|(_, body)| body).chain(operation.success.2.as_ref()).for_each(&mut add);
        let item = PathItem::new(method(operation.method), describe(operation));
        match paths.get_mut(operation.path) {
            Some(known) => known.merge_operations(item),
            None => {
                paths.insert(operation.path, item);
            }
        }
    }
    let paths = paths.into_iter().fold(PathsBuilder::new(), |paths, (path, item)| paths.path(path, item));
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("访问令牌")).build();
    let components = ComponentsBuilder::new()
        .schemas_from_iter(schemas)
        .security_scheme("bearer", SecurityScheme::Http(bearer))
        .response("Problem", problem_response())
        .build();
    OpenApiBuilder::new()
        .info(InfoBuilder::new().title(title).version(version).description(Some(description)).build())
        .paths(paths)
        .components(Some(components))
        .build()
}

fn method(name: &str) -> HttpMethod {
    match name {
        "post" => HttpMethod::Post,
        "put" => HttpMethod::Put,
        "delete" => HttpMethod::Delete,
        _ => HttpMethod::Get,
    }
}

fn problem_response() -> utoipa::openapi::Response {
    let problem = described::<Wire<'static>>().reference();
    ResponseBuilder::new()
        .description("RFC 9457 问题详情")
        .content("application/problem+json", ContentBuilder::new().schema(Some(problem)).build())
        .build()
}

fn describe(operation: &Operation) -> utoipa::openapi::path::Operation {
    let mut builder = OperationBuilder::new()
        .operation_id(Some(operation_id(operation)))
        .summary(Some(operation.summary))
        .description(Some(operation.description.clone()));
    for parameter in &operation.parameters {
        let kind = match parameter.kind {
            Kind::Text => Type::String,
            Kind::Integer => Type::Integer,
            Kind::Boolean => Type::Boolean,
        };
        let place = match parameter.place {
            Place::Path => ParameterIn::Path,
            Place::Query => ParameterIn::Query,
            Place::Header => ParameterIn::Header,
        };
        builder = builder.parameter(
            ParameterBuilder::new()
                .name(parameter.name)
                .parameter_in(place)
                .required(if parameter.required { Required::True } else { Required::False })
                .description(Some(parameter.description))
                .schema(Some(ObjectBuilder::new().schema_type(kind))),
        );
    }
    if !operation.bodies.is_empty() {
        let body = operation.bodies.iter().fold(RequestBodyBuilder::new(), |body, (media_type, described)| {
            body.content(*media_type, ContentBuilder::new().schema(Some(described.reference())).build())
        });
        builder = builder.request_body(Some(body.required(Some(Required::True)).build()));
    }
    let (status, description, body) = &operation.success;
    let mut success = ResponseBuilder::new().description(*description);
    if let Some(body) = body {
        success = success.content("application/json", ContentBuilder::new().schema(Some(body.reference())).build());
    }
    if operation.versioned {
        let text = ObjectBuilder::new().schema_type(Type::String);
        let tag =
            HeaderBuilder::new().schema(Some(text)).description(Some("所示版本，作决定时以 If-Match 带上")).build();
        success = success.header("ETag", tag);
    }
    builder = builder.response(status.to_string(), success.build());
    for status in &operation.problems {
        builder = builder.response(status.to_string(), RefOr::Ref(Ref::from_response_name("Problem")));
    }
    if operation.authenticated {
        builder = builder.security(SecurityRequirement::new::<_, [&str; 0], &str>("bearer", []));
    }
    builder.build()
}

/// `post /api/v1/tasks/{task_id}/decision` → `post_tasks_task_id_decision`.
fn operation_id(operation: &Operation) -> String {
    let path = operation.path.trim_start_matches("/api/v1").trim_matches('/');
    let words: String = path.chars().filter(|c| !matches!(c, '{' | '}')).collect();
    format!("{}_{}", operation.method, words.replace(['/', '.', '-'], "_"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[derive(ToSchema)]
    #[allow(dead_code, reason = "only its schema is used")]
    struct Inner {
        amount_fen: i64,
    }

    #[derive(ToSchema)]
    #[allow(dead_code, reason = "only its schema is used")]
    struct Outer {
        inner: Inner,
    }

    #[test]
    fn every_reference_of_a_document_leads_somewhere() {
        let operation = |method| Operation {
            method,
            path: "/api/v1/things/{id}",
            summary: "做一件事",
            description: "谁都可以".into(),
            authenticated: true,
            parameters: vec![Parameter::path("id", "编号")],
            bodies: vec![("application/json", described::<Outer>())],
            success: (200, "好", None),
            versioned: method == "post",
            problems: vec![401, 422],
        };
        let document = document("t", "1", "d", &[operation("get"), operation("post")]);
        let text = serde_json::to_value(&document).unwrap();
        assert_eq!(text["openapi"], "3.1.0");
        assert_eq!(text["paths"]["/api/v1/things/{id}"].as_object().unwrap().len(), 2);
        let post = &text["paths"]["/api/v1/things/{id}"]["post"];
        assert_eq!(post["operationId"], "post_things_id");
        assert_eq!(post["responses"]["200"]["headers"]["ETag"]["schema"]["type"], "string");
        let mut references = Vec::new();
        collect(&text, &mut references);
        assert!(references.len() >= 5, "{references:?}");
        for reference in references {
            assert!(text.pointer(&reference[1..]).is_some(), "{reference} leads nowhere");
        }
    }

    fn collect(value: &serde_json::Value, references: &mut Vec<String>) {
        match value {
            serde_json::Value::Object(object) => {
                references.extend(object.get("$ref").and_then(|r| r.as_str()).map(str::to_owned));
                object.values().for_each(|value| collect(value, references));
            }
            serde_json::Value::Array(list) => list.iter().for_each(|value| collect(value, references)),
            _ => {}
        }
    }
}
