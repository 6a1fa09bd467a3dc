//! Cursors of lists: where the next page begins, in a form that clients pass back and do not read.

use crate::Problem;
use axum::http::{HeaderValue, Uri};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

const LONGEST: usize = 512;

/// The cursor that stands for `place`.
pub fn encode(place: &str) -> String {
    URL_SAFE_NO_PAD.encode(place)
}

/// The place that a cursor stands for.
///
/// # Errors
/// 400 `INVALID_CURSOR`: it was not made by [`encode`].
pub fn decode(cursor: &str) -> Result<String, Problem> {
    let wrong = || Problem::bad_request("INVALID_CURSOR", "cursor 应为上一页给出的值。");
    if cursor.len() > LONGEST {
        return Err(wrong());
    }
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| wrong())?;
    String::from_utf8(bytes).map_err(|_| wrong())
}

/// `Link` to the next page (RFC 8288): the same request with the other cursor.
pub fn next_link(uri: &Uri, cursor: &str) -> Option<HeaderValue> {
    let mut link = format!("<{}?", uri.path());
    for pair in uri.query().unwrap_or_default().split('&') {
        if !pair.is_empty() && !pair.starts_with("cursor=") {
            link.push_str(pair);
            link.push('&');
        }
    }
    link.push_str(&format!("cursor={cursor}>; rel=\"next\""));
    HeaderValue::from_str(&link).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_cursor_comes_back_as_the_place_it_stands_for(place in "\\PC{0,80}") {
            let cursor = encode(&place);
            prop_assert!(cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
            prop_assert_eq!(decode(&cursor).unwrap(), place);
        }

        #[test]
        fn any_other_text_is_refused_or_read_and_never_a_panic(text in "\\PC{0,600}") {
            if let Ok(place) = decode(&text) {
                prop_assert_eq!(encode(&place), text);
            }
        }
    }

    #[test]
    fn the_link_to_the_next_page_keeps_the_filters() {
        let link = |uri: &str| next_link(&uri.parse().unwrap(), "bmV4dA").unwrap().to_str().unwrap().to_owned();
        assert_eq!(link("/api/v1/applications"), "</api/v1/applications?cursor=bmV4dA>; rel=\"next\"");
        assert_eq!(
            link("/api/v1/applications?status=READY&cursor=YQ&limit=2"),
            "</api/v1/applications?status=READY&limit=2&cursor=bmV4dA>; rel=\"next\""
        );
    }
}
