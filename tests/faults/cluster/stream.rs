//! The stream of the bus from outside: what an operator, or a disk, can do to it.

use std::{fs, path::Path};

use async_nats::jetstream::{self, Context};
use futures_util::StreamExt;
use tests::Cluster;

/// The stream's name where none was chosen.
const NAME: &str = "ANNALS";

async fn context(cluster: &Cluster) -> Context {
    jetstream::new(async_nats::connect(cluster.nats.url()).await.unwrap())
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
    let stream = context(cluster).await.get_stream(NAME).await.unwrap();
    stream.purge().await.unwrap().purged
}

/// Deletes it.
pub(super) async fn delete(cluster: &Cluster) -> bool {
    context(cluster).await.delete_stream(NAME).await.unwrap().success
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
    let stream = context(cluster).await.get_stream(NAME).await.unwrap();
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
