//! Refuses whatever does not come from this machine's own pages.
//!
//! The socket listens on loopback, but a page of the web in the same browser reaches loopback too:
//! by its own name that resolves to 127.0.0.1 (seen in `Host`), or across origins (`Origin`).

use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Lets a request pass if its `Host` and, where there is one, its `Origin` name loopback.
pub(crate) async fn loopback_only(request: Request, next: Next) -> Response {
    if is_local(request.headers()) {
        next.run(request).await
    } else {
        (StatusCode::FORBIDDEN, "kartei-dev-host answers loopback only\n").into_response()
    }
}

fn is_local(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value: &header::HeaderValue| value.to_str().ok());
    let host_is_local = text(header::HOST).is_some_and(is_loopback_authority);
    let origin_is_local = match text(header::ORIGIN) {
        Some(origin) => origin.strip_prefix("http://").is_some_and(is_loopback_authority),
        // Browsers send `Origin` with every POST and every request across origins.
        None => !headers.contains_key(header::ORIGIN),
    };
    host_is_local && origin_is_local
}

fn is_loopback_authority(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(pairs: &[(header::HeaderName, &str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(name, value.parse().unwrap());
        }
        is_local(&headers)
    }

    #[test]
    fn loopback_names_pass() {
        for host in ["127.0.0.1:7420", "localhost:1", "[::1]:80", "127.0.0.1"] {
            assert!(local(&[(header::HOST, host)]), "{host}");
        }
        assert!(local(&[(header::HOST, "127.0.0.1:1"), (header::ORIGIN, "http://localhost:5173")]));
    }

    #[test]
    fn names_of_the_web_are_refused() {
        for host in ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", ""] {
            assert!(!local(&[(header::HOST, host)]), "{host}");
        }
        assert!(!local(&[]), "no Host at all");
        for origin in ["https://evil.example", "null", "http://127.0.0.1.evil.example"] {
            assert!(!local(&[(header::HOST, "127.0.0.1:1"), (header::ORIGIN, origin)]), "{origin}");
        }
    }
}
