//! What people may do in their tenant, and to each other.

use super::Invalid;

/// What a user may do in its tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Founded the tenant or was made an owner.
    Owner,
    /// Runs the tenant together with the owners.
    Admin,
    /// Writes notes.
    Member,
}

impl Role {
    /// All of them, the highest first.
    pub const ALL: [Self; 3] = [Self::Owner, Self::Admin, Self::Member];

    /// The word in the database and in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Member => "member",
        }
    }

    /// Reads what was typed or sent.
    ///
    /// # Errors
    /// A sentence for the field.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or(Invalid("A role is owner, admin or member."))
    }

    /// Reads the word in the database; an unknown one is the least.
    pub(crate) fn from_row(word: &str) -> Self {
        match word {
            "owner" => Self::Owner,
            "admin" => Self::Admin,
            _ => Self::Member,
        }
    }

    /// Whether people of this role invite others and see their e-mails.
    pub fn may_manage_members(self) -> bool {
        self != Self::Member
    }

    /// Whether people of this role decide about people of the role `other`, and give it away.
    pub fn may_manage(self, other: Self) -> bool {
        match self {
            Self::Owner => true,
            Self::Admin => other != Self::Owner,
            Self::Member => false,
        }
    }

    /// Whether people of this role invite, and for the role `other` where one is named.
    ///
    /// # Errors
    /// A sentence for those who may not.
    pub fn may_invite(self, other: Option<Self>) -> Result<(), Invalid> {
        if !self.may_manage_members() {
            return Err(Invalid("Only owners and admins invite."));
        }
        if other.is_some_and(|other| !self.may_manage(other)) {
            return Err(Invalid("Only an owner invites owners."));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Role;

    #[test]
    fn owners_rule_everybody_admins_all_but_owners_and_members_nobody() {
        let ruled = |ruler: Role| Role::ALL.map(|role| ruler.may_manage(role));
        assert_eq!(ruled(Role::Owner), [true, true, true]);
        assert_eq!(ruled(Role::Admin), [false, true, true]);
        assert_eq!(ruled(Role::Member), [false, false, false]);
        assert!(Role::parse("Owner").is_err() && Role::parse("").is_err());
    }
}
