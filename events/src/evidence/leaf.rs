//! The leaf hash of an event, format 1.

use aws_lc_rs::digest::{Context, SHA256, digest};
use uuid::Uuid;

use crate::{
    envelope::{Instant, JSON, Leaf, NewEvent, Version},
    ids::{LogId, StreamName},
};

/// The version of the header's byte format: the first field of every leaf.
const FORMAT: u8 = 1;

/// SHA-256 of some bytes.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    to_array(digest(&SHA256, bytes).as_ref())
}

/// The leaf hash: SHA-256 of `0x00` (RFC 6962's leaf prefix) and the header's fields.
///
/// Every field is written as its length (4 bytes, big-endian) and its bytes; numbers are 8 bytes
/// big-endian; an optional field is preceded by a byte that says whether it is there. The position
/// is not part of it: the index in the tree proves that.
#[must_use]
pub fn leaf(
    log: LogId,
    stream: StreamName,
    version: Version,
    recorded_at: Instant,
    event: &NewEvent,
) -> Leaf {
    let mut header = Header(Vec::with_capacity(400));
    header.0.push(0x00);
    header.field(&[FORMAT]);
    header.id(log.0);
    header.field(stream.category.name().as_bytes());
    header.id(stream.id);
    header.number(version.0);
    header.id(event.event_id.0);
    header.field(event.event_type.name.as_bytes());
    header.number(u64::from(event.event_type.version));
    header.instant(recorded_at);
    header.option(event.effective_at, Header::instant);
    header.field(event.cause.actor.kind.name().as_bytes());
    header.id(event.cause.actor.id);
    header.option(event.cause.on_behalf_of, Header::id);
    header.field(event.cause.channel.name().as_bytes());
    header.id(event.cause.command_id.0);
    header.id(event.cause.causation_id);
    header.id(event.cause.correlation_id);
    header.field(JSON.as_bytes());
    header.field(&event.payload_sha256);

    let mut context = Context::new(&SHA256);
    context.update(&header.0);
    Leaf(to_array(context.finish().as_ref()))
}

struct Header(Vec<u8>);

impl Header {
    fn field(&mut self, bytes: &[u8]) {
        // No field comes near 4 GiB: names are short and the payload enters as its hash.
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(bytes);
    }

    fn number(&mut self, number: u64) {
        self.field(&number.to_be_bytes());
    }

    fn id(&mut self, id: Uuid) {
        self.field(id.as_bytes());
    }

    fn instant(&mut self, instant: Instant) {
        self.field(&instant.micros().to_be_bytes());
    }

    fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        match value {
            None => self.0.push(0),
            Some(value) => {
                self.0.push(1);
                write(self, value);
            }
        }
    }
}

fn to_array(bytes: &[u8]) -> [u8; 32] {
    let mut array = [0; 32];
    array.copy_from_slice(bytes);
    array
}
