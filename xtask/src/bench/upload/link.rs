//! A link between two network namespaces, slow and with losses, that nobody else is on.

use std::process::Command;

use anyhow::{Context, Result, bail};

use super::servers::{Place, command};
use crate::exec;
use crate::setup;

/// The addresses of its ends; nothing else is in these namespaces.
const SERVER: &str = "10.199.7.1";
const CLIENT: &str = "10.199.7.2";

/// Of each direction.
const RATE: &str = "200mbit";

/// Of a hundred packets, in each direction.
const LOST_PERCENT: u32 = 1;

/// Each way, where the kernel can.
const DELAY: &str = "10ms";

/// What senders of most systems do about losses.
const CONGESTION: &str = "cubic";

/// The link; it goes with the namespaces when this is dropped.
pub(crate) struct Link {
    server: String,
    client: String,
    /// What it is like.
    pub nature: String,
}

impl Link {
    /// Makes one, or says why that is not possible here.
    pub(crate) fn make() -> Result<Self> {
        let is_root = exec::capture(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
        if !is_root {
            bail!("only root may make network namespaces");
        }
        setup::prepare_link()?;
        let own = std::process::id();
        let mut link = Self {
            server: format!("kartei-server-{own}"),
            client: format!("kartei-client-{own}"),
            nature: String::new(),
        };
        link.connect().context("this system makes no network namespaces")?;
        link.nature = match link.both("tc", &netem()) {
            Ok(()) => format!("{RATE}, {LOST_PERCENT} % of packets lost and {DELAY} each way"),
            // Kernels of small machines lack it.
            Err(_) => {
                link.shape_without_netem()?;
                format!(
                    "{RATE} and {LOST_PERCENT} % of packets lost each way, by tbf and nftables; \
                     without a delay, for which this kernel lacks netem"
                )
            }
        };
        let setting = "/proc/sys/net/ipv4/tcp_congestion_control";
        link.both("sh", &words(&format!("-c|echo {CONGESTION} > {setting}"), '|'))?;
        link.nature = format!("{}, TCP {CONGESTION}", link.nature);
        Ok(link)
    }

    /// Where servers listen.
    pub(crate) fn place(&self) -> Place<'_> {
        Place { host: SERVER, inside: Some(&self.server) }
    }

    /// Where clients run.
    pub(crate) fn client(&self) -> &str {
        &self.client
    }

    fn connect(&self) -> Result<()> {
        let ip = |line: &str| exec::capture(Command::new("ip").args(line.split(' '))).map(drop);
        let (server, client) = (&self.server, &self.client);
        ip(&format!("netns add {server}"))?;
        ip(&format!("netns add {client}"))?;
        ip(&format!("link add link0 netns {server} type veth peer name link0 netns {client}"))?;
        for (namespace, address) in [(server, SERVER), (client, CLIENT)] {
            ip(&format!("-n {namespace} address add {address}/30 dev link0"))?;
            // A packet is a packet, and not sixty of them that are lost together.
            ip(&format!("-n {namespace} link set link0 gso_max_segs 1"))?;
            ip(&format!("-n {namespace} link set link0 up"))?;
            ip(&format!("-n {namespace} link set lo up"))?;
        }
        Ok(())
    }

    /// The rate by a token bucket with 20 ms of packets before it, the losses by a filter on what arrives.
    fn shape_without_netem(&self) -> Result<()> {
        let bucket = format!("qdisc add dev link0 root tbf rate {RATE} burst 32kb latency 20ms");
        self.both("tc", &words(&bucket, ' '))?;
        let lose = format!("numgen random mod 100 < {LOST_PERCENT} drop");
        for line in [
            "add table ip link",
            "add chain ip link arrive { type filter hook input priority 0 ; }",
            &format!("add rule ip link arrive iif link0 {lose}"),
        ] {
            self.both("nft", &words(line, ' '))?;
        }
        Ok(())
    }

    /// Runs a program at both ends.
    fn both(&self, program: &str, arguments: &[String]) -> Result<()> {
        for namespace in [&self.server, &self.client] {
            exec::capture(command(Some(namespace), program).args(arguments))?;
        }
        Ok(())
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        for namespace in [&self.server, &self.client] {
            // It is not there where making it failed.
            exec::succeeds(Command::new("ip").args(["netns", "delete", namespace]));
        }
    }
}

fn netem() -> Vec<String> {
    let line = format!(
        "qdisc add dev link0 root netem rate {RATE} delay {DELAY} loss {LOST_PERCENT}% limit 2000"
    );
    words(&line, ' ')
}

fn words(line: &str, between: char) -> Vec<String> {
    line.split(between).map(str::to_owned).collect()
}
