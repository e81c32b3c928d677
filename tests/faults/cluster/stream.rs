//! The stream of the bus from outside: what an operator, or a disk, can do to it.

use std::{fs, path::Path};

use async_nats::jetstream::{
    self, Context, ErrorCode,
    context::{GetStreamError, GetStreamErrorKind},
    stream::Stream,
};
use futures_util::StreamExt;
use tests::Cluster;

/// The stream's name where none was chosen.
const NAME: &str = "ANNALS";

async fn context(cluster: &Cluster) -> Context {
    jetstream::new(async_nats::connect(cluster.nats.url()).await.unwrap())
}

/// The stream, unless a fault before took it and the relay has not made it again.
async fn stream(cluster: &Cluster) -> Option<Stream> {
    match context(cluster).await.get_stream(NAME).await {
        Ok(stream) => Some(stream),
        Err(error) if is_missing(&error) => None,
        Err(error) => panic!("{error}"),
    }
}

fn is_missing(error: &GetStreamError) -> bool {
    let GetStreamErrorKind::JetStream(error) = error.kind() else { return false };
    error.error_code() == ErrorCode::STREAM_NOT_FOUND
}

/// How many messages the stream has.
pub(super) async fn messages(cluster: &Cluster) -> u64 {
    match context(cluster).await.get_stream(NAME).await {
        Ok(mut stream) => stream.info().await.unwrap().state.messages,
        Err(_) => 0,
    }
}

/// Takes every message out of it; answers with how many there were.
pub(super) async fn purge(cluster: &Cluster) -> u64 {
    let Some(stream) = stream(cluster).await else { return 0 };
    stream.purge().await.unwrap().purged
}

/// Deletes it; answers with whether it was there.
pub(super) async fn delete(cluster: &Cluster) -> bool {
    match context(cluster).await.delete_stream(NAME).await {
        Ok(deleted) => deleted.success,
        Err(error) if is_missing(&error) => false,
        Err(error) => panic!("{error}"),
    }
}

/// How many listen to it.
pub(super) async fn consumers(cluster: &Cluster) -> usize {
    match context(cluster).await.get_stream(NAME).await {
        Ok(mut stream) => stream.info().await.unwrap().state.consumer_count,
        Err(_) => 0,
    }
}

/// Deletes everybody who listens to it; answers with how many there were.
pub(super) async fn delete_consumers(cluster: &Cluster) -> usize {
    let Some(stream) = stream(cluster).await else { return 0 };
    let names: Vec<_> = stream.consumer_names().map(Result::unwrap).collect().await;
    for name in &names {
        // It may have gone by itself.
        stream.delete_consumer(name).await.ok();
    }
    names.len()
}

/// Copies a folder with all that is in it.
pub(super) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let copied = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &copied);
        } else {
            fs::copy(&path, &copied).unwrap();
        }
    }
}

/// Takes all out of every file below a folder.
pub(super) fn empty(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            empty(&path);
        } else {
            fs::write(&path, "").unwrap();
        }
    }
}
