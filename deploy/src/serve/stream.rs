//! A connection's bytes: heads are let through whole and checked, what is slow is noted, and what a caller
//! still sends at the end does not destroy what it was answered.
//!
//! Its socket may move to another runtime between two requests, and stays behind alone at the end.

use std::{
    io,
    mem::MaybeUninit,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Instant,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use super::{
    guard::Verdict,
    guards::Ticket,
    head::{BUSY, Framing, Refusal, Scan, TOO_SLOW, check},
    linger::read_on,
};

/// How much is read at once where a head is looked for.
const AT_ONCE: usize = 8 * 1024;
/// How much of an unfinished head takes no room that all share.
const FREE: usize = 2 * 1024;
/// How a connection begins that only asks whether somebody is alive.
const PROBE: &[u8] = b"GET /livez ";
/// Stands in for a head that was refused, so that the answer takes its turn behind those before it.
const REFUSED: &[u8] = b"GET /refused HTTP/1.1\r\nHost: refused\r\nConnection: close\r\n\r\n";

/// What comes next on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Head,
    Body(u64),
    /// Chunks, or nothing that counts: the connection ends with this request.
    Rest,
    /// Nothing is read any longer.
    Refused,
}

/// What a connection begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum First {
    /// Nothing: the caller has gone.
    Gone,
    /// Whether somebody is alive here; nothing else is answered sooner.
    Probe,
    /// Any other request.
    Request,
    /// What is no request.
    Refused(Refusal),
}

/// The stream of a connection.
pub(super) struct Stream {
    /// None while it moves, and once it is over.
    tcp: Option<TcpStream>,
    ticket: Arc<Ticket>,
    phase: Phase,
    /// What was read, and how much of it was let through and handed on.
    read: Vec<u8>,
    handed: usize,
    through: usize,
    scan: Scan,
    /// Whether it was said that a head has begun.
    has_begun: bool,
    /// How much shared room an unfinished head takes.
    held: usize,
    is_stalled: bool,
    /// Why what came last is no request.
    refused: Option<Refusal>,
}

impl Stream {
    pub(super) fn new(tcp: TcpStream, ticket: Arc<Ticket>) -> Self {
        Self {
            tcp: Some(tcp),
            ticket,
            phase: Phase::Head,
            read: Vec::new(),
            handed: 0,
            through: 0,
            scan: Scan::default(),
            has_begun: false,
            held: 0,
            is_stalled: false,
            refused: None,
        }
    }

    /// Waits for the first head, before anything is set up to answer it.
    pub(super) async fn first_head(&mut self) -> First {
        let has_come = std::future::poll_fn(|cx| self.poll_head(cx)).await.unwrap_or(false);
        match self.refused {
            Some(refusal) => First::Refused(refusal),
            None if !has_come => First::Gone,
            // Where more is asked behind it, the rest would be lost with the door's connection.
            None if self.read.starts_with(PROBE) && self.read.len() == self.through => First::Probe,
            None => First::Request,
        }
    }

    /// Leaves this runtime, whose events its socket no longer waits for.
    ///
    /// # Errors
    /// When the socket is broken.
    pub(super) fn leave(mut self) -> io::Result<Moving> {
        let tcp = self.tcp.take().ok_or(io::ErrorKind::NotConnected)?.into_std()?;
        Ok(Moving { tcp, stream: self })
    }

    fn tcp(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        let tcp = self.tcp.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        Ok(Pin::new(tcp))
    }

    /// Reads until a whole head was let through, or refused; false at the end of the connection.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        loop {
            if self.through > self.handed {
                return Poll::Ready(Ok(true));
            }
            if self.phase != Phase::Head {
                return Poll::Ready(Ok(false));
            }
            match self.scan.find(&self.read[self.through..]) {
                Ok(Some(length)) => self.let_through(length),
                Ok(None) if self.is_too_slow() => self.refuse(TOO_SLOW),
                Ok(None) if !self.has_room() => self.refuse(BUSY),
                Ok(None) => {
                    if ready!(self.poll_more(cx))? == 0 {
                        return Poll::Ready(Ok(false));
                    }
                }
                Err(refusal) => self.refuse(refusal),
            }
        }
    }

    /// Reads once for a head.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut bytes = [MaybeUninit::uninit(); AT_ONCE];
        let mut buffer = ReadBuf::uninit(&mut bytes);
        let polled = self.tcp()?.poll_read(cx, &mut buffer);
        if polled.is_pending() {
            if self.is_amid_head() {
                self.ticket.guard.head.register(cx.waker());
                // It may have been said before there was anybody to wake.
                if self.is_too_slow() {
                    cx.waker().wake_by_ref();
                }
            }
            return Poll::Pending;
        }
        ready!(polled)?;
        let new = buffer.filled();
        // Little more than it needs: there may be thousands of unfinished heads.
        self.read.reserve_exact(new.len().max(self.read.len() / 8));
        self.read.extend_from_slice(new);
        Poll::Ready(Ok(new.len()))
    }

    const fn is_amid_head(&self) -> bool {
        self.read.len() > self.through
    }

    /// Whether a part of a head has waited for the rest long enough.
    fn is_too_slow(&mut self) -> bool {
        if !self.is_amid_head() {
            return false;
        }
        if !self.has_begun {
            self.has_begun = true;
            self.ticket.guard.head_begins(Instant::now());
        }
        self.ticket.guard.verdict() == Verdict::HeadTooSlow
    }

    /// Whether what has come of a head may stay in memory.
    fn has_room(&mut self) -> bool {
        let wanted = (self.read.len() - self.through).saturating_sub(FREE);
        if wanted <= self.held {
            return true;
        }
        let has_room = self.ticket.guards().hold(wanted - self.held);
        if has_room {
            self.held = wanted;
        }
        has_room
    }

    fn give_room_back(&mut self) {
        self.ticket.guards().release(std::mem::take(&mut self.held));
    }

    /// Lets a head through if it is one, and what is there of its body.
    fn let_through(&mut self, length: usize) {
        let end = self.through + length;
        match check(&self.read[self.through..end]) {
            Ok(framing) => {
                self.phase = match framing {
                    Framing::Length(0) => Phase::Head,
                    Framing::Length(length) => Phase::Body(length),
                    Framing::Chunked => Phase::Rest,
                };
                self.through = end;
                (self.scan, self.has_begun) = (Scan::default(), false);
                self.give_room_back();
                self.ticket.guard.request_begins(None);
                self.let_body_through();
            }
            Err(refusal) => self.refuse(refusal),
        }
    }

    fn let_body_through(&mut self) {
        let there = self.read.len() - self.through;
        match self.phase {
            Phase::Body(left) => {
                let now = there.min(usize::try_from(left).unwrap_or(usize::MAX));
                self.through += now;
                self.body_passed(now);
            }
            Phase::Rest => self.through += there,
            Phase::Head | Phase::Refused => {}
        }
    }

    const fn body_passed(&mut self, bytes: usize) {
        if let Phase::Body(left) = self.phase {
            let left = left.saturating_sub(bytes as u64);
            self.phase = if left == 0 { Phase::Head } else { Phase::Body(left) };
        }
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.give_room_back();
        self.read.truncate(self.through);
        self.read.extend_from_slice(REFUSED);
        self.through = self.read.len();
        self.phase = Phase::Refused;
        self.refused = Some(refusal);
        self.ticket.guard.request_begins(Some(refusal));
    }

    /// Hands on what was let through.
    fn hand_on(&mut self, buffer: &mut ReadBuf<'_>) {
        let length = buffer.remaining().min(self.through - self.handed);
        buffer.put_slice(&self.read[self.handed..self.handed + length]);
        self.handed += length;
        if self.handed == self.read.len() {
            // A connection that idles keeps no memory.
            self.read = Vec::new();
            (self.handed, self.through) = (0, 0);
        } else if self.handed == self.through {
            self.read.drain(..self.handed);
            (self.handed, self.through) = (0, 0);
        }
    }

    /// Notes how much of what was offered was taken.
    fn note(&mut self, offered: usize, polled: &Poll<io::Result<usize>>) {
        let taken = match polled {
            Poll::Ready(Ok(taken)) => *taken,
            Poll::Ready(Err(_)) => return,
            Poll::Pending => 0,
        };
        if taken < offered || self.is_stalled {
            self.is_stalled = true;
            self.ticket.guard.write_stalls(taken, Instant::now());
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.through == self.handed && self.phase == Phase::Head && !ready!(self.poll_head(cx))?
        {
            return Poll::Ready(Ok(()));
        }
        if self.through > self.handed {
            self.hand_on(buffer);
            return Poll::Ready(Ok(()));
        }
        match self.phase {
            // The answer to what was refused wakes the connection.
            Phase::Head | Phase::Refused => Poll::Pending,
            Phase::Rest => self.tcp()?.poll_read(cx, buffer),
            Phase::Body(left) => {
                // Not a byte of what comes after it: that is a head, which is checked first.
                let length = buffer.remaining().min(usize::try_from(left).unwrap_or(usize::MAX));
                let mut part = ReadBuf::new(buffer.initialize_unfilled_to(length));
                ready!(self.tcp()?.poll_read(cx, &mut part))?;
                let length = part.filled().len();
                buffer.advance(length);
                self.body_passed(length);
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = self.tcp()?.poll_write(cx, bytes);
        self.note(bytes.len(), &polled);
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = self.tcp()?.poll_write_vectored(cx, slices);
        self.note(slices.iter().map(|slice| slice.len()).sum(), &polled);
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.as_ref().is_some_and(TcpStream::is_write_vectored)
    }

    /// All that was to be written was taken.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_stalled {
            self.is_stalled = false;
            self.ticket.guard.write_ends();
        }
        self.tcp()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // What comes after the end was asked for is not read here.
        let Ok(tcp) = self.tcp() else { return Poll::Ready(Ok(())) };
        ready!(tcp.poll_shutdown(cx))?;
        self.ticket.guard.lingers(Instant::now());
        // A socket that is closed with unread bytes is reset, and the answer may be lost with it.
        let has_unread = self.phase != Phase::Head;
        if let Some(tcp) = self.tcp.take_if(|_| has_unread) {
            read_on(tcp, &self.ticket);
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.give_room_back();
        if self.ticket.guard.verdict() == Verdict::Cut {
            // What the caller does not take is not kept for it by the system either.
            self.tcp.as_ref().map(TcpStream::set_zero_linger);
        }
    }
}

/// A stream on its way to another runtime.
pub(super) struct Moving {
    tcp: std::net::TcpStream,
    stream: Stream,
}

impl Moving {
    /// Goes on in this runtime.
    ///
    /// # Errors
    /// When the system has no room to wait for one more socket.
    pub(super) fn arrive(self) -> io::Result<Stream> {
        let Self { tcp, mut stream } = self;
        stream.tcp = Some(TcpStream::from_std(tcp)?);
        Ok(stream)
    }
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
