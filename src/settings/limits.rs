//! Settings of how much an organization and a person may use, unless an operator set something else for the
//! organization.

use crate::domain::{Limit, UsageLimits, parse_amount};

/// How much an organization and a person may use. 0 is no limit.
#[derive(Clone, Debug, clap::Args)]
pub struct LimitSettings {
    /// members of an organization, or none
    #[arg(long, env = "LIMIT_MEMBERS", default_value = "1000", value_parser = parse_amount)]
    members: i64,
    /// notes of an organization, without those in the bin, or none
    #[arg(long, env = "LIMIT_NOTES", default_value = "1000000", value_parser = parse_amount)]
    notes: i64,
    /// notes of one person, without those in the bin, or none
    #[arg(long, env = "LIMIT_NOTES_PER_PERSON", default_value = "100000", value_parser = parse_amount)]
    notes_per_person: i64,
    /// bytes of an organization's texts, such as 2Gi, with the bin and earlier texts and 256 more for each
    /// text, or none
    #[arg(long, env = "LIMIT_BYTES", default_value = "2Gi", value_parser = parse_amount)]
    bytes: i64,
    /// bearer tokens of one person, or none
    #[arg(long, env = "LIMIT_TOKENS_PER_PERSON", default_value = "100", value_parser = parse_amount)]
    tokens_per_person: i64,
    /// browsers in which one person is logged in, or none; a login beyond it ends the one unused for longest
    #[arg(long, env = "LIMIT_SESSIONS_PER_PERSON", default_value = "100", value_parser = parse_amount)]
    sessions_per_person: i64,
    /// imports of an organization that run at one time, with their uploads, or none
    #[arg(long, env = "LIMIT_IMPORTS", default_value = "4", value_parser = parse_amount)]
    imports: i64,
    /// requests a second of an organization in each process, with twice as many at once, or none
    #[arg(long, env = "LIMIT_REQUESTS", default_value = "200", value_parser = parse_amount)]
    requests: i64,
    /// requests a second of one person in each process, with twice as many at once, or none
    #[arg(long, env = "LIMIT_REQUESTS_PER_PERSON", default_value = "50", value_parser = parse_amount)]
    requests_per_person: i64,
}

impl LimitSettings {
    /// The limits of an organization for which an operator set nothing.
    pub fn limits(&self) -> UsageLimits {
        UsageLimits::of(|limit| match limit {
            Limit::Members => self.members,
            Limit::Notes => self.notes,
            Limit::NotesPerPerson => self.notes_per_person,
            Limit::Bytes => self.bytes,
            Limit::TokensPerPerson => self.tokens_per_person,
            Limit::SessionsPerPerson => self.sessions_per_person,
            Limit::Imports => self.imports,
            Limit::Requests => self.requests,
            Limit::RequestsPerPerson => self.requests_per_person,
        })
    }
}
