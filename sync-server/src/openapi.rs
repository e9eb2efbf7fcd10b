//! The description of the interface, made from the code that serves it.

use std::sync::{Arc, LazyLock};

use axum::Json;
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
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
    components(schemas(UserProfile, Problem)),
    tags(
        (name = "profiles", description = "Records, their states and their changes"),
        (name = "imports", description = "Files of records"),
        (name = "uploads", description = "Files on their way here, in pieces"),
        (name = "files", description = "Files that are here"),
        (name = "analyses", description = "What profiles tell together, as jobs"),
        (name = "calibrations", description = "What scores are made by"),
        (name = "notifications", description = "What a person was told"),
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
    description
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
