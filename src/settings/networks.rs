//! IP networks.

use std::str::FromStr;

use ipnet::IpNet;

/// A comma separated list of networks in CIDR notation (RFC 4632). An address by itself is a network too.
#[derive(Clone, Debug, Default)]
pub struct Networks(Vec<IpNet>);

impl Networks {
    /// The networks.
    pub fn as_slice(&self) -> &[IpNet] {
        &self.0
    }
}

impl FromStr for Networks {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let networks = text.split(',').map(str::trim).filter(|network| !network.is_empty());
        networks.map(network).collect::<Result<_, _>>().map(Self)
    }
}

fn network(text: &str) -> Result<IpNet, String> {
    let parsed =
        text.parse::<IpNet>().ok().or_else(|| Some(IpNet::from(text.parse::<std::net::IpAddr>().ok()?)));
    parsed.ok_or_else(|| format!("{text:?} is no network such as 10.0.0.0/8"))
}
