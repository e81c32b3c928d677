//! An event of an older shape is read as the newest: fields renamed, given a default, dropped; also a sealed
//! one, whose seal opens only under the path that it was made for.
#![expect(unreachable_pub, reason = "events are declared to be published")]

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{CategoryEvents as _, Personal};
use crate::{
    ids::EventId,
    personal::{Origin, personal_fields},
    values::Line,
};

/// Version 1: a name, a telephone number, a fax number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetV1 {
    name: Personal<Line<100>>,
    phone: Personal<Line<50>>,
    fax: Line<50>,
}

/// Version 2: the number has another name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetV2 {
    name: Personal<Line<100>>,
    telephone: Personal<Line<50>>,
    fax: Line<50>,
}

/// Version 3: nobody has a fax any more, and how often they met is counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Met {
    name: Personal<Line<100>>,
    telephone: Personal<Line<50>>,
    times: u32,
}

impl From<MetV1> for Met {
    fn from(old: MetV1) -> Self {
        Self { name: old.name, telephone: old.phone, times: 1 }
    }
}

impl From<MetV2> for Met {
    fn from(old: MetV2) -> Self {
        Self { name: old.name, telephone: old.telephone, times: 1 }
    }
}

personal_fields! {
    MetV1 { name, phone }
    MetV2 { name, telephone }
    Met { name, telephone }
}

category_events! {
    /// What is never published.
    ScratchEvent in Note {
        /// Somebody was met.
        Met(Met) = "scratch.met" v 3 after { 1: MetV1, 2: MetV2 },
    }
}

const EVENT: EventId = EventId(Uuid::from_u128(7));

/// What is stored of a sealed value: the same each time.
const SEALED: &str =
    r#"{"k":"00000000-0000-4000-8000-0000000000e1","n":"Z29sZGVuIG5vbmNl","c":"AAAA"}"#;

fn decoded(version: u16, data: &str) -> Met {
    let ScratchEvent::Met(met) =
        ScratchEvent::decode("scratch.met", version, data, EVENT).unwrap().unwrap();
    met
}

fn sealed_at(path: &'static str) -> Option<Origin> {
    Some(Origin { event: EVENT, path: Cow::Borrowed(path) })
}

fn origin<T>(value: &Personal<T>) -> Option<Origin> {
    value.sealed()?.origin.clone()
}

#[test]
fn a_sealed_field_that_was_renamed_knows_the_path_it_was_sealed_under() {
    for (version, field, rest, times) in [
        (1, "phone", r#""fax":"2""#, 1),
        (2, "telephone", r#""fax":"2""#, 1),
        (3, "telephone", r#""times":4"#, 4),
    ] {
        let met = decoded(version, &format!(r#"{{"name":{SEALED},"{field}":{SEALED},{rest}}}"#));
        assert_eq!(origin(&met.telephone), sealed_at(field), "version {version}");
        assert_eq!(origin(&met.name), sealed_at("name"), "version {version}");
        assert_eq!(met.times, times, "version {version}");
    }
}

#[test]
fn only_the_newest_shape_is_written_and_all_are_published() {
    let met = decoded(1, &format!(r#"{{"name":{SEALED},"phone":{SEALED},"fax":"2"}}"#));
    let event = ScratchEvent::from(met);
    assert_eq!((&*event.event_type().name, event.event_type().version), ("scratch.met", 3));
    let written = event.encode().unwrap();
    assert_eq!(
        written.get(),
        format!(r#"{{"name":{SEALED},"telephone":{SEALED},"times":1}}"#),
        "an older event is never written again as it was"
    );
    let versions = ScratchEvent::published().into_iter().map(|it| it.event_type.version);
    assert_eq!(versions.collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn a_version_that_is_none_and_a_shape_of_another_version_are_refused() {
    assert!(ScratchEvent::decode("scratch.met", 4, "{}", EVENT).is_none());
    let newer = format!(r#"{{"name":{SEALED},"telephone":{SEALED},"times":1}}"#);
    assert!(ScratchEvent::decode("scratch.met", 1, &newer, EVENT).unwrap().is_err());
}
