//! A way to addresses that somebody else named: to the public internet only, so that an answer
//! cannot have us ask what listens beside us.

use std::io::{Error, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use tokio::net::{TcpStream, lookup_host};
use url::Url;

use super::{Dial, Stream};

/// Reaches public addresses; others too where a trusted address is one of them.
#[derive(Debug)]
pub struct PublicOnly {
    trusted: Option<(String, u16)>,
}

impl PublicOnly {
    /// Whoever reaches `trusted` inside a network of their own reaches others there too.
    #[must_use]
    pub fn unless_at(trusted: &Url) -> Arc<Self> {
        let host = trusted.host_str().map(|it| it.trim_matches(['[', ']']).to_owned());
        Arc::new(Self { trusted: host.zip(trusted.port_or_known_default()) })
    }

    async fn is_inside(&self) -> bool {
        let Some((host, port)) = &self.trusted else { return false };
        let found = lookup_host((host.as_str(), *port)).await;
        found.is_ok_and(|mut all| all.any(|it| !is_public(it.ip())))
    }
}

#[async_trait]
impl Dial for PublicOnly {
    async fn dial(&self, host: &str, port: u16) -> std::io::Result<Box<dyn Stream>> {
        let found: Vec<SocketAddr> = lookup_host((host, port)).await?.collect();
        // What was looked at is what is connected to: a name may say something else a moment later.
        let all_public = found.iter().all(|it| is_public(it.ip()));
        if !all_public && !self.is_inside().await {
            let detail = "it lies at an address that is not public";
            return Err(Error::new(ErrorKind::PermissionDenied, detail));
        }
        let tcp = TcpStream::connect(found.as_slice()).await?;
        tcp.set_nodelay(true)?;
        Ok(Box::new(tcp))
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    let carrier = a == 100 && (64..128).contains(&b);
    let inside = address.is_private() || address.is_loopback() || address.is_link_local();
    !(inside || carrier || a == 0 || address.is_broadcast() || address.is_multicast())
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(inner) = address.to_ipv4() {
        // Mapped and compatible addresses are those of the other kind; `::1` is one as well.
        return is_public_v4(inner);
    }
    let first = address.segments()[0];
    let unique_local = first & 0xfe00 == 0xfc00;
    let link_local = first & 0xffc0 == 0xfe80;
    !(unique_local || link_local || address.is_multicast())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_that_anybody_can_reach_are_public() {
        for text in ["8.8.8.8", "100.128.0.1", "172.32.0.1", "2a00:1450::1", "::ffff:8.8.8.8"] {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
        for text in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "::1",
            "::",
            "fd00::1",
            "fe80::1",
            "::ffff:169.254.169.254",
            "224.0.0.1",
        ] {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[tokio::test]
    async fn what_listens_beside_us_is_not_reached_unless_the_trusted_one_does() {
        let there = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = there.local_addr().unwrap().port();
        let far = PublicOnly::unless_at(&Url::parse("https://8.8.8.8").unwrap());
        let refused = far.dial("127.0.0.1", port).await.err().unwrap();
        assert!(refused.to_string().contains("not public"), "{refused}");
        let near = PublicOnly::unless_at(&Url::parse("http://127.0.0.1:1").unwrap());
        assert!(near.dial("127.0.0.1", port).await.is_ok());
    }
}
