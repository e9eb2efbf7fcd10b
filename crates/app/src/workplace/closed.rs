//! What can be done while the current workspace is closed: it is encrypted, and its key is not to be
//! had.

use std::sync::Arc;

use kartei_protocol::desktop::{Empty, UnlockStore, WorkspaceId};
use kartei_protocol::problem::{Problem, ProblemCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Open, Workplace, open_app};
use crate::app::AppOptions;
use crate::encryption::{parse, remember_key};
use crate::shared::lock;

impl Workplace {
    /// Answers the commands that need no open workspace; all others with what keeps it closed.
    pub(super) fn call_closed(
        self: &Arc<Self>,
        problem: Problem,
        name: &str,
        payload: Value,
    ) -> Result<Value, Problem> {
        match name {
            "unlock_store" => answer(name, &self.unlock(read(name, payload)?)?),
            "list_workspaces" => answer(name, &self.list(&mut lock(&self.registry))?),
            "open_workspace" => {
                let WorkspaceId { id } = read(name, payload)?;
                answer(name, &self.open_other(&id)?)
            }
            _ => Err(problem),
        }
    }

    /// Opens the workspace, with its recovery key or with what the keychain has by now.
    fn unlock(self: &Arc<Self>, request: UnlockStore) -> Result<Empty, Problem> {
        // Two at once would open it twice.
        let _registry = lock(&self.registry);
        if self.app().is_ok() {
            return Ok(Empty {});
        }
        let given = request.recovery_key.map(|given| parse(&given.key)).transpose()?;
        let was_given = given.is_some();
        let id = self.current();
        let options = AppOptions { recovery_key: given, ..self.options.clone() };
        let app = open_app(&self.home, &id, &options)?;
        if was_given {
            remember_key(&app);
        }
        self.put(Open::new(&id, Ok(app)));
        Ok(Empty {})
    }
}

fn read<T: DeserializeOwned>(name: &str, payload: Value) -> Result<T, Problem> {
    // What does not fit is not repeated: it may be half a key.
    serde_json::from_value(payload).map_err(|_| {
        Problem::new(ProblemCode::InvalidRequest, format!("{name}: the request does not fit"))
    })
}

fn answer<T: Serialize>(name: &str, response: &T) -> Result<Value, Problem> {
    serde_json::to_value(response)
        .map_err(|e| Problem::new(ProblemCode::Internal, format!("{name}: {e}")))
}
