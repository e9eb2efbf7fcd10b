//! The bytes of a file, as HTTP has them (RFC 9110 §14: ranges; RFC 6266: attachments).
//!
//! What is sent is never shown by a browser as a page of this relay: it is an attachment whose type is not
//! guessed, in a sandbox.

use std::ops::Range;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use kartei_blob_store::ByteRange;
use kartei_protocol::problem::ProblemCode;
use kartei_protocol::uploads::ScanState;
use kartei_relay_store::{FileRead, FileRow};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use super::find;
use crate::admin::now;
use crate::auth::Keeper;
use crate::conditions::tags;
use crate::openapi::Problem;
use crate::problem::{ApiCode, Failure};
use crate::serve::Relay;
use crate::uploads::{hex, open_content};

/// What RFC 8187 lets stand as it is, beside letters and digits.
const PLAIN: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'.').remove(b'-').remove(b'_').remove(b'~').remove(b'!').remove(b'+');

/// What a request asks of a file's bytes.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Whole,
    Some(Range<u64>),
    /// Not one byte of it is there.
    Outside,
}

/// Whether somebody may read it.
///
/// # Errors
/// 409 where a scanner has not let it through.
pub(super) fn may_be_read(row: &FileRow) -> Result<(), Failure> {
    if row.content.lost_at.is_some() {
        let detail = "the bytes of this file were lost; upload it again to bring them back";
        return Err(Failure::new(StatusCode::GONE, ProblemCode::FileLost, detail));
    }
    let detail = match row.scan() {
        ScanState::NotScanned | ScanState::Clean | ScanState::NotScannable => return Ok(()),
        ScanState::Pending => "the file is being scanned; ask again",
        ScanState::Quarantined => "the scanner found something in this file; it is not given out",
    };
    Err(Failure::new(StatusCode::CONFLICT, ApiCode::FileQuarantined, detail))
}

/// The bytes of a file
///
/// Whole, or one range of it. `If-Range` with the file's `ETag` makes a download that goes on safe; what follows
/// the id in the path is for people and means nothing.
#[utoipa::path(
    get,
    path = "/api/files/serve/{id}",
    tag = "files",
    params(("id" = String, Path, description = "The file's id")),
    responses(
        (status = 200, description = "The file"),
        (status = 206, description = "The range of it"),
        (status = 304, description = "The client has it"),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 404, description = "No such file, here or for this token", body = Problem),
        (status = 409, description = "A scanner holds it back", body = Problem),
        (status = 410, description = "Its bytes were lost", body = Problem),
        (status = 416, description = "A range without a byte of the file", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn serve(
    relay: State<Arc<Relay>>,
    caller: Keeper,
    method: Method,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let Path(id) = id?;
    serve_named(relay, caller, method, Ok(Path((id, String::new()))), headers).await
}

/// The same with a name behind the id.
pub(crate) async fn serve_named(
    State(relay): State<Arc<Relay>>,
    Keeper(access): Keeper,
    method: Method,
    path: Result<Path<(String, String)>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let Path((id, _)) = path?;
    let row = find(&relay, &access, &id).await?;
    may_be_read(&row)?;
    let tag = hex(&row.digest());
    let known = tags(&headers, &header::IF_NONE_MATCH)?.unwrap_or_default();
    if known.iter().any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag) {
        let mut response = StatusCode::NOT_MODIFIED.into_response();
        describe(response.headers_mut(), &row, &tag);
        return Ok(response);
    }
    let part = match asked(&headers, &tag) {
        None => Part::Whole,
        Some(range) => range.within(row.size()).map_or(Part::Outside, Part::Some),
    };
    let (status, range) = match part {
        Part::Whole => (StatusCode::OK, 0..row.size()),
        Part::Some(range) => (StatusCode::PARTIAL_CONTENT, range),
        Part::Outside => {
            let detail = "the range begins after the file's end";
            let mut failure =
                Failure::new(StatusCode::RANGE_NOT_SATISFIABLE, ApiCode::RangeInvalid, detail)
                    .with("size", json!(row.size()));
            if let Ok(value) = HeaderValue::from_str(&format!("bytes */{}", row.size())) {
                failure = failure.header(header::CONTENT_RANGE, value);
            }
            return Err(failure);
        }
    };
    let body = if method == Method::HEAD || range.is_empty() {
        Body::empty()
    } else {
        let sealed = open_content(&relay, access.org, &row.content).await?;
        let read = FileRead {
            org: access.org,
            file: row.id.clone(),
            token: access.token,
            at: now(),
            from: range.start,
            to: range.end,
        };
        // Who read what is kept before the first byte goes out.
        relay.store(move |store| store.note_reads(&[read])).await?;
        Body::from_stream(sealed.read(range.clone()))
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    describe(headers, &row, &tag);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(range.end - range.start));
    if status == StatusCode::PARTIAL_CONTENT {
        let text = format!("bytes {}-{}/{}", range.start, range.end - 1, row.size());
        headers.insert(
            header::CONTENT_RANGE,
            HeaderValue::from_str(&text).map_err(|e| Failure::internal(&e))?,
        );
    }
    Ok(response)
}

fn describe(headers: &mut HeaderMap, row: &FileRow, tag: &str) {
    let fixed = [
        (header::ACCEPT_RANGES, "bytes"),
        (header::CACHE_CONTROL, "private, no-cache"),
        (header::VARY, "authorization"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let kind = HeaderValue::from_str(&row.content_type);
    let kind = kind.unwrap_or(HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_TYPE, kind);
    let texts = [
        (header::ETAG, format!("\"{tag}\"")),
        (header::CONTENT_DISPOSITION, attachment(&row.name)),
    ];
    for (name, text) in texts {
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(name, value);
        }
    }
}

/// The name in both forms: what old clients read, and all of it. Path separators are no part of a name for who
/// saves it.
pub(super) fn attachment(name: &str) -> String {
    let safe: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "._- ()".contains(c) { c } else { '_' })
        .collect();
    let name: String = name.chars().map(|c| if "/\\".contains(c) { '_' } else { c }).collect();
    format!(
        "attachment; filename=\"{safe}\"; filename*=UTF-8''{}",
        utf8_percent_encode(&name, PLAIN)
    )
}

/// The one range that is asked for, where it still holds. Several ranges, other units and what cannot be read are
/// answered with the whole file, as the standard lets.
fn asked(headers: &HeaderMap, tag: &str) -> Option<ByteRange> {
    if let Some(condition) = headers.get(header::IF_RANGE) {
        // A date is never strong enough here.
        if condition.as_bytes() != format!("\"{tag}\"").as_bytes() {
            return None;
        }
    }
    let text = headers.get(header::RANGE)?.to_str().ok()?;
    let (unit, spec) = text.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = spec.trim().split_once('-')?;
    let number = |text: &str| {
        let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u64>().ok().filter(|_| is_plain)
    };
    match (first.trim(), last.trim()) {
        ("", last) => Some(ByteRange::Last(number(last)?)),
        (first, "") => Some(ByteRange::From(number(first)?)),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then(|| ByteRange::Between(first, last.saturating_add(1)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range_of(headers: &[(header::HeaderName, &str)]) -> Option<ByteRange> {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()))
            .collect();
        asked(&headers, "t")
    }

    #[test]
    fn ranges_are_read_as_the_standard_says() {
        let of = |text| range_of(&[(header::RANGE, text)]);
        assert_eq!(of("bytes=0-9"), Some(ByteRange::Between(0, 10)));
        assert_eq!(of("Bytes= 5-"), Some(ByteRange::From(5)));
        assert_eq!(of("bytes=-5"), Some(ByteRange::Last(5)));
        for text in ["bytes=9-0", "bytes=-", "bytes=a-b", "lines=0-9", "bytes=0-1,3-4", "bytes 0-1"]
        {
            assert_eq!(of(text), None, "{text}");
        }
        let with = |tag| range_of(&[(header::RANGE, "bytes=0-9"), (header::IF_RANGE, tag)]);
        assert_eq!(with("\"t\""), Some(ByteRange::Between(0, 10)));
        for other in ["\"u\"", "W/\"t\"", "Sat, 21 Nov 2026 00:00:00 GMT"] {
            assert_eq!(with(other), None, "{other}");
        }
    }

    #[test]
    fn names_cannot_leave_their_header() {
        assert_eq!(
            attachment("a\"; filename=b.exe\r\nx: y/../ü.csv"),
            "attachment; filename=\"a__ filename_b.exe__x_ y_.._".to_owned()
                + "_.csv\"; filename*=UTF-8''a%22%3B%20filename%3Db.exe%0D%0Ax%3A%20y_.._%C3%BC.csv"
        );
    }
}
