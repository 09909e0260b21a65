//! Settings of sign-up.

use std::str::FromStr;

use crate::domain::{SignUpMode, SignUpPolicy, ascii_domain};

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

/// A comma separated list of domains, as [`ascii_domain`] gives them.
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
    // Combining marks are no letters, and part of many of them.
    let plain = |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    let domain = Some(text).filter(|text| !text.starts_with('.') && !text.ends_with('.'));
    let domain = domain.filter(|text| text.chars().all(plain)).and_then(ascii_domain);
    domain.ok_or_else(|| format!("{text:?} is no domain such as example.org"))
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
