//! What a replica has open.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use kartei_protocol::sync::PresenceReport;
use kartei_relay_store::Seat;

use crate::admin::now;
use crate::auth::Caller;
use crate::problem::Failure;
use crate::routes::request::Object;
use crate::serve::Relay;

/// Characters in the name of a session: at least enough that none is guessed or met by chance.
const SESSION_CHARS: std::ops::RangeInclusive<usize> = 16..=64;

/// Characters of a profile's id at most, as the schema says.
const ID_CHARS_MAX: usize = 128;

/// Whoever may read may be seen reading: no role is asked for.
pub(crate) async fn report(
    State(relay): State<Arc<Relay>>,
    Caller(access): Caller,
    Object(report): Object<PresenceReport>,
) -> Result<StatusCode, Failure> {
    let PresenceReport { session, profile } = report;
    check_session(&session)?;
    let (org, token) = (access.org, access.token);
    match profile {
        Some(profile) => {
            if profile.is_empty() || profile.len() > ID_CHARS_MAX || !profile.is_ascii() {
                return Err(Failure::invalid("`profile` is no id of a profile"));
            }
            let seat = Seat { profile, person: access.name, token, session };
            relay.store(move |store| store.sit(org, seat, now())).await?;
        }
        None => relay.store(move |store| store.leave(org, token, &session, now())).await?,
    }
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) fn check_session(session: &str) -> Result<(), Failure> {
    let fits = SESSION_CHARS.contains(&session.len())
        && session.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if fits {
        Ok(())
    } else {
        Err(Failure::invalid("a session is named by 16 to 64 letters and digits"))
    }
}
