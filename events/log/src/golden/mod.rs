//! The written form, frozen: a golden file for each published event, and the lock of the schemas.
//!
//! A golden file is begun by hand: `type`, `version` and the payload with its personal values in
//! the clear, each marked `{"personal": ..}`. `cargo run -p events-log --features contract --example
//! lock` adds the bytes as they are stored. From then on nothing in it changes any more.

mod lock;

pub use lock::schemas_lock;

use std::{borrow::Cow, error::Error, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use bytes::Bytes;
use events::{
    codec::Payload,
    envelope::{Actor, ActorKind, Cause, Channel, EventType, NewEvent},
    evidence::sha256,
    ids::{CommandId, KeyId, LogId},
    personal::{Personal, PersonalFields, PersonalVisitor},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, value::RawValue};
use uuid::Uuid;

use crate::keys::{Keyring, MemoryKeys};

/// Why a golden file is none.
pub type Failure = Box<dyn Error + Send + Sync>;

/// The log in which all golden events are sealed.
const LOG: LogId = LogId(Uuid::from_u128(0x0060_1de0_0000_4000_8000_0000_0000_0001));
/// The key under which they are sealed, and its bytes. No secret.
const KEY: KeyId = KeyId(Uuid::from_u128(0xe1 | 0x4000_8000_0000_0000_0000));
const KEY_BYTES: &[u8; 32] = b"golden events are no secret, 32!";

/// One golden file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Golden {
    /// The wire name.
    #[serde(rename = "type")]
    pub name: String,
    /// The version of the schema.
    pub version: u16,
    /// The payload, personal values in the clear and marked.
    clear: Box<RawValue>,
    /// The stored bytes.
    payload: Option<Box<RawValue>>,
}

impl Golden {
    /// Reads a golden file.
    ///
    /// # Errors
    /// When it has another form.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        Ok(serde_json::from_str(text)?)
    }

    /// The name its file must have.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{}.v{}.json", self.name, self.version)
    }

    /// Whether it has the stored bytes.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.payload.is_some()
    }

    /// The event as it is stored.
    ///
    /// # Errors
    /// When the file has no stored bytes yet.
    pub fn stored(&self) -> Result<NewEvent, Failure> {
        let payload = self.payload.as_ref().ok_or("the stored bytes are missing")?;
        Ok(self.event(payload.get().to_owned().into_bytes()))
    }

    /// The payload it says it holds, personal values in the clear.
    ///
    /// # Errors
    /// When the clear form is no payload of that type.
    pub fn expected(&self) -> Result<Payload, Failure> {
        let mut json = serde_json::from_str(self.clear.get())?;
        conceal(&mut json)?;
        let mut payload = Payload::decode(&self.event(serde_json::to_vec(&json)?))?;
        payload.visit_personal(&Cow::Borrowed(""), &mut Reveal)?;
        Ok(payload)
    }

    /// Seals the expected payload as the golden events are sealed.
    ///
    /// # Errors
    /// When the clear form is no payload of that type.
    pub async fn seal(&mut self) -> Result<(), Failure> {
        let mut payload = self.expected()?;
        let event = self.event(Vec::new()).event_id;
        golden_keyring()?.seal(&mut payload, event, Some(KEY)).await?;
        self.payload = Some(RawValue::from_string(String::from_utf8(payload.encode()?)?)?);
        Ok(())
    }

    /// Unseals a payload that was decoded from a golden file.
    ///
    /// # Errors
    /// When a value does not open.
    pub async fn unseal(payload: Payload) -> Result<Payload, Failure> {
        let mut batch = [payload];
        golden_keyring()?.unsealer().unseal(&mut batch).await?;
        let [payload] = batch;
        Ok(payload)
    }

    /// The text of the file.
    ///
    /// # Errors
    /// Never.
    pub fn text(&self) -> Result<String, Failure> {
        let Self { name, version, clear, payload } = self;
        let name = serde_json::to_string(name)?;
        let stored = payload.as_ref().map(|payload| format!(",\n  \"payload\": {payload}"));
        let stored = stored.unwrap_or_default();
        Ok(format!(
            "{{\n  \"type\": {name},\n  \"version\": {version},\n  \"clear\": {clear}{stored}\n}}\n"
        ))
    }

    fn event(&self, payload: Vec<u8>) -> NewEvent {
        let command_id = CommandId(Uuid::new_v5(&LOG.0, self.file_name().as_bytes()));
        NewEvent {
            event_id: command_id.event(0),
            event_type: EventType { name: Cow::Owned(self.name.clone()), version: self.version },
            effective_at: None,
            cause: Cause {
                actor: Actor { kind: ActorKind::System, id: LOG.0 },
                on_behalf_of: None,
                channel: Channel::System,
                command_id,
                causation_id: command_id.0,
                correlation_id: command_id.0,
            },
            payload_sha256: sha256(&payload),
            payload: Bytes::from(payload),
        }
    }
}

fn golden_keyring() -> Result<Keyring, Failure> {
    let keys = MemoryKeys::new();
    keys.insert(KEY, KEY_BYTES)?;
    Ok(Keyring::with_fixed_nonce(Arc::new(keys), LOG))
}

/// Gives every marked value the form of a sealed one, its clear JSON in place of the ciphertext.
fn conceal(json: &mut Value) -> Result<(), Failure> {
    match json {
        Value::Object(fields) => {
            if let Some(value) = marked(fields) {
                let clear = STANDARD_NO_PAD.encode(serde_json::to_vec(value)?);
                let nonce = STANDARD_NO_PAD.encode([0; 12]);
                *json = serde_json::json!({ "k": KEY, "n": nonce, "c": clear });
                return Ok(());
            }
            fields.values_mut().try_for_each(conceal)
        }
        Value::Array(items) => items.iter_mut().try_for_each(conceal),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

fn marked(fields: &Map<String, Value>) -> Option<&Value> {
    fields.get("personal").filter(|_| fields.len() == 1)
}

/// Takes back what [`conceal`] did.
struct Reveal;

impl PersonalVisitor for Reveal {
    type Error = serde_json::Error;

    fn visit<T: Serialize + DeserializeOwned>(
        &mut self,
        _: &Cow<'static, str>,
        value: &mut Personal<T>,
    ) -> Result<(), serde_json::Error> {
        if let Personal::Sealed(sealed) = value {
            *value = Personal::Clear(serde_json::from_slice(&sealed.ciphertext)?);
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "golden_tests.rs"]
mod tests;
