//! Query parameters, all of them known.

use crate::Problem;
use axum::{extract::FromRequestParts, http::request::Parts};
use serde::de::DeserializeOwned;

/// The query of a request, which is exactly a `T`. `T` refuses unknown parameters itself
/// (`#[serde(deny_unknown_fields)]`).
#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match axum::extract::Query::<T>::try_from_uri(&parts.uri) {
            Ok(query) => Ok(Query(query.0)),
            Err(rejection) => {
                let text = rejection.body_text();
                let what = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
                Err(Problem::bad_request("INVALID_QUERY", format!("查询参数有误：{what}")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use axum::http::Request;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Page {
        limit: Option<u32>,
    }

    async fn read(query: &str) -> Result<Page, Problem> {
        let request = Request::builder().uri(format!("/x{query}")).body(()).unwrap();
        Query::<Page>::from_request_parts(&mut request.into_parts().0, &()).await.map(|query| query.0)
    }

    #[tokio::test]
    async fn unknown_doubled_and_misspelt_parameters_are_refused() {
        assert_eq!(read("").await.unwrap(), Page { limit: None });
        assert_eq!(read("?limit=7").await.unwrap(), Page { limit: Some(7) });
        for query in ["?limt=7", "?limit=7&limit=8", "?limit=-1", "?limit=x", "?limit="] {
            let problem = read(query).await.unwrap_err();
            assert_eq!((problem.status().as_u16(), problem.code()), (400, "INVALID_QUERY"), "{query}");
        }
    }
}
