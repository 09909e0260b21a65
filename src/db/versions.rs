//! Differences between the supported versions of PostgreSQL and Citus; docs/cluster.md has the table.

/// The oldest major version of PostgreSQL on which the schema works.
pub(crate) const OLDEST: u32 = 15;
/// The newest major version that was tested.
pub(crate) const NEWEST: u32 = 18;

/// The privilege to take a role, for `pg_has_role`. Since PostgreSQL 16 the creator of a role is its member
/// with ADMIN OPTION only, so that MEMBER does not imply SET ROLE; older versions do not know SET.
pub(crate) const MAY_TAKE_ROLE: &str =
    "CASE WHEN current_setting('server_version_num')::integer >= 160000 THEN 'SET' ELSE 'MEMBER' END";

/// A version of Citus, with the versions of PostgreSQL that it supports.
struct Release {
    citus: Citus,
    oldest: u32,
    newest: u32,
}

/// The tested versions of Citus, each with the versions of PostgreSQL that its `configure` accepts.
const TESTED: [Release; 2] = [
    Release { citus: Citus { major: 13, minor: 2 }, oldest: 15, newest: 17 },
    Release { citus: Citus { major: 14, minor: 0 }, oldest: 16, newest: 18 },
];

/// A version of the Citus extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Citus {
    major: u32,
    minor: u32,
}

impl Citus {
    /// Reads the version of the extension, such as "13.2-1", or of the library, such as "14.0.1".
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map(str::parse);
        let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else { return None };
        Some(Self { major, minor })
    }

    /// Whether `citus_create_restore_point` itself blocks the commits of all nodes, since Citus 14. It then
    /// waits for another session that blocks them already.
    pub(crate) fn holds_commits_for_restore_points(self) -> bool {
        self.major >= 14
    }

    /// A warning for an operator who runs it on this major version of PostgreSQL; none when that combination
    /// was tested.
    pub(crate) fn advice(self, postgresql: u32) -> Option<String> {
        let Some(release) = TESTED.iter().find(|release| release.citus == self) else {
            let tried = TESTED.map(|release| release.citus.to_string()).join(" and ");
            return Some(format!("Citus {self} was not tried with this program; {tried} were"));
        };
        let (oldest, newest) = (release.oldest, release.newest);
        (!(oldest..=newest).contains(&postgresql)).then(|| {
            format!("Citus {self} is made for PostgreSQL {oldest} to {newest}; here is {postgresql}")
        })
    }
}

impl std::fmt::Display for Citus {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::Citus;

    fn citus(text: &str) -> Citus {
        Citus::parse(text).expect("a version")
    }

    #[test]
    fn a_version_is_read_in_both_forms() {
        assert_eq!(citus("13.2-1"), citus("13.2.2"));
        assert_eq!(citus("14.0.1").to_string(), "14.0");
        assert!(citus("9.5-1") < citus("13.2-1"));
        assert!(["", "14", "x.y"].iter().all(|text| Citus::parse(text).is_none()));
    }

    #[test]
    fn untested_combinations_give_a_warning() {
        assert_eq!(citus("13.2-1").advice(15), None);
        assert_eq!(citus("14.0-1").advice(18), None);
        assert!(citus("14.0-1").advice(15).is_some_and(|text| text.contains("PostgreSQL 16 to 18")));
        assert!(citus("14.1-1").advice(18).is_some_and(|text| text.contains("13.2 and 14.0")));
    }
}
