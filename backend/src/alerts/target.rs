//! Which addresses alerts may be sent to: checked on the address that is connected to, after its name was looked up.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// Which targets are allowed. Link-local and multicast addresses, metadata services and the unspecified address never are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Targets {
    /// What the internet reaches.
    #[default]
    Public,
    /// The same, and private networks and this machine.
    Private,
    /// Only these.
    Listed(Vec<Target>),
}

/// A host or a network that is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A host, by the name under which it is asked.
    Host(String),
    /// The addresses that begin with these bits.
    Network(IpAddr, u8),
}

/// Why an address is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// Whatever the setting.
    #[error(
        "its address is one of the link, of a metadata service, of many hosts or of none, which is never allowed"
    )]
    Never,
    /// The setting does not allow it.
    #[error("its address is in a private network; the setting alert_targets decides what is allowed")]
    Private,
    /// Not in the list.
    #[error("its address is none of those that the setting alert_targets lists")]
    NotListed,
    /// What is sent over the internet must be encrypted.
    #[error("its address is a public one; https is expected")]
    Plain,
}

impl Targets {
    /// Whether what is asked as `host` may be connected to at `address`, over a connection that is encrypted or not.
    ///
    /// # Errors
    /// Says why not.
    pub fn check(&self, host: &str, address: IpAddr, is_encrypted: bool) -> Result<(), Forbidden> {
        let address = unmapped(address);
        if is_never_allowed(address) {
            return Err(Forbidden::Never);
        }
        let is_private = is_private(address);
        match self {
            Self::Public if is_private => return Err(Forbidden::Private),
            Self::Public | Self::Private => {}
            Self::Listed(targets) if targets.iter().any(|target| target.includes(host, address)) => {}
            Self::Listed(_) => return Err(Forbidden::NotListed),
        }
        if is_encrypted || is_private { Ok(()) } else { Err(Forbidden::Plain) }
    }
}

impl Target {
    fn includes(&self, host: &str, address: IpAddr) -> bool {
        match self {
            Self::Host(name) => name.eq_ignore_ascii_case(host),
            Self::Network(network, bits) => {
                let (network, address, width) = match (unmapped(*network), address) {
                    (IpAddr::V4(network), IpAddr::V4(address)) => {
                        (u128::from(u32::from(network)), u128::from(u32::from(address)), 32)
                    }
                    (IpAddr::V6(network), IpAddr::V6(address)) => {
                        (u128::from(network), u128::from(address), 128)
                    }
                    _ => return false,
                };
                let shift = width - u32::from(*bits).min(width);
                network.checked_shr(shift).unwrap_or(0) == address.checked_shr(shift).unwrap_or(0)
            }
        }
    }
}

/// An IPv4 address that is written as one of IPv6, as what it is.
fn unmapped(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let octets = v6.octets();
    let last = Ipv4Addr::new(octets[12], octets[13], octets[14], octets[15]);
    match v6.segments() {
        // Mapped, compatible, translated (RFC 2765), and behind a translator (RFC 6052).
        [0, 0, 0, 0, 0, 0xffff, ..] | [0, 0, 0, 0, 0xffff, 0, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => {
            last.into()
        }
        [0, 0, 0, 0, 0, 0, high, _] if high != 0 => last.into(),
        // 6to4 (RFC 3056).
        [0x2002, a, b, ..] => Ipv4Addr::from((u32::from(a) << 16) | u32::from(b)).into(),
        _ => address,
    }
}

fn is_never_allowed(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            v4.is_link_local()
                || v4.is_multicast()
                || v4.is_broadcast()
                || v4.octets()[0] == 0
                // Reserved, and metadata services outside of the link's addresses.
                || v4.octets()[0] >= 240
                || matches!(v4.octets(), [100, 100, 100, 200] | [168, 63, 129, 16] | [192, 0, 0, 192])
        }
        IpAddr::V6(v6) => {
            v6.is_multicast()
                || v6.is_unspecified()
                || v6.is_unicast_link_local()
                // Once meant for one site.
                || v6.segments()[0] & 0xffc0 == 0xfec0
                || v6 == Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254)
        }
    }
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            v4.is_private()
                || v4.is_loopback()
                // Shared by providers, for protocols, and for measurements.
                || (a == 100 && (64..128).contains(&b))
                || (a, b, c) == (192, 0, 0)
                || (a == 198 && (18..20).contains(&b))
                || v4.is_documentation()
        }
        IpAddr::V6(v6) => {
            // Translators inside of a network (RFC 8215).
            let is_local_translator = matches!(v6.segments(), [0x64, 0xff9b, 1, ..]);
            v6.is_loopback() || v6.is_unique_local() || is_local_translator
        }
    }
}

impl FromStr for Targets {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim() {
            "public" => Ok(Self::Public),
            "private" => Ok(Self::Private),
            list => list.split_whitespace().map(str::parse).collect::<Result<_, _>>().map(Self::Listed),
        }
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = || format!("{text:?} is neither a host nor a network such as 192.168.0.0/16");
        if let Some((address, bits)) = text.split_once('/') {
            let address: IpAddr = address.parse().map_err(|_| expected())?;
            let most = if address.is_ipv4() { 32 } else { 128 };
            let bits = bits.parse().ok().filter(|bits| *bits <= most).ok_or_else(expected)?;
            return Ok(Self::Network(address, bits));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Network(address, if address.is_ipv4() { 32 } else { 128 }));
        }
        let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
        if is_plain && !text.is_empty() { Ok(Self::Host(text.to_owned())) } else { Err(expected()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(targets: &str, address: &str) -> Result<(), Forbidden> {
        targets.parse::<Targets>().unwrap().check("host.example", address.parse().unwrap(), true)
    }

    #[test]
    fn forbidden_targets_are_refused() {
        for address in [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "::ffff:0:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "fe80::1",
            "fec0::1",
            "fd00:ec2::254",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "0.0.0.0",
            "0.1.2.3",
            "::",
            "::ffff:0.0.0.0",
            "255.255.255.255",
            "240.0.0.1",
            "224.0.0.1",
            "ff02::1",
        ] {
            for targets in ["public", "private", "0.0.0.0/0 ::/0 host.example"] {
                assert_eq!(check(targets, address), Err(Forbidden::Never), "{targets} {address}");
            }
        }
    }

    #[test]
    fn private_addresses_are_allowed_only_where_that_is_wanted() {
        for address in [
            "127.0.0.1",
            "127.255.255.254",
            "::1",
            "::ffff:127.0.0.1",
            "::7f00:1",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "::ffff:192.168.1.1",
            "64:ff9b::c0a8:101",
            "64:ff9b:1::1",
            "2002:c0a8:101::1",
            "100.64.0.1",
            "198.18.0.1",
            "fc00::1",
            "fdff::1",
        ] {
            assert_eq!(check("public", address), Err(Forbidden::Private), "{address}");
            assert_eq!(check("private", address), Ok(()), "{address}");
        }
        for address in ["1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8"] {
            assert_eq!(check("public", address), Ok(()), "{address}");
        }
    }

    #[test]
    fn a_list_allows_what_is_in_it() {
        assert_eq!(check("10.1.0.0/16", "10.1.255.1"), Ok(()));
        assert_eq!(check("10.1.0.0/16", "::ffff:10.1.0.1"), Ok(()));
        assert_eq!(check("10.1.0.0/16", "10.2.0.1"), Err(Forbidden::NotListed));
        assert_eq!(check("10.1.0.0/16", "1.1.1.1"), Err(Forbidden::NotListed));
        assert_eq!(check("fd00::/8", "fd12::1"), Ok(()));
        assert_eq!(check("host.example 10.0.0.1", "10.9.9.9"), Ok(()), "by its name");
        for bad in ["10.0.0.0/33", "::/129", "10.0.0/8", "http://a", "a/b"] {
            assert!(bad.parse::<Targets>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_leaves_the_house_is_encrypted() {
        let plain = |address: &str| Targets::Private.check("a", address.parse().unwrap(), false);
        assert_eq!(plain("1.1.1.1"), Err(Forbidden::Plain));
        assert_eq!(plain("192.168.0.9"), Ok(()));
    }
}
