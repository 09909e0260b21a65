//! Links: which targets are followed, and addresses in the text that become links.

use linkify::{LinkFinder, LinkKind};
use url::Url;

use super::inline::push_escaped;

/// The longest word in which addresses are looked for.
const LONGEST_ADDRESS: usize = 1024;

const SCHEMES: [&str; 3] = ["http", "https", "mailto"];

/// Where a link leads.
#[derive(Debug, PartialEq, Eq)]
pub enum Target {
    /// To the web or to a mailbox.
    Away(String),
    /// To a section of the same text, by the name that the text gives it.
    Section(String),
}

impl Target {
    /// The target of a link as it was typed; none for a target that is neither.
    pub fn parse(typed: &str) -> Option<Self> {
        if let Some(section) = typed.strip_prefix('#') {
            return Some(Self::Section(
                percent_encoding::percent_decode_str(section).decode_utf8().ok()?.into(),
            ));
        }
        // A browser reads a backslash as a slash, which may be another place than the one that is shown.
        let url =
            Url::parse(&typed.replace('\\', "%5C")).ok().filter(|url| SCHEMES.contains(&url.scheme()))?;
        Some(Self::Away(url.into()))
    }

    /// The target of an address in angle brackets that is one of e-mail.
    pub fn mailbox(address: &str) -> Option<Self> {
        Self::parse(&format!("mailto:{address}"))
    }

    /// Writes the opening tag of a link to another site.
    pub fn push_opening_tag(&self, title: &str, html: &mut String, section_id: impl Fn(&str) -> String) {
        match self {
            Self::Away(url) => {
                html.push_str("<a href=\"");
                push_escaped(url, html);
                html.push_str("\" rel=\"noopener noreferrer nofollow\"");
            }
            Self::Section(name) => {
                html.push_str("<a href=\"#");
                push_escaped(&section_id(name), html);
                html.push('"');
            }
        }
        if !title.is_empty() {
            html.push_str(" title=\"");
            push_escaped(title, html);
            html.push('"');
        }
        html.push('>');
    }
}

/// Writes a text in which addresses of the web and of mailboxes are links.
pub fn push_linked(text: &str, html: &mut String) {
    for word in text.split_inclusive(char::is_whitespace) {
        // The time of the finder may grow with the square of its text.
        let may_have_address = word.len() <= LONGEST_ADDRESS
            && (word.contains("://") || word.contains("www.") || word.contains('@'));
        if may_have_address { push_linked_word(word, html) } else { push_escaped(word, html) }
    }
}

fn push_linked_word(word: &str, html: &mut String) {
    let mut finder = LinkFinder::new();
    finder.kinds(&[LinkKind::Url, LinkKind::Email]).url_must_have_scheme(false);
    for span in finder.spans(word) {
        let target = match span.kind() {
            Some(LinkKind::Email) => Target::mailbox(span.as_str()),
            Some(LinkKind::Url) => web_address(span.as_str()),
            _ => None,
        };
        match target {
            Some(target) => {
                target.push_opening_tag("", html, str::to_owned);
                push_escaped(span.as_str(), html);
                html.push_str("</a>");
            }
            None => push_escaped(span.as_str(), html),
        }
    }
}

/// An address with `http://`, `https://` or `www.` (GitHub Flavored Markdown, 6.9). Others may be the name of
/// a file.
fn web_address(typed: &str) -> Option<Target> {
    if typed.starts_with("www.") {
        return Target::parse(&format!("https://{typed}"));
    }
    let is_web = typed.starts_with("http://") || typed.starts_with("https://");
    if is_web { Target::parse(typed) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn linked(text: &str) -> String {
        let mut html = String::new();
        push_linked(text, &mut html);
        html.replace(" rel=\"noopener noreferrer nofollow\"", "")
    }

    #[test]
    fn addresses_in_a_text_become_links_without_the_punctuation_around_them() {
        for (text, html) in [
            (
                "see https://example.org/a_b_c. and (www.example.org)",
                "see <a href=\"https://example.org/a_b_c\">https://example.org/a_b_c</a>. and \
                 (<a href=\"https://www.example.org/\">www.example.org</a>)",
            ),
            ("mail a@example.org!", "mail <a href=\"mailto:a@example.org\">a@example.org</a>!"),
            (
                "https://e.org/?a=1&b=\"",
                "<a href=\"https://e.org/?a=1&amp;b=\">https://e.org/?a=1&amp;b=</a>&quot;",
            ),
        ] {
            assert_eq!(linked(text), html);
        }
    }

    #[test]
    fn other_words_stay_text() {
        for text in ["notes.md", "e.g. this", "javascript://x", "ftp://e.org", "a @ b", "www.", "http://"] {
            assert_eq!(linked(text), text);
        }
    }

    #[test]
    fn links_lead_to_the_web_to_mailboxes_and_to_sections() {
        for bad in ["javascript:alert(1)", "data:text/html,x", "//e.org", "/notes/1", "x", "", "vbscript:x"] {
            assert_eq!(Target::parse(bad), None, "{bad}");
        }
        assert_eq!(Target::parse("#a%20b"), Some(Target::Section("a b".to_owned())));
        assert_eq!(Target::mailbox("a@b.cd"), Some(Target::Away("mailto:a@b.cd".to_owned())));
    }
}
