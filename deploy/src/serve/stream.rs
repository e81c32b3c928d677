//! A connection's bytes, and its end: what a caller still sends does not destroy what it was answered.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};

/// How long a connection that is over is read on.
const LINGER: Duration = Duration::from_secs(2);
/// How much of it is read at once.
const AT_ONCE: usize = 16 * 1024;

/// The stream of a connection.
pub(super) struct Stream {
    tcp: TcpStream,
    /// Whether a body was left unread. A socket that is closed with unread bytes is reset, and the
    /// answer may be lost with it.
    unread: Arc<AtomicBool>,
    lingering: Option<Pin<Box<Sleep>>>,
}

impl Stream {
    pub(super) const fn new(tcp: TcpStream, unread: Arc<AtomicBool>) -> Self {
        Self { tcp, unread, lingering: None }
    }

    /// Reads and forgets until the caller ends the connection, or for long enough.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        #[expect(clippy::disallowed_methods, reason = "a limit, not a wait for something to be so")]
        let limit = self.lingering.get_or_insert_with(|| Box::pin(sleep(LINGER)));
        if limit.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        let mut forgotten = [const { std::mem::MaybeUninit::uninit() }; AT_ONCE];
        loop {
            let mut buffer = ReadBuf::uninit(&mut forgotten);
            ready!(Pin::new(&mut self.tcp).poll_read(cx, &mut buffer))?;
            if buffer.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingering.is_none() {
            ready!(Pin::new(&mut self.tcp).poll_shutdown(cx))?;
        }
        if self.unread.load(Ordering::Relaxed) { self.poll_linger(cx) } else { Poll::Ready(Ok(())) }
    }
}
