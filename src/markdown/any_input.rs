//! Made-up Markdown (docs/decisions/0027).

use proptest::prelude::*;
use scraper::Html;

use super::html::{RenderOptions, html};
use super::tasks::set_task;

const ELEMENTS: &[&str] = &[
    "html",
    "div",
    "span",
    "p",
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
    "sup",
    "button",
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
            "[^1]: a\n",
            "- [ ] ",
            "> [!TIP]\n",
            "# ",
            "https://e.org/\"onclick=x",
            "a@e.org",
            "[s](#\"x)",
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
    fn any_markdown_becomes_a_bounded_page_of_known_elements(text in text(), title in "[a-c# ]{0,4}") {
        let rendered = html(&text, &RenderOptions { title, can_tick: true });
        let shown = rendered.html;
        prop_assert!(shown.len() <= 200 + text.len() * 140, "{} bytes of {}", shown.len(), text.len());
        let mut ids = std::collections::HashSet::new();
        for element in Html::parse_fragment(&shown).root_element().descendants() {
            let Some(element) = element.value().as_element() else { continue };
            prop_assert!(ELEMENTS.contains(&element.name()), "<{}> in {}", element.name(), shown);
            for (name, value) in element.attrs() {
                prop_assert!(!name.starts_with("on") && name != "style", "{} in {}", name, shown);
                if name == "href" {
                    let known =
                        ["http:", "https:", "mailto:", "#"].iter().any(|scheme| value.starts_with(scheme));
                    prop_assert!(known, "{} in {}", value, shown);
                }
                if name == "id" {
                    prop_assert!(ids.insert(value.to_owned()), "{} is twice in {}", value, shown);
                    let prefixes = ["section", "footnote-", "task-"];
                    prop_assert!(prefixes.iter().any(|prefix| value.starts_with(prefix)), "{}", value);
                }
            }
        }
        for number in 0..rendered.tasks.1 {
            let ticked = set_task(&text, number, true).expect("a task");
            prop_assert_eq!(html(&ticked, &RenderOptions::default()).tasks.1, rendered.tasks.1, "{}", ticked);
        }
        prop_assert!(set_task(&text, rendered.tasks.1, true).is_none());
    }
}
