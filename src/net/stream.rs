//! Byte streams: `AsyncRead` and `AsyncWrite`, written once for every kind of stream.
//!
//! A stream is a struct with a field `source: Source<S>`, where `&S` implements `Read` and `Write` and `S`
//! has a `shutdown`. It is listed at the end of this file by itself and by reference: a task that has only
//! `&TcpStream` can read while another one writes.
//!
//! The kernel's buffers are the only ones. So a flush does nothing, and a close shuts down the writing
//! side.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};

use super::readiness::Side;
use super::tcp::TcpStream;
use crate::task::budget;

macro_rules! byte_streams {
    ($($stream:ty),+) => {$(
        impl AsyncRead for $stream {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffer: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                let len = buffer.len();
                self.source.poll(cx, Side::Read, |side, mut io| side.attempt_transfer(len, || io.read(buffer)))
            }

            fn poll_read_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffers: &mut [IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                let len = len_at_once(buffers);
                self.source.poll(cx, Side::Read, |side, mut io| side.attempt_transfer(len, || io.read_vectored(buffers)))
            }
        }

        impl AsyncWrite for $stream {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffer: &[u8],
            ) -> Poll<io::Result<usize>> {
                let len = buffer.len();
                self.source.poll(cx, Side::Write, |side, mut io| side.attempt_transfer(len, || io.write(buffer)))
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffers: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                let len = len_at_once(buffers);
                self.source.poll(cx, Side::Write, |side, mut io| side.attempt_transfer(len, || io.write_vectored(buffers)))
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                budget::poll_spend(cx).map(Ok)
            }

            /// Shuts down the writing side. A peer that has closed already is no error.
            fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                ready!(budget::poll_spend(cx));
                Poll::Ready(match self.source.io().shutdown(Shutdown::Write) {
                    Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
                    result => result,
                })
            }
        }
    )+};
}

byte_streams!(TcpStream, &TcpStream);

/// Returns how much one call can transfer. The kernel takes no more buffers than these: a call that fills
/// them leaves the stream neither empty nor full, though all the buffers together are longer.
fn len_at_once(buffers: &[impl Deref<Target = [u8]>]) -> usize {
    const IOV_MAX: usize = 1_024;
    buffers.iter().take(IOV_MAX).map(|buffer| buffer.len()).sum()
}
