//! Where the write loop has the states of records from: memory, or else their streams.

use std::sync::Arc;

use events::{CrmEvent, NewEvent, Payload, Version, ids::StreamName};
use events_log::store::StoreError;

use super::{CommandError, Handler};
use crate::aggregate::{Loaded, Record};

/// How many events are read at a time when a stream is loaded.
const PAGE: usize = 1_000;

/// The state of the record a command is about, as far as it is known.
pub(super) struct Own {
    pub(super) loaded: Loaded,
    /// Whether it was looked up. A command that makes a record is judged at first as if nothing
    /// were there: the append finds out, and most often it is so.
    pub(super) is_read: bool,
}

impl Own {
    pub(super) const fn read(loaded: Loaded) -> Self {
        Self { loaded, is_read: true }
    }
}

fn unborn(stream: StreamName) -> Loaded {
    Loaded { version: Version::NONE, record: Arc::new(Record::unborn(stream.category)) }
}

impl Handler {
    /// The state of a record, from memory or from its stream.
    ///
    /// # Errors
    /// When the stream cannot be read.
    pub async fn load(&self, stream: StreamName) -> Result<Loaded, CommandError> {
        let place = match self.cache.get_value_or_guard_async(&stream).await {
            Ok(loaded) => return Ok(loaded),
            Err(place) => place,
        };
        let era = self.era();
        let loaded = self.read_on(stream, unborn(stream)).await?;
        if loaded.version == Version::NONE {
            return Ok(loaded);
        }
        // Where it is not kept, whoever waits for it reads the stream again.
        let kept = self.keep(stream, loaded.version, era, || place.insert(loaded.clone()));
        match kept {
            Some(Ok(())) | None => Ok(loaded),
            // An append came in between. What it left in memory is newer than what was read.
            Some(Err(loaded)) => Ok(self.cache.get(&stream).unwrap_or(loaded)),
        }
    }

    /// The state of a record, from `version` or after it.
    ///
    /// # Errors
    /// When the stream cannot be read.
    pub(crate) async fn load_since(
        &self,
        stream: StreamName,
        version: Version,
    ) -> Result<Loaded, CommandError> {
        let loaded = self.load(stream).await?;
        if loaded.version >= version {
            return Ok(loaded);
        }
        // The log tells of an event before its writer, who has the turn, has put the new state
        // into memory. A reaction judged on the state before it would be quiet, and stay so.
        let _turn = self.turn(stream).await;
        let loaded = self.load(stream).await?;
        if loaded.version >= version { Ok(loaded) } else { self.catch_up(stream, loaded).await }
    }

    /// The state of the record a command is about. `makes` says that it would make the record.
    pub(super) async fn load_own(
        &self,
        stream: StreamName,
        makes: bool,
    ) -> Result<Own, CommandError> {
        if !makes {
            return Ok(Own::read(self.load(stream).await?));
        }
        Ok(match self.cache.get(&stream) {
            Some(loaded) => Own::read(loaded),
            None => Own { loaded: unborn(stream), is_read: false },
        })
    }

    /// Reads what happened to a record since it was loaded, and remembers it. Only for who has the
    /// stream's turn: nobody else in this process appends meanwhile.
    pub(super) async fn catch_up(
        &self,
        stream: StreamName,
        loaded: Loaded,
    ) -> Result<Loaded, CommandError> {
        let era = self.era();
        let loaded = self.read_on(stream, loaded).await?;
        if loaded.version > Version::NONE {
            self.remember(stream, loaded.clone(), era);
        }
        Ok(loaded)
    }

    async fn read_on(&self, stream: StreamName, loaded: Loaded) -> Result<Loaded, CommandError> {
        let Loaded { mut version, record } = loaded;
        let mut record = Arc::unwrap_or_clone(record);
        loop {
            let page = self.store.read_stream(stream, version, PAGE).await?;
            for recorded in &page {
                record.evolve(&decode(&recorded.event)?);
                version = recorded.version;
            }
            if page.len() < PAGE {
                break;
            }
        }
        Ok(Loaded { version, record: Arc::new(record) })
    }
}

pub(super) fn decode(event: &NewEvent) -> Result<CrmEvent, StoreError> {
    let payload =
        Payload::decode(event).map_err(|error| StoreError::Damaged(error.to_string().into()))?;
    Ok(payload.event)
}
