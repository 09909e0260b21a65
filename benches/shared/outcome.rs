//! The result of everything in the benches that may fail. `main` prints the error.

pub type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;
