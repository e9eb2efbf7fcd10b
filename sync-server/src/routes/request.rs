//! What requests say of themselves in headers, and which page they ask for.

use std::str::FromStr;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use crate::problem::Failure;

const KEY_CHARS_MAX: usize = 255;

/// Rows of a page at most, and unless another number is asked for.
const PAGE_MAX: usize = 500;
const PAGE_DEFAULT: usize = 100;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Says that an answer is that of an earlier request with the same key.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// A body that is a JSON object. Serde would take a list of the values as well, which no schema says.
pub(crate) struct Object<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Object<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let (parts, body) = request.into_parts();
        let bytes = Bytes::from_request(Request::from_parts(parts.clone(), body), state).await;
        let bytes = bytes.map_err(JsonRejection::from)?;
        if bytes.trim_ascii_start().starts_with(b"[") {
            return Err(Failure::invalid("the body is a JSON object, not a list"));
        }
        let request = Request::from_parts(parts, Body::from(bytes));
        let Json(body) = Json::from_request(request, state).await?;
        Ok(Self(body))
    }
}

/// A number that databases count to: 0 to 2⁶³ − 1.
///
/// # Errors
/// 400 for a larger one.
pub(in crate::routes) fn counted(name: &str, number: u64) -> Result<u64, Failure> {
    match i64::try_from(number) {
        Ok(_) => Ok(number),
        Err(_) => Err(Failure::invalid(format!("`{name}` is 0 to {}", i64::MAX))),
    }
}

/// The client's own name for a request.
///
/// # Errors
/// 400 for a name that is none.
pub(in crate::routes) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Failure> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    let key = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let is_plain = key.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
    if key.is_empty() || key.len() > KEY_CHARS_MAX || !is_plain {
        let detail = format!("`Idempotency-Key` has 1 to {KEY_CHARS_MAX} visible characters");
        return Err(Failure::invalid(detail));
    }
    Ok(Some(key.to_owned()))
}

/// Which page of a list that asks for nothing else.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageAsked {
    /// How many, 1 to 500.
    #[param(minimum = 1, maximum = 500)]
    pub(in crate::routes) limit: Option<usize>,
    /// Where to go on: `next` of the page before.
    pub(in crate::routes) cursor: Option<String>,
}

/// A page of a list whose rows have places to go on at.
pub(in crate::routes) struct Page<P> {
    limit: usize,
    /// The place of the last row of the page before.
    pub(in crate::routes) before: Option<P>,
}

impl<P> Page<P> {
    /// # Errors
    /// 400 for a number that no page has, and for a cursor that `read` does not understand.
    pub(in crate::routes) fn new(
        limit: Option<usize>,
        cursor: Option<&str>,
        read: impl FnOnce(&str) -> Option<P>,
    ) -> Result<Self, Failure> {
        let wrong = || Failure::invalid("`cursor` is what a page before said as `next`");
        let limit = page_limit(limit)?;
        let before = cursor.map(|text| read(text).ok_or_else(wrong)).transpose()?;
        Ok(Self { limit, before })
    }

    /// Rows to look for: one more tells whether something follows.
    pub(in crate::routes) fn rows_max(&self) -> usize {
        self.limit + 1
    }

    /// Takes that one away; answers where to go on.
    pub(in crate::routes) fn next<R>(
        &self,
        rows: &mut Vec<R>,
        place: impl FnOnce(&R) -> String,
    ) -> Option<String> {
        if rows.len() <= self.limit {
            return None;
        }
        rows.truncate(self.limit);
        rows.last().map(place)
    }
}

impl<P: FromStr> Page<P> {
    /// The same where places are written as they are.
    ///
    /// # Errors
    /// As [`Page::new`].
    pub(in crate::routes) fn asked(
        limit: Option<usize>,
        cursor: Option<&str>,
    ) -> Result<Self, Failure> {
        Self::new(limit, cursor, |text| text.parse().ok())
    }
}

/// How many rows of a page are asked for.
///
/// # Errors
/// 400 for a number that no page has.
pub(in crate::routes) fn page_limit(asked: Option<usize>) -> Result<usize, Failure> {
    match asked.unwrap_or(PAGE_DEFAULT) {
        limit @ 1..=PAGE_MAX => Ok(limit),
        _ => Err(Failure::invalid(format!("`limit` is 1 to {PAGE_MAX}"))),
    }
}

/// The preferences of a request (RFC 7240), in small letters and without blanks.
fn preferences(headers: &HeaderMap) -> impl Iterator<Item = String> + '_ {
    let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split([',', ';'])).map(|one| {
        one.chars()
            .filter(|letter| !letter.is_whitespace())
            .collect::<String>()
            .to_ascii_lowercase()
    })
}

/// Whether the client does not want to wait.
pub(in crate::routes) fn prefers_async(headers: &HeaderMap) -> bool {
    preferences(headers).any(|one| one == "respond-async")
}

/// For how long the client wants to wait at most.
pub(in crate::routes) fn prefers_wait(headers: &HeaderMap) -> Option<Duration> {
    let seconds = preferences(headers).find_map(|one| one.strip_prefix("wait=")?.parse().ok());
    seconds.map(Duration::from_secs)
}

/// Marks an answer as that of an earlier request.
pub(in crate::routes) fn replayed(headers: &mut HeaderMap) {
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preferences_are_read_as_people_write_them() {
        let headers = |value: &'static str| {
            HeaderMap::from_iter([(
                HeaderName::from_static("prefer"),
                HeaderValue::from_static(value),
            )])
        };
        assert!(prefers_async(&headers("Respond-Async, wait=5")));
        assert_eq!(prefers_wait(&headers("respond-async, Wait = 5")), Some(Duration::from_secs(5)));
        assert_eq!(prefers_wait(&headers("wait=soon")), None);
        assert!(!prefers_async(&headers("return=minimal; wait=1")));
        assert_eq!(prefers_wait(&headers("return=minimal; wait=1")), Some(Duration::from_secs(1)));
        assert_eq!(prefers_wait(&HeaderMap::new()), None);
    }
}
