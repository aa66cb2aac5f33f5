//! `AsyncRead` and `AsyncWrite` of every stream. The only buffers are the kernel's, so a flush does nothing.
//!
//! A read of a Unix stream ends after bytes that were sent with descriptors, even if more follow. So a short one
//! may not have emptied the stream (see [`Readiness`]). Linux flags such a read, even one that does not ask for
//! the descriptors. Then the side is drained first; where there is no flag, it always is.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};
#[cfg(unix)]
use rustix::net::{RecvAncillaryBuffer, RecvFlags, ReturnFlags, recvmsg};

use super::reactor::Side;
use super::readiness::Readiness;
use super::source::{Io, Source};
use super::tcp::TcpStream;
#[cfg(unix)]
use super::unix::UnixStream;
use crate::task::budget;

/// How many bytes were read or written.
type Transfer = Poll<io::Result<usize>>;

/// How many buffers the kernel takes in one call.
const IOV_MAX: usize = 1_024;

impl<S: Io> Source<S> {
    /// Transfers up to `len` bytes. A transfer of none makes no system call.
    #[inline(always)]
    pub(crate) fn poll_transfer(
        &self,
        cx: &mut Context<'_>,
        side: Side,
        len: usize,
        transfer: impl FnOnce(&S, &mut Readiness) -> io::Result<usize>,
    ) -> Transfer {
        if len == 0 {
            ready!(budget::poll_spend(cx));
            return Poll::Ready(self.expect_loop().map(|()| 0));
        }
        self.poll(cx, side, |io, readiness| {
            let count = transfer(io, readiness)?;
            readiness.transferred(count, len);
            Ok(count)
        })
    }
}

macro_rules! byte_stream {
    ($($stream:ty),+) => {$(
        impl AsyncRead for $stream {
            fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Transfer {
                self.source.poll_transfer(cx, Side::Read, buffer.len(), |io, side| io.receive(buffer, side))
            }

            fn poll_read_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffers: &mut [IoSliceMut<'_>],
            ) -> Transfer {
                let len = len_at_once(buffers);
                self.source.poll_transfer(cx, Side::Read, len, |io, side| io.receive_vectored(buffers, side))
            }
        }

        impl AsyncWrite for $stream {
            fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Transfer {
                self.source.poll_transfer(cx, Side::Write, buffer.len(), |mut io, _| io.write(buffer))
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffers: &[IoSlice<'_>],
            ) -> Transfer {
                let len = len_at_once(buffers);
                self.source.poll_transfer(cx, Side::Write, len, |mut io, _| io.write_vectored(buffers))
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                budget::poll_spend(cx).map(Ok)
            }

            /// Shuts down the writing side. A peer that has closed already is no error.
            fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                ready!(budget::poll_spend(cx));
                let closed = self.source.io().shutdown(Shutdown::Write);
                // Wakes a write that waits, which will fail: Linux reports no event for a full Unix socket.
                self.source.set_ready(Side::Write);
                Poll::Ready(match closed {
                    Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
                    result => result,
                })
            }
        }
    )+};
}

byte_stream!(TcpStream, &TcpStream);
#[cfg(unix)]
byte_stream!(UnixStream, &UnixStream);

/// Returns how many bytes one call can transfer. One that fills [`IOV_MAX`] buffers is no short transfer.
fn len_at_once(buffers: &[impl Deref<Target = [u8]>]) -> usize {
    buffers.iter().take(IOV_MAX).fold(0, |len, buffer| buffer.len().saturating_add(len))
}

/// Reads a stream by one system call. If the read may have ended where more follows, the side is to be drained
/// first.
trait Receive: Read + Sized {
    fn receive(mut self, buffer: &mut [u8], _: &mut Readiness) -> io::Result<usize> {
        self.read(buffer)
    }

    fn receive_vectored(mut self, buffers: &mut [IoSliceMut<'_>], _: &mut Readiness) -> io::Result<usize> {
        self.read_vectored(buffers)
    }
}

impl Receive for &mio::net::TcpStream {}

/// Offers no room for descriptors, so the kernel closes those that arrive.
#[cfg(unix)]
impl Receive for &mio::net::UnixStream {
    fn receive(self, buffer: &mut [u8], side: &mut Readiness) -> io::Result<usize> {
        self.receive_vectored(&mut [IoSliceMut::new(buffer)], side)
    }

    fn receive_vectored(self, buffers: &mut [IoSliceMut<'_>], side: &mut Readiness) -> io::Result<usize> {
        let most = buffers.len().min(IOV_MAX);
        let (buffers, mut no_room) = (&mut buffers[..most], RecvAncillaryBuffer::default());
        let message = recvmsg(self, buffers, &mut no_room, RecvFlags::empty())?;
        side.drain_first |= !FLAGS_DESCRIPTORS || message.flags.contains(ReturnFlags::CTRUNC);
        Ok(message.bytes)
    }
}

/// Whether the kernel flags a read that ended because of descriptors.
#[cfg(unix)]
const FLAGS_DESCRIPTORS: bool = cfg!(any(target_os = "linux", target_os = "android"));
