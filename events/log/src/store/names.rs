//! The names under which a store writes down what is of few kinds, read back.

use std::{borrow::Cow, collections::HashSet, sync::LazyLock};

use events::{
    codec::CrmEvent,
    envelope::{ActorKind, Channel},
};

/// The published names: reading a known one makes no copy.
static PUBLISHED: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    let published = CrmEvent::published().into_iter();
    published
        .filter_map(|published| match published.event_type.name {
            Cow::Borrowed(name) => Some(name),
            Cow::Owned(_) => None,
        })
        .collect()
});

/// The name of an event's type. One that this build does not know is kept as it is.
pub(crate) fn event_type(name: &str) -> Cow<'static, str> {
    PUBLISHED.get(name).map_or_else(|| Cow::Owned(name.to_owned()), |known| Cow::Borrowed(*known))
}

/// [`ActorKind::name`], read back.
pub(crate) fn actor_kind(name: &str) -> Option<ActorKind> {
    Some(match name {
        "user" => ActorKind::User,
        "process" => ActorKind::Process,
        "system" => ActorKind::System,
        _ => return None,
    })
}

/// [`Channel::name`], read back.
pub(crate) fn channel(name: &str) -> Option<Channel> {
    Some(match name {
        "api" => Channel::Api,
        "import" => Channel::Import,
        "process" => Channel::Process,
        "system" => Channel::System,
        _ => return None,
    })
}
