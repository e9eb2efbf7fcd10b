//! The description of the interface, made from the code that serves it.

use std::sync::{Arc, LazyLock};

use axum::Json;
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{OpenApi as Description, RefOr};
use utoipa::{Modify, OpenApi, PartialSchema, ToSchema};
use utoipa_axum::router::OpenApiRouter;

use crate::routes;
use crate::serve::Relay;

/// A record as `schemas/user_profile.v1.schema.json` says.
#[derive(Debug)]
pub(crate) struct UserProfile;

/// What `UserProfile` stands for: OpenAPI 3.1 takes JSON Schema 2020-12 as it is.
const SCHEMA: &str = include_str!("../../schemas/user_profile.v1.schema.json");

impl PartialSchema for UserProfile {
    fn schema() -> RefOr<utoipa::openapi::schema::Schema> {
        // Its real schema comes in at the end: the library's own types cannot hold all of it.
        RefOr::T(utoipa::openapi::schema::Schema::default())
    }
}

impl ToSchema for UserProfile {}

/// A problem document (RFC 9457, `application/problem+json`). Some kinds have members of their own.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "only its description is used; the answers are written in `problem`")]
pub(crate) struct Problem {
    /// Names the kind of problem.
    #[schema(rename = "type")]
    kind: String,
    /// A short title, the same for every occurrence.
    title: String,
    /// The HTTP status.
    status: u16,
    /// The stable code.
    code: String,
    /// This occurrence, in English.
    detail: Option<String>,
}

struct Tokens;

impl Modify for Tokens {
    fn modify(&self, description: &mut Description) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(
                "A token of `kartei-relay admin token create` or `POST /admin/tokens`.",
            ))
            .build();
        let components = description.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Kartei relay",
        description = "Behaviour profiles of an organisation, for programs that know HTTP and JSON.",
    ),
    modifiers(&Tokens),
    components(schemas(UserProfile, Problem, routes::Action)),
    tags(
        (name = "profiles", description = "Records, their states and their changes"),
        (name = "imports", description = "Files of records"),
        (name = "uploads", description = "Files on their way here, in pieces"),
        (name = "files", description = "Files that are here"),
        (name = "analyses", description = "What profiles tell together, as jobs"),
        (name = "calibrations", description = "What scores are made by"),
        (name = "notifications", description = "What a person was told"),
        (name = "sign-in", description = "Getting a token by signing in with a provider"),
        (name = "administration", description = "The organisation, its tokens, the queue of analyses, the audit, and what is kept, for administrators"),
        (name = "limits", description = "What the relay takes"),
        (name = "erasure", description = "Erasing profiles for good, for administrators"),
    ),
)]
struct Interface;

/// The routes together with what they say of themselves.
pub(crate) fn router() -> OpenApiRouter<Arc<Relay>> {
    OpenApiRouter::with_openapi(Interface::openapi())
}

/// The whole description.
pub(crate) fn description() -> Value {
    let made = routes::integrators().merge(routes::keepers()).split_for_parts().1;
    let mut description = serde_json::to_value(made).unwrap_or_default();
    // Within the description, the schema's own definitions lie deeper.
    let schema = SCHEMA.replace("\"#/$defs/", "\"#/components/schemas/UserProfile/$defs/");
    let mut schema: Value = serde_json::from_str(&schema).unwrap_or_default();
    if let Some(members) = schema.as_object_mut() {
        members.remove("$schema");
        members.remove("$id");
    }
    if let Some(place) = description.pointer_mut("/components/schemas/UserProfile") {
        *place = schema;
    }
    let paths = description.pointer_mut("/paths").and_then(Value::as_object_mut);
    for (path, methods) in paths.into_iter().flatten() {
        for (method, operation) in methods.as_object_mut().into_iter().flatten() {
            finish(method, path, operation);
        }
    }
    description
}

/// What one operation's answer names, and the operation that takes it: method, path, status, then what is followed.
const LINKS: &[(&str, &str, &str, &str, &str, &str)] = &[
    ("post", "/profiles/import", "200", "get", "/profiles/imports/{id}", "id=import_id"),
    ("post", "/profiles/import", "202", "get", "/profiles/imports/{id}", "id=import_id"),
    ("post", "/profiles/import", "207", "get", "/profiles/imports/{id}", "id=import_id"),
    ("post", "/profiles/import", "200", "delete", "/profiles/imports/{id}", "id=import_id"),
    ("post", "/admin/tokens", "201", "delete", "/admin/tokens/{id}", "id=token_id"),
    ("post", "/api/files/{id}/import", "202", "get", "/profiles/imports/{id}", "id=import_id"),
    ("post", "/api/upload", "200", "get", "/api/files/{id}", "id=file"),
    ("post", "/api/upload", "200", "get", "/api/files/serve/{id}", "id=file"),
    ("post", "/api/upload", "201", "get", "/api/files/{id}", "id=file"),
    ("post", "/analyze", "202", "get", "/analyze/jobs/{id}", "id=job_id"),
    ("post", "/analyze/jobs", "201", "get", "/analyze/jobs/{id}", "id=job_id"),
    ("post", "/analyze/jobs", "201", "get", "/analyze/jobs/{id}/events", "id=job_id"),
    ("post", "/analyze/jobs", "201", "post", "/analyze/jobs/{id}/cancel", "id=job_id"),
    ("post", "/calibrations", "201", "get", "/calibrations/{version}", "version=version"),
    ("post", "/calibrations/fit", "201", "get", "/analyze/jobs/{id}", "id=job_id"),
    ("post", "/calibrations/fit", "201", "post", "/analyze/jobs/{id}/cancel", "id=job_id"),
];

/// The name of an operation: those of functions repeat themselves, and generators need one for each.
fn operation_id(method: &str, path: &str) -> String {
    let words = path.split(|letter: char| !letter.is_ascii_alphanumeric());
    let words = words.filter(|word| !word.is_empty());
    std::iter::once(method).chain(words).collect::<Vec<_>>().join("_")
}

/// One entity tag or several, or `*` (RFC 9110, 8.8.3).
const TAGS: &str = r#"^(\*|(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*)?$"#;

/// A name of one's own, plain or in quotes.
const KEY: &str = r#"^("[!#-~]{1,255}"|[!#-~]{1,255})$"#;

/// What parameters that several operations have are, wherever they stand.
fn bound(parameter: &mut Value) {
    // One that may be left out is made of an option. None of them says `null`, which would be a text.
    if let Some(kinds) = parameter.pointer_mut("/schema/type")
        && let Some(kind) = kinds.as_array().and_then(|all| all.iter().find(|kind| *kind != "null"))
    {
        *kinds = kind.clone();
    }
    let bounds = match parameter.get("name").and_then(Value::as_str) {
        Some("cursor") => json!({"minLength": 1}),
        Some("Idempotency-Key") => json!({"pattern": KEY}),
        Some("If-Match" | "If-None-Match") => json!({"pattern": TAGS}),
        _ => return,
    };
    let schema = parameter.get_mut("schema").and_then(Value::as_object_mut);
    if let (Some(schema), Value::Object(bounds)) = (schema, bounds) {
        schema.extend(bounds);
    }
}

/// What holds of every operation, and is said in one place.
fn finish(method: &str, path: &str, operation: &mut Value) {
    if let Some(name) = operation.get_mut("operationId") {
        *name = operation_id(method, path).into();
    }
    let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
    parameters.into_iter().flatten().for_each(bound);
    let responses = operation.get_mut("responses").and_then(Value::as_object_mut);
    for (status, response) in responses.into_iter().flatten() {
        let Some(response) = response.as_object_mut() else { continue };
        if let Some(content) = response.get_mut("content").and_then(Value::as_object_mut) {
            let is_problem = content
                .get("application/json")
                .and_then(|kind| kind.pointer("/schema/$ref"))
                .is_some_and(|name| name == "#/components/schemas/Problem");
            if let Some(kind) = content.remove("application/json") {
                let name = if is_problem { "application/problem+json" } else { "application/json" };
                content.insert(name.to_owned(), kind);
            }
        }
        let mut links = serde_json::Map::new();
        for &(_, _, _, to, place, taken) in LINKS
            .iter()
            .filter(|&&(by, from, told, ..)| (by, from, told) == (method, path, status.as_str()))
        {
            let Some((parameter, member)) = taken.split_once('=') else { continue };
            let name = operation_id(to, place);
            let link = json!({
                "operationId": name,
                "parameters": {parameter: format!("$response.body#/{member}")},
            });
            links.insert(name, link);
        }
        if !links.is_empty() {
            response.insert("links".to_owned(), links.into());
        }
    }
}

pub(crate) async fn json() -> Json<Value> {
    Json(description())
}

/// The page for people.
const PAGE: &str = include_str!("docs.html");

/// What may run and be applied on the page: what is in it, by its digest, and nothing that comes in by another way.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let (script, style) = (digest_within("script"), digest_within("style"));
    format!(
        "default-src 'none'; script-src {script}; style-src {style}; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
});

/// The digest of what is in the page's only element of a name, as policies have it; `'none'` where there is none.
fn digest_within(element: &str) -> String {
    let within = PAGE
        .split_once(&format!("<{element}>"))
        .and_then(|(_, rest)| rest.split_once(&format!("</{element}>")));
    let Some((within, _)) = within else { return "'none'".to_owned() };
    // As browsers see it, whatever ends the lines of the source.
    let digest = Sha256::digest(within.replace("\r\n", "\n"));
    format!("'sha256-{}'", STANDARD.encode(digest))
}

/// A page for people: made of the same description, without anything from elsewhere.
pub(crate) async fn page() -> Response {
    ([(header::CONTENT_SECURITY_POLICY, POLICY.as_str())], Html(PAGE)).into_response()
}
