//! S3 servers for tests: programs of crates, installed once beside the other tools. They are run,
//! never linked: Garage's licence is the AGPL.

use anyhow::Result;

use crate::exec;
use crate::workspace::Workspace;

/// A server, with the exact version that the tests know.
struct Server {
    /// The crate and its program have one name.
    name: &'static str,
    version: &'static str,
    features: &'static [&'static str],
}

const SERVERS: &[Server] = &[
    // A real store, strict about signatures and checksums; it ignores conditions on writes.
    // About 16 minutes of one core, once.
    Server { name: "garage", version: "=2.5.0", features: &[] },
    // Files behind S3; it honours conditions on writes. 0.15 and later need a newer compiler.
    Server { name: "s3s-fs", version: "=0.14.1", features: &["--features", "binary"] },
];

/// Installs the servers that are missing.
pub(crate) fn install(workspace: &Workspace) -> Result<()> {
    let tools = workspace.tools();
    for server in SERVERS {
        let program = format!("{}{}", server.name, std::env::consts::EXE_SUFFIX);
        if tools.join("bin").join(program).is_file() {
            println!("{}: is here", server.name);
            continue;
        }
        let mut cargo = workspace.cargo(&["install", "--locked", "--quiet", server.name]);
        cargo.args(["--version", server.version]).args(server.features).arg("--root").arg(&tools);
        // In a target folder of its own, which goes afterwards: it shares nothing with the workspace.
        cargo.env_remove("CARGO_TARGET_DIR").current_dir(std::env::temp_dir());
        exec::show(&mut cargo)?;
    }
    Ok(())
}
