//! Settings of a Citus cluster's nodes.

use std::time::Duration;

use clap::ArgAction;

use super::parsers;
use super::secret::Secret;

/// How the nodes of a cluster are reached, and how they reach each other.
#[derive(Clone, Debug, clap::Args)]
pub struct ClusterSettings {
    /// seconds that the console, its numbers and `cluster status` wait for an answer of a database server
    #[arg(
        long,
        env = "NODE_TIMEOUT",
        alias = "NODE_PATIENCE",
        default_value = "1.2",
        value_parser = parsers::seconds(0.1..=60.0)
    )]
    pub node_timeout: Duration,
    /// on or off: on Citus, send a tenant's work to the node that holds its shard
    #[arg(
        long,
        env = "TENANT_ROUTING",
        action = ArgAction::Set,
        default_value = "on",
        value_parser = parsers::on_or_off
    )]
    pub tenant_routing: bool,
    /// for migrate and cluster init: the password of our database roles; Citus nodes connect to each other as
    /// the role that runs the query
    ///
    /// Default: none: the nodes of a cluster trust each other, or roles have passwords already
    #[arg(long, env = "NODE_PASSWORD")]
    pub node_password: Option<Secret>,
    /// for migrate and cluster init: makes the login pigeonhole_web with this password, which is enough for
    /// serve
    ///
    /// Default: none: serve connects as an administrator
    #[arg(long, env = "WEB_PASSWORD")]
    pub web_password: Option<Secret>,
}
