//! The operator's console: what it shows, and what can be done over it.

mod doing;
mod moving;
