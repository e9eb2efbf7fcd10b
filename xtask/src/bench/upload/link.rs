//! A link between two network namespaces, slow and with losses, that nobody else is on.

use std::process::Command;

use anyhow::{Context, Result, bail};

use super::servers::{Place, command};
use crate::exec;
use crate::processes::Background;
use crate::setup;
use crate::workspace::Workspace;

/// The addresses of its ends; nothing else is in these namespaces.
const SERVER: &str = "10.199.7.1";
const CLIENT: &str = "10.199.7.2";

/// The goal's link: of each direction, and of a hundred packets in each direction.
const MBIT: u32 = 200;
const LOST_PERCENT: u32 = 1;

/// What most systems do about losses. Each lost packet holds it back, and the more so the longer the link.
pub(super) const CUBIC: &str = "cubic";

/// What differs from link to link.
#[derive(Debug, Clone)]
pub(super) struct Nature {
    /// Milliseconds each way.
    pub delay_ms: u32,
    /// How TCP decides how much it sends.
    pub congestion: String,
}

impl Nature {
    /// The links that are measured: short and long with what most systems do, and long with what this
    /// one does, where that is something else.
    pub(super) fn all() -> Result<Vec<Self>> {
        let own =
            exec::capture(Command::new("cat").arg("/proc/sys/net/ipv4/tcp_congestion_control"))?;
        let of = |delay_ms, congestion: &str| Self { delay_ms, congestion: congestion.to_owned() };
        let mut all = vec![of(0, CUBIC), of(10, CUBIC)];
        if own.trim() != CUBIC {
            all.push(of(10, own.trim()));
        }
        Ok(all)
    }

    pub(super) fn title(&self) -> String {
        let delay = match self.delay_ms {
            0 => "no delay of its own".to_owned(),
            delay => format!("{} ms there and back", 2 * delay),
        };
        format!("{delay}, TCP {}", self.congestion)
    }
}

/// The link; it goes when this is dropped.
pub(super) struct Link {
    server: String,
    client: String,
    /// Hands the packets on.
    carrier: Option<Background>,
}

impl Link {
    /// Makes one, or says why that is not possible here.
    pub(super) fn make(workspace: &Workspace, nature: &Nature) -> Result<Self> {
        let is_root = exec::capture(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
        if !is_root {
            bail!("only root may make network namespaces");
        }
        setup::prepare_link()?;
        let own = std::process::id();
        let mut link = Self {
            server: format!("kartei-server-{own}"),
            client: format!("kartei-client-{own}"),
            carrier: None,
        };
        link.connect(workspace, nature).context("this system makes no such link")?;
        Ok(link)
    }

    /// Where servers listen.
    pub(super) fn place(&self) -> Place<'_> {
        Place { host: SERVER, inside: Some(&self.server) }
    }

    /// Where clients run.
    pub(super) fn client(&self) -> &str {
        &self.client
    }

    fn connect(&mut self, workspace: &Workspace, nature: &Nature) -> Result<()> {
        let ip = |line: &str| exec::capture(Command::new("ip").args(line.split(' '))).map(drop);
        let own = std::process::id();
        let devices = [format!("ks{own}"), format!("kc{own}")];
        let program = workspace.path(super::PEER).join("link.py");
        let mut carrier = Command::new("setpriv");
        carrier.args(["--pdeathsig", "TERM", "python3"]).arg(program).args(&devices);
        let Nature { delay_ms, congestion } = nature;
        carrier.args([MBIT, *delay_ms, LOST_PERCENT].map(|number| number.to_string()));
        let (carrier, _) = Background::start(&mut carrier, "the link is ready")?;
        self.carrier = Some(carrier);
        let ends = [(&self.server, SERVER), (&self.client, CLIENT)];
        for ((namespace, address), device) in ends.into_iter().zip(&devices) {
            ip(&format!("netns add {namespace}"))?;
            ip(&format!("link set {device} netns {namespace} name link0"))?;
            ip(&format!("-n {namespace} address add {address}/30 dev link0"))?;
            ip(&format!("-n {namespace} link set link0 up txqueuelen 1000"))?;
            ip(&format!("-n {namespace} link set lo up"))?;
            // By the route: a namespace may not change what TCP does on the whole.
            let route = format!("10.199.7.0/30 dev link0 src {address} congctl {congestion}");
            ip(&format!("-n {namespace} route change {route}"))?;
        }
        let mut look = command(Some(&self.client), "ip");
        let said = exec::capture(look.args(["route", "show"]))?;
        if !said.contains(congestion) {
            bail!("TCP {congestion} is not known here");
        }
        Ok(())
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // With it go the devices.
        drop(self.carrier.take());
        for namespace in [&self.server, &self.client] {
            // It is not there where making it failed.
            exec::succeeds(Command::new("ip").args(["netns", "delete", namespace]));
        }
    }
}
