//! Settings of what slows guesses and sign-ups down.

use super::parsers;

/// How much one address may try. An address is an IPv4 address or a /64 of IPv6; a network around it (/24 or
/// /48) may try four times as much.
#[derive(Clone, Debug, clap::Args)]
pub struct ThrottlingSettings {
    /// sign-ups that one address may make at once; then one a minute
    #[arg(
        long,
        env = "SIGN_UPS_PER_ADDRESS",
        default_value = "10",
        value_parser = parsers::whole_number(1u32..=1_000_000)
    )]
    pub sign_ups_per_address: u32,
    /// wrong passwords, and unknown tokens and invitations, that one address may send at once; then one a
    /// minute
    #[arg(
        long,
        env = "FAILURES_PER_ADDRESS",
        default_value = "30",
        value_parser = parsers::whole_number(1u32..=1_000_000)
    )]
    pub failures_per_address: u32,
    /// logins and sign-ups, also successful ones, that one process takes from one address at once; then two a
    /// second, and a sixth of that for one name or one known browser
    #[arg(
        long,
        env = "ATTEMPTS_PER_ADDRESS",
        default_value = "120",
        value_parser = parsers::whole_number(1u32..=1_000_000)
    )]
    pub attempts_per_address: u32,
}
