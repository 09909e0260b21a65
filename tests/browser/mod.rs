//! A user's journey in Chromium, with JavaScript and without.

mod editor;
mod kept_text;
mod search;
mod tasks;
mod user_journey;
pub mod webdriver;
