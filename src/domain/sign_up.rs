//! Who may sign up: the operator's rule for new accounts.

use std::str::FromStr;

use super::Email;

/// The ways in which new accounts are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignUpMode {
    /// Users found organizations, join open ones, and join by invitation.
    #[default]
    Open,
    /// Users join by invitation only.
    Invitation,
    /// No account is made.
    Closed,
}

impl FromStr for SignUpMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.to_lowercase().as_str() {
            "open" => Ok(Self::Open),
            "invitation" => Ok(Self::Invitation),
            "closed" => Ok(Self::Closed),
            other => Err(format!("is {other:?}; it must be open, invitation or closed")),
        }
    }
}

/// The rule by which a sign-up is refused or not.
#[derive(Clone, Debug, Default)]
pub struct SignUpPolicy {
    pub mode: SignUpMode,
    /// The domains of e-mail addresses that sign up without an invitation, as [`ascii_domain`] gives them;
    /// all when empty.
    pub domains: Vec<String>,
}

/// Why a sign-up is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignUpRefusal {
    Closed,
    InvitationOnly,
    EmailDomain,
}

/// The form in which the domain name system knows a domain: A-labels (RFC 5890, 2.3.2.1), made as in UTS 46
/// without the transitional mapping, so that `straße` is not `strasse`. None for a text that is no domain.
pub fn ascii_domain(text: &str) -> Option<String> {
    idna::domain_to_ascii(text).ok().filter(|domain| !domain.is_empty())
}

impl SignUpPolicy {
    /// Whether a new account may be made, with an invitation or without.
    ///
    /// # Errors
    /// The reason, when it may not.
    pub fn permit(&self, invited: bool, email: Option<&Email>) -> Result<(), SignUpRefusal> {
        match self.mode {
            SignUpMode::Closed => Err(SignUpRefusal::Closed),
            _ if invited => Ok(()),
            SignUpMode::Invitation => Err(SignUpRefusal::InvitationOnly),
            SignUpMode::Open if self.domains.is_empty() => Ok(()),
            SignUpMode::Open => {
                // As it was typed: the key of an address makes one of names that only look the same.
                let typed = email.and_then(|email| email.shown().rsplit_once('@'));
                let domain = typed.and_then(|(_, domain)| ascii_domain(domain));
                let known = domain.is_some_and(|domain| self.domains.contains(&domain));
                if known { Ok(()) } else { Err(SignUpRefusal::EmailDomain) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_exactly_a_listed_domain_sign_up_without_an_invitation() {
        let policy = SignUpPolicy {
            mode: SignUpMode::Open,
            domains: ["example.org", "strasse.de", "münchen.de", "microsoft.com"]
                .into_iter()
                .filter_map(ascii_domain)
                .collect(),
        };
        for (address, allowed) in [
            ("a@mıcrosoft.com", false),
            ("a@microsoft.com", true),
            ("a@straße.de", false),
            ("a@STRASSE.de", true),
            ("a@münchen.de", true),
            ("a@mu\u{308}nchen.de", true),
            ("a@xn--mnchen-3ya.de", true),
            ("a@munchen.de", false),
            ("a@example.org", true),
            ("A@EXAMPLE.ORG", true),
            ("a@sub.example.org", false),
            ("a@example.org.evil.test", false),
            ("a@notexample.org", false),
            ("\"a@example.org\"@evil.test", false),
            ("", false),
        ] {
            let email = Email::parse_optional(address).ok().flatten();
            assert_eq!(policy.permit(false, email.as_ref()).is_ok(), allowed, "{address}");
            assert!(policy.permit(true, email.as_ref()).is_ok(), "{address}");
        }
    }
}
