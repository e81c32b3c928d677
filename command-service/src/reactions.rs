//! Process managers at work: run at once by the caller's request, finished from the log after a crash.

use std::{sync::Arc, time::Duration};

use events::{
    Actor, ActorKind, Channel, CrmEvent, Payload, Position, Recorded, Version,
    ids::{EventId, StreamName, derived},
    store::{EventFeed, Receipt, StoreError},
};
use tokio::sync::watch;
use uuid::Uuid;

use crate::{
    handle::{CommandError, Handler, Request},
    processes::{Reaction, react, reacts_to},
};

/// The name of the checkpoint beside the log.
pub(crate) const CHECKPOINT: &str = "processes";
/// How many events are looked at between two savings of the checkpoint.
const PAGE: usize = 4_096;
/// A reaction that is not available now is tried again after this.
const PATIENCE: Duration = Duration::from_secs(1);

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
            let reached = self.react_to(&event, (receipt.stream, receipt.version), &why).await?;
            position = position.max(reached);
        }
        Ok(position)
    }

    async fn react_to(
        &self,
        event: &CrmEvent,
        (stream, version): (StreamName, Version),
        why: &Why,
    ) -> Result<Position, CommandError> {
        // With an older state the reaction would be refused, which is final.
        let own = self.load_at(stream, version).await?;
        let mut position = Position::START;
        for Reaction { name, command } in react(event, &own.record, stream) {
            let request = Request {
                command_id: why.event.reaction(name),
                name,
                command,
                expected: None,
                effective_at: None,
                reason: None,
                actor: Actor { kind: ActorKind::Process, id: derived(&format!("process:{name}")) },
                on_behalf_of: why.on_behalf_of,
                channel: Channel::Process,
                causation_id: why.event.0,
                correlation_id: why.correlation_id,
            };
            match Box::pin(self.handle(request)).await {
                Ok(accepted) => position = position.max(accepted.position),
                // Final: the rule stands in the attempt log. Retrying would not change it.
                Err(CommandError::Refused(refusal)) => {
                    metrics::counter!("annals_reactions_refused_total", "command" => name)
                        .increment(1);
                    tracing::warn!(%stream, command.type = name, code = refusal.code(),
                        "a process manager's command was refused");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(position)
    }

    /// Follows the log and finishes what a crash interrupted, until `stop` says so.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn follow_processes(
        self: Arc<Self>,
        feed: Arc<dyn EventFeed>,
        mut stop: watch::Receiver<bool>,
    ) -> Result<(), StoreError> {
        let mut at = self.store.checkpoint(CHECKPOINT).await?;
        while !*stop.borrow() {
            let page = feed.read(at, PAGE).await?;
            let Some(last) = page.last() else {
                tokio::select! {
                    () = feed.wait(at) => {}
                    _ = stop.changed() => {}
                }
                continue;
            };
            for recorded in &page {
                while let Err(error) = self.finish(recorded).await {
                    tracing::error!(event.position = recorded.position.0, %error,
                        "a process manager could not run; it will be tried again");
                    if tokio::time::timeout(PATIENCE, stop.changed()).await.is_ok() {
                        return Ok(());
                    }
                }
            }
            at = last.position;
            self.store.save_checkpoint(CHECKPOINT, at).await?;
        }
        Ok(())
    }

    async fn finish(&self, recorded: &Recorded) -> Result<(), CommandError> {
        if !reacts_to(&recorded.event.event_type.name) {
            return Ok(());
        }
        let payload = Payload::decode(&recorded.event)
            .map_err(|error| StoreError::Damaged(error.to_string().into()))?;
        let cause = recorded.event.cause;
        let why = Why {
            event: recorded.event.event_id,
            on_behalf_of: cause.on_behalf_of.or(Some(cause.actor.id)),
            correlation_id: cause.correlation_id,
        };
        self.react_to(&payload.event, (recorded.stream, recorded.version), &why).await?;
        Ok(())
    }
}
