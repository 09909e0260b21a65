//! Text inside HTML.

/// Writes a text so that it is text and nothing else, inside elements and inside attributes.
pub fn push_escaped(text: &str, html: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
        html.push_str(&rest[..at]);
        html.push_str(match rest.as_bytes()[at] {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&quot;",
            _ => "&#39;",
        });
        rest = &rest[at + 1..];
    }
    html.push_str(rest);
}

/// Writes text of several lines, each on a line of its own.
pub fn push_lines(text: &str, html: &mut String) {
    for (index, line) in text.trim_end_matches('\n').split('\n').enumerate() {
        if index > 0 {
            html.push_str("<br>\n");
        }
        push_escaped(line, html);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_character_ends_the_text_or_the_attribute() {
        let mut html = String::new();
        push_escaped("<b a=\"'\">é & \u{1f54a}", &mut html);
        assert_eq!(html, "&lt;b a=&quot;&#39;&quot;&gt;é &amp; \u{1f54a}");
    }
}
