//! Settings of sign-up.

use std::str::FromStr;

use crate::domain::{SignUpMode, SignUpPolicy};

/// The rules for new accounts.
#[derive(Clone, Debug, clap::Args)]
pub struct SignUpSettings {
    /// new accounts: open (a new name founds an organization), invitation (by invitation only) or closed (not
    /// by invitation either)
    ///
    /// Default: open; production warns until it is set
    #[arg(long, env = "SIGN_UP")]
    pub sign_up: Option<SignUpMode>,
    /// domains of e-mail addresses that sign up without an invitation, comma separated, such as example.org;
    /// addresses are not confirmed
    ///
    /// Default: all
    #[arg(long, env = "SIGN_UP_DOMAINS", default_value = "")]
    pub sign_up_domains: EmailDomains,
}

/// A comma separated list of domains, in lower case.
#[derive(Clone, Debug, Default)]
pub struct EmailDomains(Vec<String>);

impl FromStr for EmailDomains {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        names.map(domain).collect::<Result<_, _>>().map(Self)
    }
}

fn domain(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-');
    if text.chars().all(plain) && !text.starts_with('.') && !text.ends_with('.') {
        Ok(text.to_lowercase())
    } else {
        Err(format!("{text:?} is no domain such as example.org"))
    }
}

impl SignUpSettings {
    /// The rule for new accounts.
    pub fn policy(&self) -> SignUpPolicy {
        SignUpPolicy { mode: self.sign_up.unwrap_or_default(), domains: self.sign_up_domains.0.clone() }
    }

    pub(super) fn check(&self, production: bool, warnings: &mut Vec<String>) {
        if production && self.sign_up.is_none() && self.sign_up_domains.0.is_empty() {
            warnings.push(
                "SIGN_UP is not set: every visitor may sign up and found organizations; set SIGN_UP to open, \
                 invitation or closed"
                    .to_owned(),
            );
        }
    }
}
