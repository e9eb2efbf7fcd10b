//! The relay by plain HTTP, as a program that is not ours would speak to it: who may do what, and
//! what is said of requests that are wrong.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::io::{Read, Write};
use std::net::TcpStream;

use kartei_test_support::{Relay, Stage, gzipped};
use serde_json::Value;

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn problem(&self) -> Value {
        assert!(
            self.head.to_lowercase().contains("content-type: application/problem+json"),
            "an error is a problem document: {}",
            self.head
        );
        let problem: Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(problem["status"], self.status);
        problem
    }
}

/// One request on a connection of its own.
fn request(
    relay: &Relay,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let address = relay.url().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    stream.write_all(head.as_bytes()).unwrap();
    // A relay that refuses early may close before it has read the whole body.
    let _ = stream.write_all(body);
    let mut raw = Vec::new();
    let _ = stream.read_to_end(&mut raw);
    let end = raw.windows(4).position(|w| w == b"\r\n\r\n").expect("a complete head");
    let head = String::from_utf8(raw[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head, body: raw[end + 4..].to_vec() }
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

const ROUTES: [(&str, &str); 4] = [
    ("GET", "/sync/v1/whoami"),
    ("POST", "/sync/v1/push"),
    ("GET", "/sync/v1/pull"),
    ("GET", "/sync/v1/events"),
];

#[test]
fn nothing_but_health_is_answered_without_a_token() {
    let stage = Stage::new().unwrap();
    let home = stage.relay_home().unwrap();
    let relay = home.start().unwrap();
    assert_eq!(request(&relay, "GET", "/healthz", &[], b"").status, 200);
    let known = home.token("analyst", "Anna").unwrap();
    let cut = &known[..known.len() - 1];
    for (method, path) in ROUTES {
        for header in
            [None, Some("Basic abc"), Some("Bearer "), Some("Bearer x"), Some(&*bearer(cut))]
        {
            let headers: Vec<_> =
                header.into_iter().map(|value| ("Authorization", value)).collect();
            let answer = request(&relay, method, path, &headers, b"");
            assert_eq!(answer.status, 401, "{method} {path} with {header:?}");
            assert_eq!(answer.problem()["code"], "unauthorized");
            assert!(answer.head.to_lowercase().contains("www-authenticate: bearer"));
        }
    }
    let answer =
        request(&relay, "GET", "/sync/v1/whoami", &[("Authorization", &bearer(&known))], b"");
    assert_eq!(answer.status, 200);
    let who: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!((&who["name"], &who["role"]), (&Value::from("Anna"), &Value::from("analyst")));
}

#[test]
fn wrong_requests_are_told_what_is_wrong() {
    let stage = Stage::new().unwrap();
    let home = stage.relay_home().unwrap();
    let relay = home.start().unwrap();
    let token = bearer(&home.token("analyst", "Anna").unwrap());
    let auth = ("Authorization", token.as_str());
    let gzip = ("Content-Encoding", "gzip");
    let code = |answer: Answer, status: u16| {
        assert_eq!(answer.status, status, "{}", answer.head);
        answer.problem()["code"].as_str().unwrap().to_owned()
    };
    let push = |headers: &[(&str, &str)], body: &[u8]| {
        request(&relay, "POST", "/sync/v1/push", headers, body)
    };
    let pull =
        |query: &str| request(&relay, "GET", &format!("/sync/v1/pull?{query}"), &[auth], b"");

    assert_eq!(code(request(&relay, "GET", "/nowhere", &[], b""), 404), "not_found");
    assert_eq!(
        code(request(&relay, "DELETE", "/sync/v1/pull", &[auth], b""), 405),
        "invalid_request"
    );
    assert_eq!(code(push(&[auth], b"no json\n"), 400), "invalid_request");
    assert_eq!(code(push(&[auth, gzip], b"no gzip"), 400), "invalid_request");
    assert_eq!(code(push(&[auth, ("Content-Encoding", "br")], b""), 415), "invalid_request");
    let bomb = gzipped(&vec![b' '; 20 * 1024 * 1024]).unwrap();
    assert!(bomb.len() < 1_000_000, "small on the wire");
    assert_eq!(code(push(&[auth, gzip], &bomb), 413), "too_large");
    assert_eq!(code(pull("cursor=nonsense"), 400), "invalid_request");
    assert_eq!(code(pull("cursor=0000000000000000.0.0"), 410), "invalid_request");

    // A wrong item is refused alone; the others are taken.
    let lines = concat!(
        r#"{"id":"bad","genesis":"00"}"#,
        "\n",
        r#"{"id":"absent","genesis":"0000000000000000000000000000000000000000000000000000000000000000"}"#,
        "\n",
        r#"{"id":"lie","genesis":"0000000000000000000000000000000000000000000000000000000000000000","record":{"id":"other","schema":"user_profile.v1"}}"#,
        "\n"
    );
    let answer = push(&[auth], lines.as_bytes());
    assert_eq!(answer.status, 200);
    assert!(answer.head.to_lowercase().contains("content-encoding: gzip"));
}

#[test]
fn a_token_is_stored_as_its_hash_only() {
    let stage = Stage::new().unwrap();
    let home = stage.relay_home().unwrap();
    let token = home.token("analyst", "Anna").unwrap();
    let relay = home.start().unwrap();
    let answer =
        request(&relay, "GET", "/sync/v1/pull", &[("Authorization", &bearer(&token))], b"");
    assert_eq!(answer.status, 200);
    let secret = token.as_bytes();
    let (mut folders, mut files) = (vec![stage.path("relay")], 0);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            files += 1;
            let bytes = std::fs::read(&path).unwrap();
            assert!(!bytes.windows(secret.len()).any(|w| w == secret), "{}", path.display());
        }
    }
    assert!(files > 0, "the database was looked at");
}
