//! The file of settings: each names the flag it stands in for. Flags and environment come first.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::Read,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use clap::{ArgMatches, Command, FromArgMatches, parser::ValueSource};
use deploy_console::regular;
use toml::Value;

use crate::{
    config::Cli,
    exit::{Code, Exit},
    modes::check_secret,
    settings::{self, Names, refuse_strangers, usage},
};

/// No file of settings is longer.
const MAX_BYTES: u64 = 64 * 1024;
/// The flags whose values may hold a password.
const ADDRESSES: [&str; 4] = ["postgres", "keys_postgres", "read_postgres", "nats"];

/// Reads the command line, the environment and the file of settings that one of them names.
/// `environment` are the names of all variables there are.
///
/// # Errors
/// When the call is wrong, when the file cannot be used, when it or the environment names something
/// that is no setting, and when a password stands on the command line. `--help` and `--version` are
/// clap's: it ends the process.
pub fn parse(
    arguments: Vec<OsString>,
    environment: impl IntoIterator<Item = OsString>,
) -> Result<Cli, Exit> {
    let first = settings::command().ignore_errors(true).get_matches_from(&arguments);
    let file = first
        .get_one::<PathBuf>("config")
        .or_else(|| first.subcommand().and_then(|(_, below)| below.get_one::<PathBuf>("config")));
    let command = match file {
        Some(path) => with_file(settings::command(), path)?,
        None => settings::command(),
    };
    let names = Names::of(&command);
    let matches = match command.try_get_matches_from(arguments) {
        Err(told) if !told.use_stderr() => told.exit(),
        matches => {
            // Before all else: a variable that is not read may be what is missing.
            names.check_environment(environment)?;
            matches.map_err(|error| usage(&error))?
        }
    };
    refuse_strangers(&matches)?;
    no_password_in_sight(&matches)?;
    Cli::from_arg_matches(&matches).map_err(|error| Exit::new(Code::Usage, error))
}

/// Makes what the file says the defaults of the flags.
fn with_file(mut command: Command, path: &Path) -> Result<Command, Exit> {
    let wrong = |why: String| Exit::new(Code::Usage, format!("{}: {why}", path.display()));
    // A folder is none, whatever its mode.
    regular::check(path, MAX_BYTES).map_err(|error| wrong(error.to_string()))?;
    check_secret(path).map_err(|error| Exit::new(Code::Folder, error))?;
    let text = read(path).map_err(wrong)?;
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        // What the parser quotes may be a password: only where, and a key that stands twice.
        let line = error.span().map_or(1, |span| line_of(&text, span.start));
        if error.message().starts_with("duplicate key") {
            return wrong(format!("a key stands twice: again in line {line}"));
        }
        wrong(format!("line {line} is no TOML"))
    })?;
    let names = Names::of(&command);
    for (key, value) in table {
        let name = key.replace('-', "_");
        if name == "config" {
            return Err(wrong("`config` is no setting of a file: it names no other".to_owned()));
        }
        if !names.has(&name) {
            let key: String = key.chars().take(64).collect();
            let hint = names.hint(&name, |near| format!("`{near}`"));
            return Err(wrong(format!("`{key}` is no setting{hint}: see `annals help`")));
        }
        let text =
            shown(&value).ok_or_else(|| wrong(format!("`{key}` is no text, number, yes or no")))?;
        // The few settings live as long as the process.
        command = with_default(command, &name, text.leak());
    }
    Ok(command)
}

fn read(path: &Path) -> Result<String, String> {
    // A pipe is never opened: nobody may ever write to it.
    regular::check(path, MAX_BYTES).map_err(|error| error.to_string())?;
    let mut file = File::open(path).map_err(|error| error.to_string())?;
    let metadata = file.metadata().map_err(|error| error.to_string())?;
    if !metadata.is_file() || metadata.len() > MAX_BYTES {
        return Err("it is no file of settings".to_owned());
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|_| "it is no text in UTF-8".to_owned())
}

fn shown(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Boolean(yes) => Some(yes.to_string()),
        Value::Float(_) | Value::Datetime(_) | Value::Array(_) | Value::Table(_) => None,
    }
}

/// The line of a place in a text, from 1.
fn line_of(text: &str, place: usize) -> usize {
    text.as_bytes()[..place.min(text.len())].iter().filter(|byte| **byte == b'\n').count() + 1
}

/// Gives a flag a default wherever it is.
fn with_default(command: Command, name: &str, value: &'static str) -> Command {
    settings::each(command, &mut |command| {
        if command.get_arguments().any(|arg| arg.get_id() == name) {
            command.mut_arg(name, |arg| arg.default_value(value).required(false))
        } else {
            command
        }
    })
}

/// Everybody on the machine can read a command line.
fn no_password_in_sight(matches: &ArgMatches) -> Result<(), Exit> {
    let Some((_, below)) = matches.subcommand() else { return Ok(()) };
    for name in ADDRESSES {
        let Ok(Some(address)) = below.try_get_one::<String>(name) else { continue };
        // NATS takes a token in the place of a user.
        let has_secret = has_password(address) || (name == "nats" && address.contains('@'));
        if below.value_source(name) == Some(ValueSource::CommandLine) && has_secret {
            let flag = name.replace('_', "-");
            let line = format!(
                "--{flag} holds a password, which everybody sees there: use the environment, a file \
                 of settings or a password file"
            );
            return Err(Exit::new(Code::Usage, line));
        }
    }
    Ok(())
}

fn has_password(address: &str) -> bool {
    let userinfo = address
        .split_once("://")
        .and_then(|(_, rest)| rest.split(['/', '?']).next()?.rsplit_once('@'));
    let query = address.split_once('?').map_or("", |(_, query)| query);
    userinfo.is_some_and(|(user, _)| user.contains(':')) || query.contains("password=")
}

/// A password, alone on the first line of a file that others may not read.
///
/// # Errors
/// When the file cannot be read, others may read it, or it is empty.
pub fn password(path: &Path) -> Result<String, Exit> {
    let wrong = |why: &str| Exit::new(Code::Usage, format!("{}: {why}", path.display()));
    let metadata = fs::metadata(path).map_err(|error| wrong(&error.to_string()))?;
    if !metadata.is_file() || metadata.len() > MAX_BYTES {
        return Err(wrong("it is no password file"));
    }
    if metadata.mode() & 0o007 != 0 {
        return Err(wrong("everybody may use it: its mode must be 0600 or 0640"));
    }
    let text = fs::read_to_string(path).map_err(|error| wrong(&error.to_string()))?;
    match text.lines().next().map(str::trim) {
        Some(password) if !password.is_empty() => Ok(password.to_owned()),
        _ => Err(wrong("it holds no password")),
    }
}

#[cfg(test)]
#[path = "config_file_tests.rs"]
mod tests;
