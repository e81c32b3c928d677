//! What the query API refused, kept where the write API keeps what it refused: in the attempt log.

use std::{pin::Pin, sync::Arc};

use command_service::attempts::{Attempts, Refused};
use events::{Actor, ActorKind, ids::CommandId};
use events_log::store::StoreError;
use query_api::{Kept, Refusals, RefusedQuestion};

use crate::draw::draw_id;

/// Keeps refused questions among the attempts.
pub struct KeptRefusals(Arc<Attempts>);

impl KeptRefusals {
    /// Among those.
    #[must_use]
    pub fn in_log(attempts: Arc<Attempts>) -> Arc<Self> {
        Arc::new(Self(attempts))
    }
}

impl Refusals for KeptRefusals {
    fn keep(
        &self,
        refused: RefusedQuestion,
    ) -> Pin<Box<dyn Future<Output = Result<Kept, StoreError>> + Send + '_>> {
        let RefusedQuestion { user, token, route, code } = refused;
        let refused = Refused {
            actor: Actor { kind: ActorKind::User, id: user.0 },
            token: Some(token),
            command_id: CommandId(draw_id()),
            name: route.into(),
            stream: None,
            code,
        };
        Box::pin(async move {
            self.0.keep(vec![refused]).await?;
            Ok(if self.0.is_beyond(token) { Kept::Beyond } else { Kept::Within })
        })
    }
}

/// Writes what was counted since the last time, before the log is closed.
pub async fn close(attempts: &Attempts) {
    if let Err(error) = attempts.write_counts().await {
        tracing::warn!(%error, "counts of refusals were not written");
    }
}
