//! Made-up Markdown (docs/decisions/0027).

use proptest::prelude::*;
use scraper::Html;

use super::markdown::markdown;

const ELEMENTS: &[&str] = &[
    "html",
    "p",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "em",
    "strong",
    "del",
    "code",
    "pre",
    "blockquote",
    "ul",
    "ol",
    "li",
    "a",
    "hr",
    "br",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
];

/// Markup, and pieces that browsers take for more than text.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "(?s:.{0,12})",
        "[-*_`~#>|:\\[\\]()!<>&\\\\\n\t 0-9.=\"']{0,16}",
        prop::sample::select(vec![
            "<script>alert(1)</script>",
            "<img src=x onerror=alert(1)>",
            "[a](javascript:alert(1))",
            "[a](https://e.org/\" onclick=\"x)",
            "![a](https://e.org/i.png \"t\")",
            "<https://e.org/?a=\"&b>",
            "| a | b |\n|:-:|--:|\n| c |",
            "```rust\nx\n```",
            "&lt;b&gt;",
            "&#x3c;script&#x3e;",
            "</textarea>",
            "- ",
            "> ",
            "1. ",
            "[a]: data:text/html,x\n",
            "[^1]",
            "\r\n",
            "\u{0}",
            "\u{202e}",
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_markdown_becomes_a_bounded_page_of_known_elements(text in text()) {
        let shown = markdown(&text).html;
        prop_assert!(shown.len() <= 200 + text.len() * 60, "{} bytes of {}", shown.len(), text.len());
        for element in Html::parse_fragment(&shown).root_element().descendants() {
            let Some(element) = element.value().as_element() else { continue };
            prop_assert!(ELEMENTS.contains(&element.name()), "<{}> in {}", element.name(), shown);
            for (name, value) in element.attrs() {
                prop_assert!(!name.starts_with("on"), "{} in {}", name, shown);
                if name == "href" {
                    let known = ["http:", "https:", "mailto:"].iter().any(|scheme| value.starts_with(scheme));
                    prop_assert!(known, "{} in {}", value, shown);
                }
            }
        }
    }
}
