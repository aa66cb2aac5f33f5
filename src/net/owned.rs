//! From mio's sockets to std's, by way of the descriptor that owns both; and the descriptor itself,
//! for what needs it.

#[cfg(unix)]
pub(crate) use unix::{as_fd, listener, stream};
#[cfg(windows)]
pub(crate) use windows::{as_fd, listener, stream};

#[cfg(unix)]
mod unix {
    use std::os::fd::OwnedFd;

    pub(crate) fn listener(io: mio::net::TcpListener) -> std::net::TcpListener {
        OwnedFd::from(io).into()
    }

    pub(crate) fn stream(io: mio::net::TcpStream) -> std::net::TcpStream {
        OwnedFd::from(io).into()
    }

    /// Lends out the descriptor of a socket.
    macro_rules! as_fd {
        ($socket:ty) => {
            impl std::os::fd::AsFd for $socket {
                fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
                    self.source.io().as_fd()
                }
            }

            impl std::os::fd::AsRawFd for $socket {
                fn as_raw_fd(&self) -> std::os::fd::RawFd {
                    self.source.io().as_raw_fd()
                }
            }
        };
    }

    pub(crate) use as_fd;
}

#[cfg(windows)]
mod windows {
    use std::os::windows::io::OwnedSocket;

    pub(crate) fn listener(io: mio::net::TcpListener) -> std::net::TcpListener {
        OwnedSocket::from(io).into()
    }

    pub(crate) fn stream(io: mio::net::TcpStream) -> std::net::TcpStream {
        OwnedSocket::from(io).into()
    }

    /// Lends out the handle of a socket.
    macro_rules! as_fd {
        ($socket:ty) => {
            impl std::os::windows::io::AsSocket for $socket {
                fn as_socket(&self) -> std::os::windows::io::BorrowedSocket<'_> {
                    self.source.io().as_socket()
                }
            }
        };
    }

    pub(crate) use as_fd;
}
