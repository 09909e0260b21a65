//! Settings of what clients may take of the process: connections and memory.

use super::parsers;

/// How many connections clients may have, and how much memory their requests may hold.
#[derive(Clone, Debug, clap::Args)]
pub struct ConnectionSettings {
    /// open connections of all clients; the longest idle one of the client with the most gives way to a new
    /// one
    ///
    /// Default: the limit of open files less 256 for the program itself, 10240 at most
    #[arg(long, env = "CONNECTIONS_LIMIT", value_parser = parsers::whole_number(1usize..=1_000_000))]
    pub connections_limit: Option<usize>,
    /// open connections of one IPv4 address or one IPv6 network of 64 bits; those in PROXY_TRUSTED have no
    /// such limit
    #[arg(
        long,
        env = "CONNECTIONS_PER_ADDRESS",
        default_value = "100",
        value_parser = parsers::whole_number(1usize..=1_000_000)
    )]
    pub connections_per_address: usize,
    // A client alone may have a quarter, which has to hold the longest answer twice, 5 MB of JSON.
    /// MiB that bodies of requests and answers may hold at one time; one client address and one organization
    /// may have a quarter of it each
    #[arg(
        long,
        env = "MEMORY_BUDGET",
        default_value = "64",
        value_parser = parsers::whole_number(64usize..=65_536)
    )]
    pub memory_budget: usize,
}
