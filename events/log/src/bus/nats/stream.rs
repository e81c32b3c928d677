//! The stream: how it is made, whose it is, and whether it is kept in a way that can work.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_nats::jetstream::{
    Context, ErrorCode,
    context::RequestErrorKind,
    response::Response,
    stream::{Config, DiscardPolicy, Info, RetentionPolicy, StorageType},
};
use events::ids::LogId;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    NatsError,
    message::SUBJECTS,
    options::{NatsOptions, Servers},
};

/// How long the stream keeps a message. Who was away for longer starts from the store.
const MAX_AGE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What the description of a log's stream begins with; the log's id follows.
const OWNER: &str = "annals log ";

/// The stream as this build makes it.
///
/// Deleting and purging stay allowed: nothing is lost by it, the server frees no other way the room
/// that an operator needs at once, and who forbids them can never allow them again.
pub(super) fn config(options: &NatsOptions, log: LogId) -> Config {
    Config {
        name: options.stream.clone(),
        description: Some(format!("{OWNER}{log}")),
        subjects: vec![SUBJECTS.to_owned()],
        storage: StorageType::File,
        retention: RetentionPolicy::Limits,
        discard: DiscardPolicy::Old,
        max_age: MAX_AGE,
        max_bytes: options.max_bytes.map_or(-1, |bytes| i64::try_from(bytes).unwrap_or(i64::MAX)),
        max_messages: -1,
        max_messages_per_subject: -1,
        num_replicas: options.replicas,
        ..Config::default()
    }
}

/// What can be asked of JetStream, and what its answers mean.
#[derive(Clone)]
pub(super) struct Api<'a> {
    pub(super) context: &'a Context,
    pub(super) servers: &'a Servers,
    /// What was warned of already.
    pub(super) warned: &'a Mutex<Vec<String>>,
}

impl Api<'_> {
    /// Asks; the inner error is the server's own.
    async fn ask<T: DeserializeOwned>(
        &self,
        subject: String,
        question: &(impl Serialize + Sync),
    ) -> Result<Result<T, async_nats::jetstream::Error>, NatsError> {
        match self.context.request(subject, question).await {
            Ok(Response::Ok(answer)) => Ok(Ok(answer)),
            Ok(Response::Err { error }) => match error.error_code() {
                ErrorCode::JETSTREAM_NOT_ENABLED | ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT => {
                    Err(self.servers.refused("it offers no JetStream to this login"))
                }
                _ => Ok(Err(error)),
            },
            Err(error) if error.kind() == RequestErrorKind::NoResponders => {
                Err(self.servers.refused("it offers no JetStream"))
            }
            // The login may not ask that: the server does not answer then.
            Err(error) => Err(self.servers.unreachable(format!("JetStream: {error}"))),
        }
    }

    /// The stream, whosever it is; none where there is none of that name.
    async fn look_up(&self, name: &str) -> Result<Option<Info>, NatsError> {
        match self.ask(format!("STREAM.INFO.{name}"), &()).await? {
            Ok(info) => Ok(Some(info)),
            Err(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND => Ok(None),
            Err(error) => Err(self.servers.unreachable(format!("JetStream: {error}"))),
        }
    }

    /// This log's stream; none where there is none yet.
    ///
    /// # Errors
    /// [`NatsError::Refused`] when the name, or the subjects, are taken by others.
    pub(super) async fn find(&self, wanted: &Config) -> Result<Option<Info>, NatsError> {
        let found = self.look_up(&wanted.name).await?;
        match &found {
            Some(info) => self.judge(&info.config, wanted)?,
            None => self.check_subjects(&wanted.name).await?,
        }
        Ok(found)
    }

    /// This log's stream, made where there is none.
    pub(super) async fn find_or_make(&self, wanted: &Config) -> Result<Info, NatsError> {
        if let Some(info) = self.find(wanted).await? {
            return Ok(info);
        }
        match self.ask::<Info>(format!("STREAM.CREATE.{}", wanted.name), wanted).await? {
            Ok(info) => {
                tracing::info!(stream = wanted.name, "the stream of the bus was made");
                // A server answers with what it understood, which may be less than was asked for.
                self.judge(&info.config, wanted)?;
                Ok(info)
            }
            // Another relay was quicker.
            Err(error) if error.error_code() == ErrorCode::STREAM_NAME_EXIST => {
                let found = self.find(wanted).await?;
                found.ok_or_else(|| self.servers.unreachable("the stream comes and goes"))
            }
            Err(error) => Err(self.servers.refused(format!("the stream cannot be made: {error}"))),
        }
    }

    async fn check_subjects(&self, name: &str) -> Result<(), NatsError> {
        #[derive(Deserialize)]
        struct Names {
            streams: Option<Vec<String>>,
        }
        let question = serde_json::json!({ "subject": SUBJECTS });
        let names = match self.ask::<Names>("STREAM.NAMES".to_owned(), &question).await? {
            Ok(names) => names.streams.unwrap_or_default(),
            Err(error) => return Err(self.servers.unreachable(format!("JetStream: {error}"))),
        };
        match names.into_iter().find(|other| other != name) {
            None => Ok(()),
            Some(other) => Err(self.servers.refused(format!(
                "the stream {other} takes the subjects {SUBJECTS} already: one account carries one log"
            ))),
        }
    }

    fn judge(&self, found: &Config, wanted: &Config) -> Result<(), NatsError> {
        let name = &wanted.name;
        if found.description != wanted.description {
            let owner = found.description.as_deref().unwrap_or_default().strip_prefix(OWNER);
            let whose = owner.map_or_else(
                || "is not one that Annals made".to_owned(),
                |other| format!("belongs to the log {other}"),
            );
            let ours = wanted.description.as_deref().unwrap_or_default();
            let why = format!("the stream {name} {whose}, this is {ours}");
            return Err(self.servers.refused(why));
        }
        let Differences { fatal, unwise } = differences(found, wanted);
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if *warned != unwise {
            for what in &unwise {
                tracing::warn!(stream = name, "the stream of the bus: {what}");
            }
            *warned = unwise;
        }
        if fatal.is_empty() {
            return Ok(());
        }
        Err(self.servers.refused(format!("the stream {name}: {}", fatal.join("; "))))
    }
}

/// How a stream differs from what it should be.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Differences {
    /// It cannot be the bus as it is.
    pub(super) fatal: Vec<String>,
    /// It can.
    pub(super) unwise: Vec<String>,
}

pub(super) fn differences(found: &Config, wanted: &Config) -> Differences {
    let mut it = Differences::default();
    let mut fatal = |is_so: bool, what: &str| it.fatal.extend(is_so.then(|| what.to_owned()));
    fatal(found.subjects != wanted.subjects, "its subjects are not annals.ev.> alone");
    fatal(found.retention != wanted.retention, "its retention is not `limits`: followers share");
    fatal(found.discard != wanted.discard, "it discards new messages when it is full");
    fatal(found.no_ack, "it acknowledges nothing");
    fatal(found.sealed, "it is sealed");
    fatal(found.mirror.is_some() || found.sources.is_some(), "it takes messages of other streams");
    let mut unwise = |is_so: bool, what: String| it.unwise.extend(is_so.then_some(what));
    unwise(found.storage != wanted.storage, "it is kept in memory only".to_owned());
    unwise(
        found.num_replicas < wanted.num_replicas,
        format!("{} replicas instead of {}", found.num_replicas, wanted.num_replicas),
    );
    unwise(
        found.max_age != wanted.max_age,
        format!("max_age is {:?} instead of {:?}", found.max_age, wanted.max_age),
    );
    unwise(
        found.max_bytes != wanted.max_bytes,
        format!("max_bytes is {} instead of {}", found.max_bytes, wanted.max_bytes),
    );
    unwise(
        found.max_messages > 0 || found.max_messages_per_subject > 0,
        "it keeps a limited number of messages".to_owned(),
    );
    it
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
