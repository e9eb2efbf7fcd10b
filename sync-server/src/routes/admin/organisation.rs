//! The organisation from above: how large it is, how much its files may take up, and its devices.

use std::cmp::Reverse;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use kartei_protocol::admin::{
    DeviceInfo, DeviceList, FileUse, OrganisationInfo, ProfilesLie, QuotaChange,
};
use kartei_relay_store::{OrgId, Overview, RelayStore, RelayStoreError, SealWish, TokenRow, Usage};

use crate::admin::now;
use crate::auth::Administrator;
use crate::openapi::Problem;
use crate::problem::Failure;
use crate::routes::request::{Object, counted};
use crate::serve::Relay;

/// What files take up, as it is told.
fn files(usage: Usage) -> FileUse {
    let Usage { used, reserved, quota, files, open } = usage;
    FileUse { used, reserved, quota, files, open_uploads: open }
}

/// How profiles lie, as it is told.
fn lying(wish: &SealWish) -> ProfilesLie {
    match (wish.asked, wish.settled) {
        (true, true) => ProfilesLie::Sealed,
        (true, false) => ProfilesLie::Sealing,
        (false, true) => ProfilesLie::Open,
        (false, false) => ProfilesLie::Opening,
    }
}

/// An organisation as it is told.
///
/// # Errors
/// Where the database fails.
pub(crate) fn told(
    store: &RelayStore,
    org: OrgId,
    name: String,
) -> Result<OrganisationInfo, RelayStoreError> {
    let (seen, wish) = (store.overview(org, now())?, store.seal_wish(org)?);
    let Overview { created_at, epoch, head_rev, profiles, deleted, usage, tokens, devices } = seen;
    let files = files(usage);
    Ok(OrganisationInfo {
        name,
        created_at,
        epoch,
        head_rev,
        profiles,
        deleted,
        files,
        tokens,
        devices,
        profiles_lie: lying(&wish),
    })
}

/// The organisation
#[utoipa::path(
    get,
    path = "/admin/organisation",
    tag = "administration",
    responses(
        (status = 200, description = "The organisation of the token that asks", body = OrganisationInfo),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token is no administrator's", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn get(
    State(relay): State<Arc<Relay>>,
    Administrator(access): Administrator,
) -> Result<Json<OrganisationInfo>, Failure> {
    let told = relay.store(move |store| told(store, access.org, access.organisation));
    Ok(Json(told.await?))
}

/// Set how much files may take up
///
/// What is there stays, also above it; nothing is uploaded then until files are deleted.
#[utoipa::path(
    put,
    path = "/admin/quota",
    tag = "administration",
    request_body = QuotaChange,
    responses(
        (status = 200, description = "What files take up", body = FileUse),
        (status = 400, description = "A body that is not understood", body = Problem),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token is no administrator's", body = Problem),
        (status = 415, description = "No JSON", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn set_quota(
    State(relay): State<Arc<Relay>>,
    Administrator(access): Administrator,
    Object(QuotaChange { bytes }): Object<QuotaChange>,
) -> Result<Json<FileUse>, Failure> {
    let bytes = bytes.map(|bytes| counted("bytes", bytes)).transpose()?;
    let set = relay.store(move |store| store.set_quota(access.org, &access.name, bytes)).await?;
    Ok(Json(files(set)))
}

fn device(token: TokenRow) -> Option<DeviceInfo> {
    Some(DeviceInfo {
        replica_id: token.id.to_string(),
        name: Some(token.name),
        rev: Some(token.device?).filter(|rev| *rev > 0),
        last_seen_at: token.last_used_at?,
    })
}

/// Devices
///
/// With which people keep copies of the organisation's profiles: tokens that hold and have read all changes.
#[utoipa::path(
    get,
    path = "/admin/devices",
    tag = "administration",
    responses(
        (status = 200, description = "Those that asked last first", body = DeviceList),
        (status = 401, description = "No token, or one that is not known", body = Problem),
        (status = 403, description = "The token is no administrator's", body = Problem),
    ),
    security(("token" = [])),
)]
pub(crate) async fn devices(
    State(relay): State<Arc<Relay>>,
    Administrator(access): Administrator,
) -> Result<Json<DeviceList>, Failure> {
    let tokens = relay.store(move |store| store.tokens(access.org, now(), false)).await?;
    let mut devices: Vec<DeviceInfo> = tokens.into_iter().filter_map(device).collect();
    devices.sort_by_key(|device| Reverse(device.last_seen_at));
    Ok(Json(DeviceList { devices }))
}
