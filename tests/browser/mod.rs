//! The journey of a person in a real browser, with JavaScript and without.

mod driver;
mod journey;
