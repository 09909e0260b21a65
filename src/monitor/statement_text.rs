//! Reads tenant and shards from the text of a statement, and masks the values in it.

/// The tenant in the comment that Citus writes before a statement between nodes: `/*{"cId":5,"tId":"7"}*/`.
pub(super) fn tenant(text: &str) -> Option<&str> {
    let (comment, _) = text.trim_start().strip_prefix("/*{")?.split_once("*/")?;
    let (tenant, _) = comment.split_once("\"tId\":\"")?.1.split_once('"')?;
    Some(tenant)
}

/// The statement without that comment.
pub(super) fn without_tenant(text: &str) -> &str {
    let trimmed = text.trim_start();
    trimmed
        .strip_prefix("/*{")
        .and_then(|rest| rest.split_once("*/"))
        .map_or(trimmed, |(_, rest)| rest.trim_start())
}

/// The shards whose tables the statement names, as `notes_102008`. At most 8, each once.
pub(super) fn shards(text: &str) -> Vec<i64> {
    let mut found = Vec::new();
    for word in text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_')) {
        let Some((name, number)) = word.rsplit_once('_') else { continue };
        let digits = number.len() >= 6 && number.bytes().all(|byte| byte.is_ascii_digit());
        let named = name.starts_with(|letter: char| letter.is_ascii_alphabetic());
        if let Some(shard) =
            (digits && named).then(|| number.parse().ok()).flatten().filter(|shard| !found.contains(shard))
        {
            found.push(shard);
        }
        if found.len() >= 8 {
            break;
        }
    }
    found
}

/// The statement in one line, with … in place of quoted values: Citus may write tenants' values into
/// statements between nodes. A quoted value that is cut off at the end of the text is masked too.
pub(super) fn masked(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(['\'', '"', '$', '-', '/']) {
        shown.push_str(&rest[..start]);
        let escapes = shown.ends_with(['E', 'e']);
        let (mark, after) = token(&rest[start..], escapes);
        shown.push_str(mark);
        rest = after;
    }
    shown.push_str(rest);
    shown.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What to show of the token at the start of `text`, and the text after the token. Comments are removed: a
/// quote in a comment does not start a value.
fn token(text: &str, escapes: bool) -> (&str, &str) {
    let plain = (&text[..1], &text[1..]);
    match text.as_bytes() {
        [b'\'', ..] => ("'…'", after_quote(&text[1..], escapes)),
        [b'"', ..] => text[1..].find('"').map_or(("", ""), |end| text.split_at(end + 2)),
        [b'-', b'-', ..] => (" ", text.find('\n').map_or("", |end| &text[end..])),
        [b'/', b'*', ..] => (" ", text.find("*/").map_or("", |end| &text[end + 2..])),
        [b'$', ..] => after_dollars(text).map_or(plain, |after| ("'…'", after)),
        _ => plain,
    }
}

/// The text after a quoted value. A doubled quote ends it and starts another one, which is masked as well.
fn after_quote(inside: &str, escapes: bool) -> &str {
    let mut escaped = false;
    for (place, letter) in inside.char_indices() {
        match letter {
            '\'' if !escaped => return &inside[place + 1..],
            letter => escaped = escapes && letter == '\\' && !escaped,
        }
    }
    ""
}

/// The text after `$tag$…$tag$`; none when the text is a parameter such as `$1`.
fn after_dollars(text: &str) -> Option<&str> {
    let tag = &text[..text[1..].find('$')? + 2];
    let name = &tag[1..tag.len() - 1];
    let named = name.chars().all(|letter| letter.is_alphanumeric() || letter == '_')
        && !name.starts_with(|c: char| c.is_ascii_digit());
    let inside = &text[tag.len()..];
    named.then(|| inside.find(tag).map_or("", |end| &inside[end + tag.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenant_and_shards_are_read_from_a_statement_between_nodes() {
        let text = "/*{\"cId\":5,\"tId\":\"7\"}*/ SELECT * FROM public.notes_102008 n \
            JOIN public.shares_102040 s USING (note_id)";
        assert_eq!(tenant(text), Some("7"));
        assert!(without_tenant(text).starts_with("SELECT"));
        assert_eq!(shards(text), [102_008, 102_040]);
        assert_eq!(tenant("SELECT 1"), None);
        assert_eq!(shards("SELECT a_12, 1234567, _1234567 FROM notes"), Vec::<i64>::new());
    }

    #[test]
    fn quoted_values_are_masked() {
        for (text, shown) in [
            ("SELECT  1", "SELECT 1"),
            (
                "INSERT INTO n VALUES (7, 'a secret', $1, 'it''s')",
                "INSERT INTO n VALUES (7, '…', $1, '…''…')",
            ),
            (r"SELECT E'a\'secret' x", "SELECT E'…' x"),
            ("SELECT $a$ it's secret $a$, $2, $$secret$$", "SELECT '…', $2, '…'"),
            ("UPDATE n SET a = 'cut off in the mi", "UPDATE n SET a = '…'"),
            ("SELECT $a$ cut", "SELECT '…'"),
            ("SELECT $1 || $2 - 3 / 4", "SELECT $1 || $2 - 3 / 4"),
            (r"SELECT 'C:\', 'secret'", "SELECT '…', '…'"),
            (
                "/* it's */ SELECT 'secret' -- it's\n FROM \"it's\" WHERE a = 'secret'",
                "SELECT '…' FROM \"it's\" WHERE a = '…'",
            ),
        ] {
            assert_eq!(masked(text), shown, "{text}");
        }
    }
}
