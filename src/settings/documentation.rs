//! The settings as users read of them: `--help`, the man page, docs/settings.md and `.env.example`.

use clap::{Arg, CommandFactory};

use super::Settings;

/// A setting as its user reads of it.
pub struct SettingDescription {
    /// The environment variable.
    pub name: String,
    /// The value, or words for it, if the variable is not set.
    pub default: String,
    pub help: String,
}

/// All settings, in the order of their definitions.
pub fn descriptions() -> Vec<SettingDescription> {
    Settings::command().get_arguments().map(describe).collect()
}

fn describe(argument: &Arg) -> SettingDescription {
    SettingDescription {
        name: argument.get_env().unwrap_or_default().to_string_lossy().into_owned(),
        default: default_in_words(argument).or_else(|| default_value(argument)).unwrap_or_default(),
        help: argument.get_help().map(ToString::to_string).unwrap_or_default(),
    }
}

fn default_in_words(argument: &Arg) -> Option<String> {
    let help = argument.get_long_help()?.to_string();
    help.split_once("Default: ").map(|(_, words)| words.to_owned())
}

fn default_value(argument: &Arg) -> Option<String> {
    argument.get_default_values().first().map(|value| value.to_string_lossy().into_owned())
}

/// The section of `--help` about settings.
pub fn help() -> String {
    let settings = descriptions();
    let widest = settings.iter().map(|setting| setting.name.len()).max().unwrap_or_default();
    let mut help = "Settings, from the environment or the file .env in this folder. NAME_FILE names a \
                    file that holds the value of NAME:\n"
        .to_owned();
    for SettingDescription { name, default, help: text } in settings {
        help.push_str(&format!("  {name:widest$}  {text}\n  {:widest$}  [default: {default}]\n", ""));
    }
    help
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_a_help_and_a_default() {
        for setting in descriptions() {
            assert!(!setting.help.is_empty() && !setting.default.is_empty(), "{}", setting.name);
        }
    }

    #[test]
    fn the_table_of_the_settings_page_is_that_of_the_definitions() {
        let mut table = "| Variable | What it does | Default |\n| --- | --- | --- |\n".to_owned();
        for SettingDescription { name, default, help } in descriptions() {
            table.push_str(&format!("| `{name}` | {help} | {default} |\n"));
        }
        let page = include_str!("../../docs/settings.md");
        assert!(page.contains(&table), "write this table into docs/settings.md:\n{table}");
    }

    #[test]
    fn the_example_is_that_of_the_definitions() {
        let mut example =
            "# Copy this file to .env and uncomment what you need. Every setting has a default for \
                           development.\n"
                .to_owned();
        for argument in Settings::command().get_arguments() {
            let SettingDescription { name, default, help } = describe(argument);
            let value = default_in_words(argument).map_or(default.as_str(), |_| "");
            example.push_str(&format!("\n# {help}\n# default: {default}\n#{name}={value}\n"));
        }
        let written = include_str!("../../.env.example");
        assert!(written == example, "write this into .env.example:\n{example}");
    }
}
