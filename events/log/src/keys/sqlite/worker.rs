//! A thread that owns a key file: nobody else waits for the disk.

use std::{
    sync::mpsc::{Receiver, Sender, channel},
    thread::{Builder, JoinHandle},
};

use tokio::sync::oneshot;

use super::{KeyError, file::KeyFile};
use crate::store::Answer;

type Job = Box<dyn FnOnce(&mut KeyFile) + Send>;

/// The thread. It ends, and closes the file, when this is dropped.
pub(super) struct Worker {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    pub(super) fn start(name: &str, file: KeyFile) -> Result<Self, KeyError> {
        let (jobs, received) = channel();
        let thread = Builder::new()
            .name(name.to_owned())
            .spawn(move || work(file, &received))
            .map_err(|error| KeyError::Unavailable(error.to_string().into()))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Has a job done without waiting for it. A thread that is gone does nothing.
    pub(super) fn send(&self, job: impl FnOnce(&mut KeyFile) + Send + 'static) {
        if let Some(jobs) = &self.jobs {
            let _taken = jobs.send(Box::new(job)).is_ok();
        }
    }

    /// Has a job done and waits for its answer.
    pub(super) fn call<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut KeyFile) -> Result<T, KeyError> + Send + 'static,
    ) -> Answer<'_, Result<T, KeyError>> {
        let (sender, answer) = oneshot::channel();
        self.send(move |file| {
            // Who asked may have gone meanwhile.
            let _heard = sender.send(job(file)).is_ok();
        });
        Box::pin(async move {
            let gone = |_| KeyError::Unavailable("its thread has ended".into());
            answer.await.map_err(gone)?
        })
    }
}

fn work(mut file: KeyFile, jobs: &Receiver<Job>) {
    while let Ok(job) = jobs.recv() {
        job(&mut file);
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ended_well = thread.join().is_ok();
        }
    }
}
