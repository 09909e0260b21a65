//! Pages, parsed as a browser parses HTML5.

use scraper::{ElementRef, Html, Selector};

pub struct Page {
    pub html: Html,
}

/// Fields as a browser would submit them.
pub type Fields = Vec<(String, String)>;

impl Page {
    pub fn parse(text: &str) -> Self {
        Self { html: Html::parse_document(text) }
    }

    pub fn all(&self, selector: &str) -> Vec<ElementRef<'_>> {
        let selector = Selector::parse(selector).expect("a selector");
        self.html.select(&selector).collect()
    }

    pub fn has(&self, selector: &str) -> bool {
        !self.all(selector).is_empty()
    }

    #[track_caller]
    pub fn one(&self, selector: &str) -> ElementRef<'_> {
        let found = self.all(selector);
        assert!(!found.is_empty(), "no {selector} in {}", self.html.html());
        found[0]
    }

    /// All visible and invisible text, in order.
    pub fn text(&self) -> String {
        self.html.root_element().text().collect()
    }

    /// The value of the field: a textarea's text or an input's value.
    #[track_caller]
    pub fn value(&self, name: &str) -> String {
        value_of(self.one(&format!("[name='{name}']")))
    }

    /// The form that posts to this path.
    #[track_caller]
    pub fn form(&self, action: &str) -> Fields {
        let of_a_tenant = format!("form[action^='{action}?'][method='post']");
        fields_of(self.one(&format!("form[action='{action}'][method='post'], {of_a_tenant}")))
    }

    /// The error message of a field, by aria-describedby.
    #[track_caller]
    pub fn field_error(&self, name: &str) -> String {
        let field = self.one(&format!("input[name='{name}']:not([type=hidden]), textarea[name='{name}']"));
        let ids = field.value().attr("aria-describedby").unwrap_or_default();
        let described: String = ids
            .split_whitespace()
            .flat_map(|id| self.all(&format!("[id='{id}']")))
            .flat_map(|element| element.text().collect::<Vec<_>>())
            .collect();
        assert_eq!(
            field.value().attr("aria-invalid"),
            Some("true"),
            "the field {name} is not marked: {}",
            field.html()
        );
        assert!(!described.trim().is_empty(), "no message beside {name}");
        described
    }

    /// The ids of all notes that the page links to.
    pub fn note_ids(&self) -> Vec<i64> {
        self.all("a[href^='/notes/']")
            .iter()
            .filter_map(|link| {
                link.value().attr("href")?.strip_prefix("/notes/")?.split('/').next()?.parse().ok()
            })
            .collect()
    }

    /// Every element with the names of its attributes, to detect text that became markup.
    pub fn elements_with_attributes(&self) -> Vec<String> {
        self.all("*")
            .iter()
            .map(|element| {
                let mut names: Vec<_> = element.value().attrs().map(|(name, _)| name).collect();
                names.sort_unstable();
                format!("{} {}", element.value().name(), names.join(" "))
            })
            .collect()
    }

    pub fn title(&self) -> String {
        self.one("title").text().collect()
    }
}

fn value_of(field: ElementRef<'_>) -> String {
    if field.value().name() == "textarea" {
        return field.text().collect();
    }
    field.value().attr("value").unwrap_or_default().to_owned()
}

fn fields_of(form: ElementRef<'_>) -> Fields {
    let fields = Selector::parse("input[name], textarea[name]").expect("a selector");
    form.select(&fields)
        .filter(|field| {
            let checkable = matches!(field.value().attr("type"), Some("checkbox" | "radio"));
            !checkable || field.value().attr("checked").is_some()
        })
        .map(|field| {
            let name = field.value().attr("name").unwrap_or_default();
            (name.to_owned(), as_submitted(&value_of(field)))
        })
        .collect()
}

/// Line ends as browsers submit them.
pub fn as_submitted(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n")
}

/// The fields as [`super::Browser::post`] takes them.
pub fn as_pairs(fields: &Fields) -> Vec<(&str, &str)> {
    fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// The same fields with one value replaced.
pub fn with_value(fields: &Fields, name: &str, value: &str) -> Fields {
    fields
        .iter()
        .map(|(field, old)| {
            let value = if field == name { value.to_owned() } else { old.clone() };
            (field.clone(), value)
        })
        .collect()
}
