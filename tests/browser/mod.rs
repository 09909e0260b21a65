//! The journey of a person in a real browser, with JavaScript and without.

mod user_journey;
pub mod webdriver;
