//! The mark of a log: the newest position it is known to have had, kept apart from it.
//!
//! A log that was set back to an earlier time is whole in itself. Only something that lies elsewhere
//! can tell that it once was longer.

use std::{collections::HashMap, str::FromStr};

use aws_lc_rs::hmac;
use events::{
    envelope::{Instant, Leaf, Position},
    ids::LogId,
};

use crate::keys::KeyBatch;

/// What a mark begins with: its kind and its form. It is part of what the code at the end proves.
const FIRST_LINE: &str = "annals mark 1";
/// The name of the last line.
const CODE: &str = "hmac-sha256";
/// What stands for what there is not: the leaf of a log without events.
const NOTHING: &str = "-";

/// The newest position a log is known to have had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The log.
    pub log: LogId,
    /// How often an older log was accepted in place of a newer one.
    pub epoch: u32,
    /// The newest position; [`Position::START`] for a log without events.
    pub position: Position,
    /// The leaf of the event there.
    pub leaf: Option<Leaf>,
    /// When that event was recorded; the epoch of 1970 for a log without events.
    pub recorded_at: Instant,
    /// The newest batch of keys: an older key store does not have it.
    pub keys: Option<KeyBatch>,
}

/// A mark that proves nothing: it was changed, cut short, or written under another key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is damaged, forged, or was written under another installation key")]
pub struct Unproven;

impl Mark {
    /// The text to keep, with a code under the installation's own key.
    #[must_use]
    pub fn to_text(&self, installation_key: &[u8; 32]) -> String {
        let Self { log, epoch, position, leaf, recorded_at, keys } = self;
        let leaf = leaf.map_or_else(|| NOTHING.to_owned(), |leaf| hex::encode(leaf.0));
        let recorded_at = recorded_at.micros();
        let keys = keys.map_or_else(
            || NOTHING.to_owned(),
            |KeyBatch { number, run }| format!("{number}/{run}"),
        );
        let body = format!(
            "{FIRST_LINE}\nlog {}\nepoch {epoch}\nposition {position}\nleaf {leaf}\n\
             recorded_at_micros {recorded_at}\nkeys {keys}\n",
            log.0
        );
        let code = hmac::sign(&key(installation_key), body.as_bytes());
        format!("{body}{CODE} {}\n", hex::encode(code.as_ref()))
    }

    /// Reads a text that [`Mark::to_text`] made under the same key.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn parse(text: &str, installation_key: &[u8; 32]) -> Result<Self, Unproven> {
        let end = text.rfind(&format!("\n{CODE} ")).ok_or(Unproven)? + 1;
        let (body, last) = text.split_at(end);
        let code = last.strip_prefix(CODE).and_then(|code| code.strip_prefix(' '));
        let code = code.and_then(|code| code.strip_suffix('\n')).ok_or(Unproven)?;
        let code = hex::decode(code).map_err(|_| Unproven)?;
        hmac::verify(&key(installation_key), body.as_bytes(), &code).map_err(|_| Unproven)?;
        let body = body.strip_prefix(FIRST_LINE).ok_or(Unproven)?;
        let lines: HashMap<_, _> = body.lines().filter_map(|line| line.split_once(' ')).collect();
        Ok(Self {
            log: LogId(parsed(&lines, "log")?),
            epoch: parsed(&lines, "epoch")?,
            position: Position(parsed(&lines, "position")?),
            leaf: leaf(lines.get("leaf").ok_or(Unproven)?)?,
            recorded_at: Instant::from_micros(parsed(&lines, "recorded_at_micros")?),
            keys: batch(lines.get("keys").ok_or(Unproven)?)?,
        })
    }
}

/// The key of a MAC is the installation's own. No command's fingerprint begins as a mark does.
fn key(installation_key: &[u8; 32]) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, installation_key)
}

fn parsed<T: FromStr>(lines: &HashMap<&str, &str>, name: &str) -> Result<T, Unproven> {
    lines.get(name).and_then(|value| value.parse().ok()).ok_or(Unproven)
}

fn leaf(text: &str) -> Result<Option<Leaf>, Unproven> {
    if text == NOTHING {
        return Ok(None);
    }
    let mut leaf = [0; 32];
    hex::decode_to_slice(text, &mut leaf).map_err(|_| Unproven)?;
    Ok(Some(Leaf(leaf)))
}

fn batch(text: &str) -> Result<Option<KeyBatch>, Unproven> {
    if text == NOTHING {
        return Ok(None);
    }
    let (number, run) = text.split_once('/').ok_or(Unproven)?;
    let number = number.parse().map_err(|_| Unproven)?;
    Ok(Some(KeyBatch { number, run: run.parse().map_err(|_| Unproven)? }))
}

#[cfg(test)]
#[path = "mark_tests.rs"]
mod tests;
