//! `AsyncRead` and `AsyncWrite` of a stream. The only buffers are the kernel's, so a flush does nothing.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};

use super::reactor::Side;
use super::tcp::TcpStream;
use crate::task::budget;

/// How many bytes were read or written.
type Transfer = Poll<io::Result<usize>>;

impl TcpStream {
    /// Transfers up to `len` bytes. A transfer of none is ready at once.
    #[inline(always)]
    pub(crate) fn poll_transfer(
        &self,
        cx: &mut Context<'_>,
        side: Side,
        len: usize,
        transfer: impl FnOnce(&mio::net::TcpStream) -> io::Result<usize>,
    ) -> Transfer {
        if len == 0 {
            ready!(budget::poll_spend(cx));
            return Poll::Ready(self.source.expect_loop().map(|()| 0));
        }
        self.source.poll(cx, side, |io, readiness| {
            let count = transfer(io)?;
            readiness.transferred(count, len);
            Ok(count)
        })
    }
}

macro_rules! byte_stream {
    ($stream:ty) => {
        impl AsyncRead for $stream {
            fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Transfer {
                self.poll_transfer(cx, Side::Read, buffer.len(), |mut io| io.read(buffer))
            }

            fn poll_read_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffers: &mut [IoSliceMut<'_>],
            ) -> Transfer {
                self.poll_transfer(cx, Side::Read, len_at_once(buffers), |mut io| io.read_vectored(buffers))
            }
        }

        impl AsyncWrite for $stream {
            fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Transfer {
                self.poll_transfer(cx, Side::Write, buffer.len(), |mut io| io.write(buffer))
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffers: &[IoSlice<'_>],
            ) -> Transfer {
                self.poll_transfer(cx, Side::Write, len_at_once(buffers), |mut io| io.write_vectored(buffers))
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
    };
}

byte_stream!(TcpStream);
byte_stream!(&TcpStream);

/// Returns how much one call can transfer, since the kernel takes no more than `IOV_MAX` buffers: a call that
/// fills them has not emptied or filled the stream.
fn len_at_once(buffers: &[impl Deref<Target = [u8]>]) -> usize {
    const IOV_MAX: usize = 1_024;
    buffers.iter().take(IOV_MAX).map(|buffer| buffer.len()).sum()
}
