//! The examples of the specifications, with the differences that are intended (docs/decisions/0038).

use pulldown_cmark::Event;
use scraper::node::Element;
use scraper::{ElementRef, Html, Node};
use serde::Deserialize;

use super::headings::id_of;
use super::html::{RenderOptions, html};
use super::links::Target;
use super::parser::events;

#[derive(Deserialize)]
struct Example {
    example: usize,
    markdown: String,
    html: String,
}

/// Examples whose result differs, and why.
const DIFFERENT: &[(usize, &str)] = &[
    (575, DESCRIPTION),
    (578, DESCRIPTION),
    (579, DESCRIPTION),
    (583, "an image without a description is shown as its address"),
    (587, DESCRIPTION),
    (591, DESCRIPTION),
    (604, ADDRESS),
    (608, ADDRESS),
    (610, ADDRESS),
    (613, ADDRESS),
    (614, ADDRESS),
];
const DIFFERENT_OF_EXTENSIONS: &[(usize, &str)] = &[
    (202, CELLS),
    (204, CELLS),
    (621, HTTPS),
    (622, HTTPS),
    (623, HTTPS),
    (624, HTTPS),
    (625, HTTPS),
    (626, HTTPS),
    (627, HTTPS),
    (631, "the name of a mailbox's domain ends with two letters at least"),
];
const DESCRIPTION: &str = "an image is its description, with its emphasis";
const ADDRESS: &str = "addresses in a text are links, as GFM wants it";
const CELLS: &str = "cells that a row lacks are not added";
const HTTPS: &str = "an address that begins with www. leads to https";

/// Whether the text has HTML, which is shown as text: the example's result cannot be compared.
fn has_html(markdown: &str) -> bool {
    events(markdown).any(|(event, _)| matches!(event, Event::Html(_) | Event::InlineHtml(_)))
}

/// The content of a piece of HTML, without what is ours: directions, ids, classes, buttons, the level of
/// headings, targets of links that lead nowhere here, and the difference of line breaks.
fn content(html: &str) -> String {
    let mut content = String::new();
    push_children(Html::parse_fragment(html).root_element(), false, &mut content);
    content.trim().to_owned()
}

fn push_children(element: ElementRef<'_>, in_code: bool, content: &mut String) {
    for child in element.children() {
        match child.value() {
            Node::Text(text) if in_code => content.push_str(text),
            Node::Text(text) => push_words(text, content),
            _ => {
                if let Some(child) = ElementRef::wrap(child) {
                    push_element(child, in_code, content);
                }
            }
        }
    }
}

/// Writes a text with one space for each run of spaces and line breaks.
fn push_words(text: &str, content: &mut String) {
    for (index, word) in text.split(char::is_whitespace).enumerate() {
        if index > 0 && !content.ends_with([' ', '>']) {
            content.push(' ');
        }
        content.push_str(word);
    }
}

fn push_element(shown: ElementRef<'_>, in_code: bool, content: &mut String) {
    let element = shown.value();
    let name = element.name();
    let is_heading = name.len() == 2 && name.starts_with('h') && name != "hr";
    let tag = match name {
        "html" | "div" | "span" | "button" => None,
        "a" if element.attr("class") == Some("anchor") => return,
        "a" => element
            .attr("href")
            .and_then(target)
            .map(|target| format!("a {target} {:?}", element.attr("title").unwrap_or_default())),
        "img" => return push_words(element.attr("alt").unwrap_or_default(), content),
        "br" => return push_words(" ", content),
        "ol" => Some(format!("ol {}", element.attr("start").unwrap_or("1"))),
        "th" | "td" => Some(format!("{name} {}", alignment(element))),
        "input" => Some(format!("input {}", element.attr("checked").is_some())),
        _ if is_heading => Some("h".to_owned()),
        _ => Some(name.to_owned()),
    };
    let Some(tag) = tag else { return push_children(shown, in_code, content) };
    if matches!(name, "ul" | "ol" | "blockquote" | "pre" | "p") && content.ends_with(' ') {
        content.pop();
    }
    content.push_str(&format!("<{tag}>"));
    push_children(shown, in_code || name == "pre", content);
    if !in_code && name != "pre" && content.ends_with(' ') {
        content.pop();
    }
    content.push_str("</>");
}

/// Where a link leads, in one spelling.
fn target(href: &str) -> Option<String> {
    Some(match Target::parse(href)? {
        Target::Away(url) => url.replace('[', "%5B").replace(']', "%5D"),
        Target::Section(name) => id_of(name.trim_start_matches("section-")),
    })
}

fn alignment(element: &Element) -> &str {
    let class = element.attr("class").unwrap_or_default();
    class.strip_prefix("align-").or(element.attr("align")).unwrap_or_default()
}

fn check(examples: &str, different: &[(usize, &str)]) {
    let examples: Vec<Example> = serde_json::from_str(examples).expect("examples");
    let mut findings = Vec::new();
    let mut compared = 0;
    for Example { example, markdown, html: wanted } in &examples {
        if has_html(markdown) {
            continue;
        }
        compared += 1;
        let shown = html(markdown, &RenderOptions::default()).html;
        let (wanted, shown) = (content(wanted), content(&shown));
        let is_listed = different.iter().any(|(number, _)| number == example);
        if (wanted != shown) != is_listed {
            findings.push(format!("example {example}: {markdown:?}\n  wanted {wanted}\n  shown  {shown}"));
        }
    }
    assert!(findings.is_empty(), "{} of {compared} differ:\n{}", findings.len(), findings.join("\n"));
}

#[test]
fn the_examples_of_commonmark_give_the_same_but_for_the_listed_ones() {
    check(include_str!("../../tests/data/commonmark.json"), DIFFERENT);
}

#[test]
fn the_examples_of_the_extensions_give_the_same_but_for_the_listed_ones() {
    check(include_str!("../../tests/data/gfm-extensions.json"), DIFFERENT_OF_EXTENSIONS);
}
