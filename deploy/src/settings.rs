//! Settings have one name each: `--log-level`, `ANNALS_LOG_LEVEL`, and `log_level` in a file.
//!
//! The names are those of the flags that the command line describes. A name that is none of them is
//! refused, so that a slip of the pen never changes where data and keys lie.

use std::{collections::BTreeSet, ffi::OsString};

use clap::{Arg, ArgMatches, Command, CommandFactory, parser::ValueSource};
use events::values::nearest;

use crate::{
    config::Cli,
    exit::{Code, Exit},
};

/// What all variables of the product begin with.
const PREFIX: &str = "ANNALS_";
/// What the variables of its tests begin with: whoever sets them may start the product beside them.
const OF_TESTS: &str = "ANNALS_TEST_";
/// What every command takes.
const EVERYWHERE: [&str; 4] = ["config", "log_format", "log_level", "planted"];
/// What counts at the first start only.
const FOUNDING: [&str; 3] = ["organization", "zone", "currency"];

/// The command line: each command shows and takes only what means something to it.
#[must_use]
pub fn command() -> Command {
    let mut command = Cli::command();
    let globals: Vec<Arg> =
        command.get_arguments().filter(|arg| arg.is_global_set()).cloned().collect();
    let names: Vec<_> =
        command.get_subcommands().map(|below| below.get_name().to_owned()).collect();
    for name in names {
        let strange = globals.iter().filter(|arg| !takes(&name, arg.get_id().as_str())).cloned();
        // A command that has such a flag of its own is not handed the one that shows.
        let hidden: Vec<_> = strange.map(|arg| arg.hide(true)).collect();
        command = command.mut_subcommand(&name, |below| below.args(hidden));
    }
    command
}

/// Whether a flag that stands for all commands means something to one of them.
fn takes(command: &str, flag: &str) -> bool {
    EVERYWHERE.contains(&flag)
        || match command {
            "serve" => true,
            "command-service" => flag != "data_folder",
            "projection-service" | "query-api" => {
                flag != "data_folder" && !FOUNDING.contains(&flag)
            }
            // They may make the data folder.
            "import" | "demo" => flag == "data_folder" || FOUNDING.contains(&flag),
            "replay" | "verify" | "backup" | "token" => flag == "data_folder",
            _ => false,
        }
}

/// The same change to a command and to all below it.
pub(crate) fn each(command: Command, change: &mut dyn FnMut(Command) -> Command) -> Command {
    let mut command = change(command);
    let names: Vec<_> =
        command.get_subcommands().map(|below| below.get_name().to_owned()).collect();
    for name in names {
        command = command.mut_subcommand(name, |below| each(below, change));
    }
    command
}

/// Refuses a flag that the command has no use for.
///
/// # Errors
/// Names the flag and the command.
pub fn refuse_strangers(matches: &ArgMatches) -> Result<(), Exit> {
    let Some((name, below)) = matches.subcommand() else { return Ok(()) };
    let mut deepest = below;
    while let Some((_, further)) = deepest.subcommand() {
        deepest = further;
    }
    let globals = Cli::command();
    for arg in globals.get_arguments().filter(|arg| arg.is_global_set()) {
        let flag = arg.get_id().as_str();
        let is_given = deepest.try_contains_id(flag).unwrap_or(false)
            && deepest.value_source(flag) == Some(ValueSource::CommandLine);
        if is_given && !takes(name, flag) {
            let line = format!("`annals {name}` takes no --{}", flag.replace('_', "-"));
            return Err(Exit::new(Code::Usage, line));
        }
    }
    Ok(())
}

/// The names of all settings, as files spell them.
#[derive(Debug)]
pub struct Names(BTreeSet<String>);

impl Names {
    /// The flags of the command line that stand in the environment as well.
    #[must_use]
    pub fn of(command: &Command) -> Self {
        let mut names = BTreeSet::new();
        collect(command, &mut names);
        Self(names)
    }

    /// Whether that is one.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    /// ` (did you mean ..?)`, where one is like it.
    #[must_use]
    pub fn hint(&self, name: &str, shown: impl Fn(&str) -> String) -> String {
        let near = nearest(name, self.0.iter().map(String::as_str));
        near.map_or_else(String::new, |near| format!(" (did you mean {}?)", shown(near)))
    }

    /// Refuses variables that look like settings and are none.
    ///
    /// # Errors
    /// Names each of them, never what it holds.
    pub fn check_environment(
        &self,
        variables: impl IntoIterator<Item = OsString>,
    ) -> Result<(), Exit> {
        let mut unknown: Vec<String> = variables
            .into_iter()
            .map(|name| name.to_string_lossy().into_owned())
            .filter(|name| name.starts_with(PREFIX) && !name.starts_with(OF_TESTS))
            .filter(|name| !is_of_kubernetes(name) && !self.has(&key(name)))
            .collect();
        unknown.sort();
        if unknown.is_empty() {
            return Ok(());
        }
        let told = unknown.iter().map(|name| {
            let hint = self.hint(&key(name), |near| format!("{PREFIX}{}", near.to_uppercase()));
            format!("{}{hint}", name.chars().take(64).collect::<String>())
        });
        let told: Vec<_> = told.collect();
        let verb = if told.len() == 1 { "is no setting" } else { "are no settings" };
        let line = format!("{} {verb}: correct or unset; `annals help` says all", told.join(", "));
        Err(Exit::new(Code::Usage, line))
    }
}

/// `ANNALS_LOG_LEVEL` as a file spells it. Variables are written in capitals only.
fn key(variable: &str) -> String {
    let name = variable.strip_prefix(PREFIX).unwrap_or(variable);
    if name.chars().any(char::is_lowercase) { variable.to_owned() } else { name.to_lowercase() }
}

fn collect(command: &Command, names: &mut BTreeSet<String>) {
    let settings = command.get_arguments().filter(|arg| arg.get_env().is_some());
    names.extend(settings.map(|arg| arg.get_id().to_string()));
    command.get_subcommands().for_each(|below| collect(below, names));
}

/// What Kubernetes tells every container about a service whose name begins with `annals`.
fn is_of_kubernetes(name: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let of_port = |(_, rest): (&str, &str)| {
        let mut parts = rest.split('_');
        parts.next().is_some_and(is_number)
            && matches!(parts.next(), Some("TCP" | "UDP" | "SCTP"))
            && matches!(parts.next(), None | Some("PROTO" | "PORT" | "ADDR"))
            && parts.next().is_none()
    };
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || name.ends_with("_PORT")
        || name.rsplit_once("_PORT_").is_some_and(of_port)
        || name.split_once("_PORT_").is_some_and(of_port)
}

/// How the language of the program tells of values, and how people do.
const WORDS: [(&str, &str); 4] = [
    ("invalid digit found in string", "is no whole number"),
    ("cannot parse integer from empty string", "is no whole number"),
    ("number too large to fit in target type", "is too large"),
    ("number too small to fit in target type", "is too small"),
];

/// What is wrong with a command line, in one line.
pub(crate) fn usage(error: &clap::Error) -> Exit {
    use clap::error::ErrorKind;
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return Exit::new(Code::Usage, "a command is missing: see `annals help`");
    }
    let text = error.to_string();
    let told = text.split("\nUsage:").next().unwrap_or_default();
    let told = told
        .trim()
        .trim_start_matches("error: ")
        .replace("For more information, try '--help'.", "");
    let mut line = String::new();
    for part in told.lines().map(str::trim).filter(|part| !part.is_empty()) {
        if !line.is_empty() {
            line.push_str(if line.ends_with(':') { " " } else { "; " });
        }
        line.push_str(part);
    }
    for (word, plain) in WORDS {
        line = line.replace(word, plain);
    }
    line.push_str("; see --help");
    Exit::new(Code::Usage, line)
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
