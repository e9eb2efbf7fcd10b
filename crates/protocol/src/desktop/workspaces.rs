//! Workspaces: data folders that have nothing to do with each other, of which a window shows one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::desktop::SignIn;

/// A data folder of its own, with a relay of its own or none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Workspace {
    /// What it is called by among programs; `home` for the first one.
    pub id: String,
    /// What its owner calls it; nothing where it never got a name.
    pub name: Option<String>,
    /// Its data folder.
    pub folder: String,
    /// The organisation at its relay, as it was when the workspace was open last.
    pub organisation: Option<String>,
    /// Its relay's address, as it was when the workspace was open last.
    pub relay: Option<String>,
    /// Whether it is the open one.
    pub current: bool,
    /// Whether it is the one that the others lie in; it cannot be removed.
    pub home: bool,
}

/// All workspaces, the home first, then in the order in which they were made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Workspaces {
    /// The workspaces.
    pub workspaces: Vec<Workspace>,
}

/// Makes a workspace and opens it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AddWorkspace {
    /// Its name; else the organisation's.
    pub name: Option<String>,
    /// Its relay; nothing for a workspace that stays on this computer.
    pub relay: Option<SignIn>,
}

/// Names a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkspaceId {
    /// Its id.
    pub id: String,
}

/// Gives a workspace another name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RenameWorkspace {
    /// Its id.
    pub id: String,
    /// The name: 1 to 80 characters that no other workspace has.
    pub name: String,
}

/// Removes a workspace with everything in its data folder on this computer. What its relay has
/// stays there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RemoveWorkspace {
    /// Its id.
    pub id: String,
    /// Also where changes are lost by it that no relay has; refused as `blocked` else.
    pub even_unsent: bool,
}
