//! Looks up the values that clap parses, and names the variables in clap's errors.

use clap::Arg;
use clap::error::{ContextKind, ContextValue};

use super::error::InvalidSetting;

/// The value of a setting and the name of the variable that holds it.
pub(super) struct GivenValue {
    /// The option by which clap knows the setting, such as `--pool-size`.
    option: String,
    name: String,
    /// The name to use instead of `name`, if `name` is a former one.
    new_name: Option<String>,
    text: String,
}

impl GivenValue {
    /// The value as an argument for clap's parser.
    pub(super) fn argument(&self) -> String {
        format!("{}={}", self.option, self.text)
    }

    /// The first variable of the setting that has a value; an empty value counts as missing.
    pub(super) fn find(argument: &Arg, variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let (name, text) = names(argument).find_map(|name| {
            let text = variable(&name)?.trim().to_owned();
            (!text.is_empty()).then_some((name, text))
        })?;
        let former = argument.get_all_aliases().unwrap_or_default().contains(&name.as_str())
            && !argument.get_visible_aliases().unwrap_or_default().contains(&name.as_str());
        Some(Self {
            option: format!("--{}", argument.get_long().unwrap_or_default()),
            new_name: former.then(|| names(argument).next()).flatten(),
            name,
            text,
        })
    }

    pub(super) fn warning(&self) -> Option<String> {
        let new_name = self.new_name.as_ref()?;
        Some(format!("{} is now called {new_name}; rename it", self.name))
    }
}

/// The names of a setting's variables in the order of precedence: the name itself, then its aliases. A
/// visible alias is documented; a hidden one is a former name, and its use is logged as a warning.
pub(super) fn names(argument: &Arg) -> impl Iterator<Item = String> {
    let name = argument.get_env().map(|name| name.to_string_lossy().into_owned());
    let aliases = argument.get_all_aliases().unwrap_or_default().into_iter().map(str::to_owned);
    name.into_iter().chain(aliases.collect::<Vec<_>>())
}

/// Turns an error of clap, which names options, into one that names the variable.
pub(super) fn refused(error: &clap::Error, given: &[GivenValue]) -> InvalidSetting {
    // For example "--pool-size <POOL_SIZE>".
    let argument = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(argument)) => argument.as_str(),
        _ => "",
    };
    let option = argument.split(' ').next().unwrap_or_default();
    let name = given.iter().find(|value| value.option == option).map_or(option, |value| &value.name);
    let reason = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    InvalidSetting::new(format!("{name} {reason}"))
}
