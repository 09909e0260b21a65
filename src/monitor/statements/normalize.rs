//! Makes the same statement on different shards and connections equal.

use super::stats::StatementScope;

/// The statement in one line without the shard numbers, and where it ran.
pub(super) fn normalized(query: &str) -> (String, StatementScope) {
    let (text, on_shard) = without_shard_numbers(query);
    let text = without_prepare(&text);
    let text: String = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(2000).collect();
    let one_tenant = text.contains("tenant_id = $") || text.contains("identifier_hash = $");
    let scope = if on_shard {
        StatementScope::OnTheShard
    } else if one_tenant {
        StatementScope::OneTenant
    } else {
        StatementScope::Other
    };
    (text, scope)
}

/// Removes the `_102008` of shard tables' names. True if there was one.
fn without_shard_numbers(query: &str) -> (String, bool) {
    let mut text = String::with_capacity(query.len());
    let mut on_shard = false;
    let mut rest = query;
    while let Some(at) = rest.find('_') {
        let (before, after) = rest.split_at(at);
        let digits = after[1..].bytes().take_while(u8::is_ascii_digit).count();
        text.push_str(before);
        let ends = after[1 + digits..]
            .bytes()
            .next()
            .is_none_or(|byte| !byte.is_ascii_alphanumeric() && byte != b'_');
        if digits >= 6 && ends {
            on_shard = true;
        } else {
            text.push_str(&after[..=digits]);
        }
        rest = &after[1 + digits..];
    }
    text.push_str(rest);
    (text, on_shard)
}

/// A prepared statement without `PREPARE name AS`, as the name differs between sessions.
fn without_prepare(text: &str) -> &str {
    let rest = text
        .strip_prefix("PREPARE ")
        .and_then(|rest| rest.split_once(" AS "))
        .filter(|(name, _)| !name.contains(' '));
    rest.map_or(text, |(_, statement)| statement)
}

/// The key of a statement in the samples: FNV-1a of its text, which is the same in every process and version.
pub(in crate::monitor) fn hash_of(text: &str) -> i64 {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    i64::from_ne_bytes(hash.to_ne_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shard_numbers_are_removed_and_other_numbers_stay() {
        let (text, scope) = normalized(
            "SELECT n.id FROM notes_102034 n\n  JOIN shared.users_102012 u USING (tenant_id) \
             WHERE n.tenant_id = $1",
        );
        assert_eq!(
            (text.as_str(), scope),
            (
                "SELECT n.id FROM notes n JOIN shared.users u USING (tenant_id) WHERE n.tenant_id = $1",
                StatementScope::OnTheShard
            )
        );
        assert_eq!(
            normalized("SELECT a_12, b_1234567x, $1 FROM t_1").0,
            "SELECT a_12, b_1234567x, $1 FROM t_1"
        );
        assert_eq!(normalized("UPDATE notes SET x = $2 WHERE tenant_id = $1").1, StatementScope::OneTenant);
        assert_eq!(normalized("PREPARE read2 AS SELECT 1").0, "SELECT 1");
        assert_eq!(normalized("SELECT é_ FROM _").0, "SELECT é_ FROM _");
    }
}
