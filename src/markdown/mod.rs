//! The Markdown of notes: CommonMark and the extensions of GitHub (docs/decisions/0038). One parser serves
//! the page of a note, its headings and its excerpts. Nothing here knows HTTP or the database.

#[cfg(test)]
mod any_input;
mod code;
mod excerpt;
mod footnotes;
mod headings;
mod html;
mod inline;
mod links;
mod parser;
mod plain;
#[cfg(test)]
mod specification;
mod table;
mod table_cells;
mod tasks;

pub use excerpt::excerpt;
pub use headings::Section;
pub use html::{RenderOptions, RenderedText, html};
pub use parser::takes_little_time;
pub use plain::beginning;
pub use tasks::{same_task, set_task};
