//! Networks of addresses, as settings name them.

use std::net::IpAddr;
use std::str::FromStr;

use clap::ValueEnum;
use ipnet::IpNet;

/// Networks, separated by blanks or commas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(pub Vec<IpNet>);

impl Networks {
    /// Whether `address` is in one of them; an IPv4 address that is written as IPv6 is itself.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

impl FromStr for Networks {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let one = |word: &str| word.parse().or_else(|_| word.parse::<IpAddr>().map(IpNet::from));
        let words = text.split([' ', ',']).filter(|word| !word.is_empty());
        let all: Result<_, _> = words.map(one).collect();
        all.map(Self)
            .map_err(|_| "addresses or networks, such as 127.0.0.1 or 10.0.0.0/8, separated by blanks")
    }
}

/// The header in which trusted proxies say where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ProxyHeader {
    /// With `X-Forwarded-Proto` and `X-Forwarded-Host`.
    XForwardedFor,
    /// RFC 7239.
    Forwarded,
}
