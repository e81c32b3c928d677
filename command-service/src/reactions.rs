//! Process managers at work: run at once by the caller's request, finished from the log after a crash.

use std::{ops::Range, sync::Arc, time::Duration};

use events::{
    Actor, ActorKind, Channel, CrmEvent, Payload, Position, Recorded, Version,
    ids::{EventId, StreamName, derived},
};
use events_log::{
    postgres::{Lease, while_held},
    store::{EventFeed, Receipt, StoreError},
};
use tokio::{sync::watch, time::MissedTickBehavior};
use uuid::Uuid;

use crate::{
    handle::{CommandError, Handler, Request},
    processes::{Reaction, react, reacts_in, reacts_to},
};

/// The name of the checkpoint beside the log.
pub const CHECKPOINT: &str = "processes";
/// How many events are looked at at a time.
const PAGE: usize = 4_096;
/// How many of a stream's latest events are looked at at a time.
const RECENT: u64 = 16;
/// A reaction that is not available now is tried again after this.
const PATIENCE: Duration = Duration::from_secs(1);
/// The checkpoint is saved at most this often: each saving may be a flush of the log of its own.
/// What a crash forgets is looked at again, and found done.
const SAVE_EVERY: Duration = Duration::from_secs(1);

/// Why a reaction runs: what the command of a process manager carries on.
struct Why {
    event: EventId,
    on_behalf_of: Option<Uuid>,
    correlation_id: Uuid,
}

impl Handler {
    /// Runs the reactions to the events of a command. Answers with the last position they reached.
    pub(crate) async fn react(
        &self,
        request: &Request,
        receipt: Receipt,
        decided: Vec<CrmEvent>,
    ) -> Result<Position, CommandError> {
        let mut position = receipt.position;
        for (ordinal, event) in (0_u32..).zip(decided) {
            if !reacts_to(&event.event_type().name) {
                continue;
            }
            let why = Why {
                event: request.command_id.event(ordinal),
                on_behalf_of: request.on_behalf_of.or(Some(request.actor.id)),
                correlation_id: request.correlation_id,
            };
            for reaction in self.reactions_to(&event, receipt.stream, receipt.version).await? {
                position = position.max(self.run(reaction, &why).await?);
            }
        }
        Ok(position)
    }

    async fn reactions_to(
        &self,
        event: &CrmEvent,
        stream: StreamName,
        version: Version,
    ) -> Result<Vec<Reaction>, CommandError> {
        let own = self.load_since(stream, version).await?;
        Ok(react(event, &own.record, stream))
    }

    /// Sends a reaction's command. Answers with the position it reached, the start if it was
    /// refused.
    async fn run(&self, reaction: Reaction, why: &Why) -> Result<Position, CommandError> {
        let command_id = reaction.command_id(why.event);
        let Reaction { name, command, .. } = reaction;
        let request = Request {
            command_id,
            name,
            command,
            expected: None,
            effective_at: None,
            reason: None,
            actor: Actor { kind: ActorKind::Process, id: derived(&format!("process:{name}")) },
            authority: None,
            on_behalf_of: why.on_behalf_of,
            channel: Channel::Process,
            causation_id: why.event.0,
            correlation_id: why.correlation_id,
            freshened: None,
        };
        let event = why.event.0;
        match Box::pin(self.handle(request)).await {
            Ok(accepted) => Ok(accepted.position),
            // Final: the rule stands in the attempt log. Retrying would not change it.
            Err(CommandError::Refused(refusal)) => {
                metrics::counter!("annals_reactions_refused_total", "command" => name).increment(1);
                tracing::warn!(%event, command.type = name, code = refusal.code(),
                    "a process manager's command was refused");
                Ok(Position::START)
            }
            // Final too, and a mistake of ours: waiting would not make it go away.
            Err(error @ (CommandError::Reused | CommandError::TooLarge)) => {
                tracing::error!(%event, command.type = name, %error,
                    "a process manager's command can never be run");
                Ok(Position::START)
            }
            Err(error) => Err(error),
        }
    }

    /// Follows the log as [`Self::follow_processes`] does, in one process at a time: in the one that
    /// holds the lease. Two at once, for as long as a lost lease is not noticed, do no harm: the
    /// ledger keeps a reaction from taking effect twice. Whoever waits for the lease follows nothing
    /// and is not behind: the checkpoint lies with the log and belongs to all.
    ///
    /// # Errors
    /// Those of [`Self::follow_processes`].
    pub async fn follow_processes_while_held(
        self: Arc<Self>,
        lease: &Lease,
        feed: Arc<dyn EventFeed>,
        stop: watch::Receiver<bool>,
    ) -> Result<(), StoreError> {
        let follow = |stop| Arc::clone(&self).follow_processes(Arc::clone(&feed), stop);
        while_held(lease, stop, follow).await
    }

    /// Follows the log and finishes what a crash interrupted, until `stop` says so or is gone. A
    /// shared log that is away is tried again: other processes live on when it does.
    ///
    /// # Errors
    /// When the log cannot be read, or, if it is shared, when it is damaged.
    pub async fn follow_processes(
        self: Arc<Self>,
        feed: Arc<dyn EventFeed>,
        mut stop: watch::Receiver<bool>,
    ) -> Result<(), StoreError> {
        loop {
            match self.follow_from_checkpoint(&*feed, &mut stop).await {
                Err(error)
                    if self.store.is_shared() && !matches!(error, StoreError::Damaged(_)) =>
                {
                    tracing::warn!(%error,
                        "the process managers cannot follow the log; they will try again");
                    if tokio::time::timeout(PATIENCE, told(&mut stop)).await.is_ok() {
                        return Ok(());
                    }
                }
                ended => return ended,
            }
        }
    }

    /// Follows the log from where the checkpoint is. What an error forgets is looked at again.
    async fn follow_from_checkpoint(
        &self,
        feed: &dyn EventFeed,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<(), StoreError> {
        let mut saved = self.store.checkpoint(CHECKPOINT).await?;
        let mut at = saved;
        let mut rhythm = tokio::time::interval(SAVE_EVERY);
        rhythm.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = told(stop) => break,
                _ = rhythm.tick(), if at > saved => {
                    saved = self.save(saved, at).await?;
                }
                () = feed.wait(at) => {
                    for recorded in feed.read(at, PAGE).await? {
                        if *stop.borrow() || !self.finish_patiently(&recorded, stop).await {
                            break;
                        }
                        at = recorded.position;
                    }
                }
            }
        }
        if at > saved {
            self.save(saved, at).await?;
        }
        Ok(())
    }

    /// Remembers how far the log was followed; answers with what is remembered. A full disk heals:
    /// the old checkpoint stays for so long, and a restart looks at some events again.
    async fn save(&self, saved: Position, at: Position) -> Result<Position, StoreError> {
        match self.store.save_checkpoint(CHECKPOINT, at).await {
            Ok(()) => Ok(at),
            Err(StoreError::Full) => {
                tracing::warn!("the checkpoint of the process managers waits for room on the disk");
                Ok(saved)
            }
            Err(error) => Err(error),
        }
    }

    /// Finishes the reactions to an event, trying again for as long as they are not available.
    /// `false` when it was told to stop instead.
    async fn finish_patiently(
        &self,
        recorded: &Recorded,
        stop: &mut watch::Receiver<bool>,
    ) -> bool {
        while let Err(error) = self.finish(recorded).await {
            tracing::error!(event.position = recorded.position.0, %error,
                "a process manager could not run; it will be tried again");
            if tokio::time::timeout(PATIENCE, told(stop)).await.is_ok() {
                return false;
            }
        }
        true
    }

    /// Runs the reactions to an event that did not run yet. Most did, with the command that made
    /// the event: those the ledger knows cost nothing more than to be looked up.
    async fn finish(&self, recorded: &Recorded) -> Result<(), CommandError> {
        if !reacts_to(&recorded.event.event_type.name) {
            return Ok(());
        }
        let (why, reactions) = self.asked_for_by(recorded).await?;
        let ids = reactions.iter().map(|reaction| reaction.command_id(why.event)).collect();
        let known = self.store.lookup(ids).await?;
        for (reaction, known) in reactions.into_iter().zip(known) {
            if known.is_none() {
                self.run(reaction, &why).await?;
            }
        }
        Ok(())
    }

    /// What a recorded event asks for, and why.
    async fn asked_for_by(
        &self,
        recorded: &Recorded,
    ) -> Result<(Why, Vec<Reaction>), CommandError> {
        let payload = Payload::decode(&recorded.event)
            .map_err(|error| StoreError::Damaged(error.to_string().into()))?;
        let cause = recorded.event.cause;
        let why = Why {
            event: recorded.event.event_id,
            on_behalf_of: cause.on_behalf_of.or(Some(cause.actor.id)),
            correlation_id: cause.correlation_id,
        };
        let reactions =
            self.reactions_to(&payload.event, recorded.stream, recorded.version).await?;
        Ok((why, reactions))
    }

    /// The events of a stream between two versions whose reactions may not have run yet: those that
    /// the follower has not passed. A command that changes nothing reports what they did, so its
    /// answer has to wait for what follows from them. The commands of process managers wait for
    /// nobody: somebody waits for them.
    pub(crate) async fn unfinished(
        &self,
        request: &Request,
        stream: StreamName,
        versions: Range<Version>,
    ) -> Result<Vec<Arc<Recorded>>, CommandError> {
        let mut open = Vec::new();
        let Range { start: finished, end: version } = versions;
        let is_nobodys = request.channel == Channel::Process || !reacts_in(stream.category);
        if is_nobodys || finished >= version {
            return Ok(open);
        }
        let passed = self.store.checkpoint(CHECKPOINT).await?;
        let mut end = version.0;
        while end > finished.0 {
            let begin = end.saturating_sub(RECENT).max(finished.0);
            let limit = usize::try_from(end - begin).unwrap_or(usize::MAX);
            let page = self.store.read_stream(stream, Version(begin), limit).await?;
            let is_all_new = page.first().is_some_and(|event| event.position > passed);
            let reacts = |event: &Arc<Recorded>| {
                event.position > passed && reacts_to(&event.event.event_type.name)
            };
            open.extend(page.into_iter().filter(reacts));
            end = if is_all_new { begin } else { finished.0 };
        }
        open.sort_by_key(|event| event.position);
        Ok(open)
    }

    /// Runs the reactions to these events, also those that ran, with all that follows from them: the
    /// log holds it all when this returns.
    pub(crate) async fn run_again(&self, events: &[Arc<Recorded>]) -> Result<(), CommandError> {
        for recorded in events {
            let (why, reactions) = self.asked_for_by(recorded).await?;
            for reaction in reactions {
                self.run(reaction, &why).await?;
            }
        }
        Ok(())
    }
}

/// Waits until it is told to stop, or whoever would tell it is gone.
async fn told(stop: &mut watch::Receiver<bool>) {
    stop.wait_for(|stop| *stop).await.ok();
}

#[cfg(test)]
#[path = "reactions_tests.rs"]
mod tests;
