//! Bearer tokens (RFC 6750). Only their hash leaves this file.

use crate::{Problem, headers::only};
use axum::{
    extract::FromRequestParts,
    http::{header, request::Parts},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

const LONGEST: usize = 512;

/// SHA-256 of the token that the request carries.
///
/// A token is 32 random bytes, so a plain hash is enough: there is nothing to guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BearerToken(pub [u8; 32]);

impl BearerToken {
    /// A token as its holder carries it: these random bytes in base64url.
    pub fn text(random: &[u8; 32]) -> String {
        URL_SAFE_NO_PAD.encode(random)
    }

    /// The hash of a token.
    pub fn of(token: &str) -> Self {
        BearerToken(Sha256::digest(token.as_bytes()).into())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for BearerToken {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let value = only(&parts.headers, &header::AUTHORIZATION)?.ok_or_else(Problem::unauthenticated)?;
        let text = value.to_str().map_err(|_| Problem::invalid_token())?;
        let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Problem::unauthenticated());
        }
        let token = token.trim();
        if token.is_empty() || token.len() > LONGEST || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Problem::invalid_token());
        }
        Ok(Self::of(token))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use axum::http::Request;

    #[tokio::test]
    async fn a_token_is_known_by_its_hash_only() {
        let read = async |value: Option<&str>| {
            let mut request = Request::builder().uri("/x");
            if let Some(value) = value {
                request = request.header("Authorization", value);
            }
            BearerToken::from_request_parts(&mut request.body(()).unwrap().into_parts().0, &()).await
        };
        let token = read(Some("Bearer secret-token")).await.unwrap();
        assert_eq!(token, BearerToken::of("secret-token"));
        assert_eq!(read(Some("bearer  secret-token")).await.unwrap(), token);
        let made = BearerToken::text(&[0xff; 32]);
        assert_eq!(read(Some(&format!("Bearer {made}"))).await.unwrap(), BearerToken::of(&made));
        assert!(!format!("{token:?}").contains("secret"));

        let long = format!("Bearer {}", "x".repeat(513));
        let rows = [
            (None, "UNAUTHENTICATED"),
            (Some("Basic dTpw"), "UNAUTHENTICATED"),
            (Some("Bearer"), "INVALID_TOKEN"),
            (Some("Bearer "), "INVALID_TOKEN"),
            (Some("Bearer a b"), "INVALID_TOKEN"),
            (Some(long.as_str()), "INVALID_TOKEN"),
        ];
        for (value, code) in rows {
            let problem = read(value).await.unwrap_err();
            assert_eq!((problem.status().as_u16(), problem.code()), (401, code), "{value:?}");
        }
    }
}
