//! Which addresses webhooks may lead to: who administers an organisation says where, and must not reach by it what
//! only the relay's own network reaches.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

const LENGTH_MAX: usize = 2_000;

/// An address that a webhook may have. A name is looked up when it is sent to, each time.
pub(super) fn checked(url: &str, is_private_allowed: bool) -> Result<Url, &'static str> {
    let url = Url::parse(url.trim()).map_err(|_| "`url` is no address")?;
    if url.as_str().len() > LENGTH_MAX {
        return Err("`url` is too long");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("`url` names no user: receivers check the signature");
    }
    let host = url.host_str().ok_or("`url` names no host")?;
    let literal: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    let is_loopback = literal.map_or(host == "localhost", |address| address.is_loopback());
    match url.scheme() {
        "https" => {}
        "http" if is_loopback => {}
        _ => return Err("`url` begins with https://"),
    }
    let is_private = is_loopback || literal.is_some_and(|address| !is_public(address));
    if is_private && !is_private_allowed {
        return Err("`url` leads to a private address, which this relay does not allow");
    }
    Ok(url)
}

/// Looks names up, and answers public addresses alone unless others are allowed. The connection goes to what is
/// answered here, so a name that changes in between changes nothing.
#[derive(Debug)]
pub(super) struct Guarded {
    pub(super) is_private_allowed: bool,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let is_private_allowed = self.is_private_allowed;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> =
                found.filter(|one| is_private_allowed || is_public(one.ip())).collect();
            if allowed.is_empty() {
                return Err("the name leads to no address that is allowed".into());
            }
            let addresses: Addrs = Box::new(allowed.into_iter());
            Ok(addresses)
        })
    }
}

/// Whether anybody on the internet may have it (IANA's registries of special-purpose addresses).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_multicast()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (18..20).contains(&b));
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let parts = address.segments();
    // Only 2000::/3 is given out; in it 2001::/23 is for protocols, 2001:db8::/32 and 3fff::/20 for examples, and
    // 2002::/16 leads to an IPv4 address. What stands for IPv4 addresses elsewhere is not in it.
    let is_given_out = parts[0] & 0xe000 == 0x2000;
    let is_special = (parts[0] == 0x2001 && (parts[1] < 0x0200 || parts[1] == 0x0db8))
        || parts[0] == 0x2002
        || (parts[0] == 0x3fff && parts[1] < 0x1000);
    is_given_out && !is_special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_internet_reaches_is_public() {
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
            "2001:db8::1",
            "ff02::1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
        for public in ["1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450::1"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn addresses_are_https_and_public() {
        for good in ["https://example.org/hook?x=1", " https://1.1.1.1:8443/ "] {
            assert!(checked(good, false).is_ok(), "{good}");
        }
        for wrong in [
            "example.org",
            "http://example.org/",
            "ftp://example.org/",
            "https://user:secret@example.org/",
            "https://10.0.0.1/",
            "https://127.0.0.1/",
            "https://localhost/",
            "http://127.0.0.1:80/",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://0x7f000001/",
            "https://2130706433/",
        ] {
            assert!(checked(wrong, false).is_err(), "{wrong}");
        }
        for allowed in ["http://127.0.0.1:8080/x", "http://localhost/", "https://10.0.0.1/"] {
            assert!(checked(allowed, true).is_ok(), "{allowed}");
        }
        assert!(checked("http://10.0.0.1/", true).is_err(), "without TLS to this machine alone");
    }
}
