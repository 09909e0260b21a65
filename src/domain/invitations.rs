//! The terms of an invitation.

use super::{Invalid, Role};

const MOST_USES: i64 = 1000;
const LONGEST_SECONDS: i64 = 90 * 24 * 60 * 60;
const WEEK_SECONDS: i64 = 7 * 24 * 60 * 60;

/// The role that an invitation gives, to how many users, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvitationTerms {
    /// The role of users who accept it.
    pub role: Role,
    uses: i32,
    seconds: i64,
}

impl InvitationTerms {
    /// Combines parsed terms.
    pub fn new(role: Role, (uses, seconds): (i32, i64)) -> Self {
        Self { role, uses, seconds }
    }

    /// How many users may accept it: 1 to 1,000, by default 1.
    ///
    /// # Errors
    /// A sentence for the field.
    pub fn parse_uses(uses: Option<i64>) -> Result<i32, Invalid> {
        let uses = uses.unwrap_or(1);
        let fits = (1..=MOST_USES).contains(&uses);
        i32::try_from(uses).ok().filter(|_| fits).ok_or(Invalid("An invitation is for 1 to 1,000 people."))
    }

    /// How many seconds it lasts: a minute to 90 days, by default a week.
    ///
    /// # Errors
    /// A sentence for the field.
    pub fn parse_seconds(seconds: Option<i64>) -> Result<i64, Invalid> {
        let seconds = seconds.unwrap_or(WEEK_SECONDS);
        if (60..=LONGEST_SECONDS).contains(&seconds) {
            Ok(seconds)
        } else {
            Err(Invalid("An invitation lasts from a minute to 90 days."))
        }
    }

    /// How many users may accept it.
    pub(crate) fn uses(&self) -> i32 {
        self.uses
    }

    /// How long it lasts, as an interval of PostgreSQL.
    pub(crate) fn lifetime(&self) -> String {
        format!("{} seconds", self.seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::InvitationTerms;

    #[test]
    fn uses_and_seconds_have_bounds() {
        assert_eq!(InvitationTerms::parse_uses(None), Ok(1));
        for (uses, fits) in
            [(0, false), (1, true), (1000, true), (1001, false), (-1, false), (1 << 32, false)]
        {
            assert_eq!(InvitationTerms::parse_uses(Some(uses)).is_ok(), fits, "{uses}");
        }
        for (seconds, fits) in
            [(59, false), (60, true), (7_776_000, true), (7_776_001, false), (i64::MAX, false)]
        {
            assert_eq!(InvitationTerms::parse_seconds(Some(seconds)).is_ok(), fits, "{seconds}");
        }
    }
}
