//! The first start: the organisation, its first user and its first token.

use std::{io, path::Path};

use command_service::{
    access::{AddUser, FoundOrganization, IssueToken, Sha256Hex},
    aggregate::{Command, Record},
    handle::{CommandError, Handler, Request},
};
use events::{
    Version,
    access::{PresentedToken, Scope},
    ids::{CommandId, LogId, OrganizationId, TokenId, UserId},
    personal::Clear,
    values::Line,
};
use uuid::Uuid;

use crate::{config::Service, folder::write_private};

/// Why the first start could not be finished. The next start goes on where this one stopped.
#[derive(Debug, thiserror::Error)]
pub enum FoundingError {
    /// A command of the first start failed.
    #[error("the first start could not be finished")]
    Command(#[from] CommandError),
    /// The token's file could not be written or read.
    #[error("the file of the first token cannot be used")]
    TokenFile(#[from] io::Error),
}

/// Does what is left to do of the first start. `draw` draws the secret of the first token.
///
/// # Errors
/// See [`FoundingError`].
pub async fn found(
    handler: &Handler,
    log: LogId,
    service: &Service,
    token_file: &Path,
    draw: impl FnOnce() -> [u8; 32],
) -> Result<(), FoundingError> {
    let organization = OrganizationId(log.0);
    if handler.load(organization.stream()).await?.version == Version::NONE {
        let found = FoundOrganization {
            organization_id: organization,
            name: service.organization.clone(),
            zone: service.zone.clone(),
            base_currency: service.currency,
        };
        send(handler, log, "FoundOrganization", Box::new(found)).await?;
    }
    let user = first_user(log);
    if handler.load(user.stream()).await?.version == Version::NONE {
        let add = AddUser {
            user_id: Some(user),
            name: Clear(first_name()),
            email: None,
            manager: None,
            office: None,
        };
        send(handler, log, "AddUser", Box::new(add)).await?;
    }
    issue_first_token(handler, log, user, token_file, draw).await
}

/// The user of the first start: the administrator.
pub(crate) fn first_user(log: LogId) -> UserId {
    UserId(Uuid::new_v5(&log.0, b"first user"))
}

/// The file is written before the event, so that no crash leaves a token nobody can read.
async fn issue_first_token(
    handler: &Handler,
    log: LogId,
    user: UserId,
    token_file: &Path,
    draw: impl FnOnce() -> [u8; 32],
) -> Result<(), FoundingError> {
    let token = TokenId(Uuid::new_v5(&log.0, b"first token"));
    let loaded = handler.load(token.stream()).await?;
    if matches!(&*loaded.record, Record::Token(token) if token.issued().is_some()) {
        return Ok(());
    }
    let secret = draw();
    let text = PresentedToken::text(token, &secret);
    write_private(token_file, text.as_bytes())?;
    let issue = IssueToken {
        token_id: Some(token),
        user,
        label: None,
        scopes: vec![Scope::Read, Scope::Write, Scope::Audit, Scope::Admin],
        secret_sha256: Sha256Hex::from_bytes(PresentedToken::digest(&secret)),
    };
    send(handler, log, "IssueToken", Box::new(issue)).await?;
    Ok(())
}

async fn send(
    handler: &Handler,
    log: LogId,
    name: &'static str,
    command: Box<dyn Command>,
) -> Result<(), CommandError> {
    let command_id = CommandId(Uuid::new_v5(&log.0, name.as_bytes()));
    let request = Request::of_system(command_id, name, command);
    handler.handle(request).await?;
    Ok(())
}

fn first_name() -> Line<160> {
    Line::new("Administrator").unwrap_or_else(|_| unreachable!("a plain word is a line"))
}
