//! A connection that was answered its last, and may still be sending.

use std::sync::Arc;

use tokio::{io::AsyncReadExt, net::TcpStream};

use super::guards::Ticket;

/// Reads and forgets until the caller ends the connection, without what answered it; the patrol sets
/// the limit.
pub(super) fn read_on(mut tcp: TcpStream, ticket: &Arc<Ticket>) {
    let lingering = ticket.clone();
    let reading = async move {
        let mut bytes = [0; 512];
        while matches!(tcp.read(&mut bytes).await, Ok(1..)) {}
        drop(lingering);
    };
    ticket.guard.goes_on(|| tokio::spawn(reading).abort_handle());
}
