//! The file of settings: each names the flag it stands in for. Flags and environment come first.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::Read,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use clap::{ArgMatches, Command, CommandFactory, FromArgMatches, parser::ValueSource};
use toml::Value;

use crate::{
    config::Cli,
    exit::{Code, Exit},
};

/// No file of settings is longer.
const MAX_BYTES: u64 = 64 * 1024;
/// The flags whose values may hold a password.
const ADDRESSES: [&str; 4] = ["postgres", "keys_postgres", "read_postgres", "to"];

/// Reads the command line, the environment and the file of settings that one of them names.
///
/// # Errors
/// When the file cannot be used or names something that is no flag, and when a password stands on
/// the command line. Usage and `--help` are clap's: it ends the process.
pub fn parse(arguments: Vec<OsString>) -> Result<Cli, Exit> {
    let first = Cli::command().ignore_errors(true).get_matches_from(&arguments);
    let file = first
        .get_one::<PathBuf>("config")
        .or_else(|| first.subcommand().and_then(|(_, below)| below.get_one::<PathBuf>("config")));
    let command = match file {
        Some(path) => with_file(Cli::command(), path)?,
        None => Cli::command(),
    };
    let matches = command.get_matches_from(arguments);
    no_password_in_sight(&matches)?;
    Cli::from_arg_matches(&matches).map_err(|error| Exit::new(Code::Usage, error))
}

/// Makes what the file says the defaults of the flags.
fn with_file(mut command: Command, path: &Path) -> Result<Command, Exit> {
    let wrong = |why: String| Exit::new(Code::Usage, format!("{}: {why}", path.display()));
    let text = read(path).map_err(wrong)?;
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        // What the parser quotes may be a password.
        let line = error.span().map_or(0, |span| text[..span.start].lines().count().max(1));
        wrong(format!("line {line} is no TOML"))
    })?;
    for (key, value) in table {
        let name = key.replace('-', "_");
        let text =
            shown(&value).ok_or_else(|| wrong(format!("`{key}` is no text, number, yes or no")))?;
        // The few settings live as long as the process.
        let (known, next) = with_default(command, &name, text.leak());
        command = next;
        if !known || name == "config" {
            return Err(wrong(format!("`{key}` is no setting: see `annals help`")));
        }
    }
    Ok(command)
}

fn read(path: &Path) -> Result<String, String> {
    let mut file = File::open(path).map_err(|error| error.to_string())?;
    let metadata = file.metadata().map_err(|error| error.to_string())?;
    if !metadata.is_file() || metadata.len() > MAX_BYTES {
        return Err("it is no file of settings".to_owned());
    }
    if metadata.mode() & 0o007 != 0 {
        return Err("everybody may use it: its mode must be 0600 or 0640".to_owned());
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(|error| error.to_string())?;
    Ok(text)
}

fn shown(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Boolean(yes) => Some(yes.to_string()),
        Value::Float(_) | Value::Datetime(_) | Value::Array(_) | Value::Table(_) => None,
    }
}

/// Gives a flag a default wherever it is; whether it is anywhere.
fn with_default(mut command: Command, name: &str, value: &'static str) -> (bool, Command) {
    let is_here = |command: &Command| {
        command.get_arguments().any(|arg| arg.get_id() == name && arg.get_long().is_some())
    };
    let mut known = false;
    if is_here(&command) {
        known = true;
        command = command.mut_arg(name, |arg| arg.default_value(value).required(false));
    }
    let below: Vec<_> = command
        .get_subcommands()
        .filter(|below| is_here(below))
        .map(|below| below.get_name().to_owned())
        .collect();
    for below in below {
        known = true;
        command = command.mut_subcommand(below, |below| {
            below.mut_arg(name, |arg| arg.default_value(value).required(false))
        });
    }
    (known, command)
}

/// Everybody on the machine can read a command line.
fn no_password_in_sight(matches: &ArgMatches) -> Result<(), Exit> {
    let Some((_, below)) = matches.subcommand() else { return Ok(()) };
    for name in ADDRESSES {
        let Ok(Some(address)) = below.try_get_one::<String>(name) else { continue };
        if below.value_source(name) == Some(ValueSource::CommandLine) && has_password(address) {
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
