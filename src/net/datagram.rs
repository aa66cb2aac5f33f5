//! The methods that UDP and Unix datagram sockets share. Their `send` and `send_to` differ, in the type of an
//! address and in what the kernel reports (see `unix.rs`).
//!
//! After a message that is shorter than the buffer another may follow, so a side is marked as not ready only
//! when an operation would block: there is no [`transferred`](super::readiness::Readiness::transferred) here.
//! An empty message is a message, so an empty buffer is no shortcut.

/// The methods of a socket that is named as in mio, with the module of std's that has its address.
macro_rules! datagrams {
    ($std:ident: $socket:ident) => {
        impl $socket {
            /// [`send`](Self::send) as a poll. Each task that was pending here is woken, not only the last.
            ///
            /// ```
            /// use boucle::net::UdpSocket;
            ///
            /// # boucle::run(async {
            /// // or, connected already: let (here, there) = UnixDatagram::pair()?;
            /// let (here, there) = (UdpSocket::bind("127.0.0.1:0").await?, UdpSocket::bind("127.0.0.1:0").await?);
            /// here.connect(there.local_addr()?).await?;
            /// let sent = std::future::poll_fn(|cx| here.poll_send(cx, b"ping")).await?;
            /// assert_eq!(sent, 4);
            /// # std::io::Result::Ok(())
            /// # }).unwrap();
            /// ```
            ///
            /// # Errors
            ///
            /// As [`send`](Self::send). On the BSDs and macOS also `ENOBUFS`, if the queue of a Unix socket's
            /// receiver is full: no event would end a wait.
            ///
            /// # Panics
            ///
            /// As [`send`](Self::send).
            pub fn poll_send(&self, cx: &mut Context<'_>, message: &[u8]) -> Poll<std::io::Result<usize>> {
                self.source.poll(cx, Side::Write, |io, _| io.send(message))
            }

            /// Waits for a message, from the peer if there is one. Returns how many bytes were received, which
            /// may be 0. What does not fit into the buffer is lost; on Windows that is an error.
            ///
            /// ```
            /// use boucle::net::UdpSocket;
            ///
            /// # boucle::run(async {
            /// // or, connected already: let (here, there) = UnixDatagram::pair()?;
            /// let (here, there) = (UdpSocket::bind("127.0.0.1:0").await?, UdpSocket::bind("127.0.0.1:0").await?);
            /// here.connect(there.local_addr()?).await?;
            /// here.send(b"ping").await?;
            /// let mut buffer = [0; 64];
            /// let len = there.recv(&mut buffer).await?;
            /// assert_eq!(&buffer[..len], b"ping");
            /// # std::io::Result::Ok(())
            /// # }).unwrap();
            /// ```
            ///
            /// # Errors
            ///
            /// Those of `recv`. One may be the refusal of an earlier message (`ConnectionRefused`).
            ///
            /// # Cancellation
            ///
            /// Dropping the future loses no message.
            ///
            /// # Panics
            ///
            /// If it is polled on another loop than the socket's or on another thread, while its own lives.
            pub async fn recv(&self, buffer: &mut [u8]) -> std::io::Result<usize> {
                poll_fn(|cx| self.poll_recv(cx, buffer)).await
            }

            /// [`recv`](Self::recv) as a poll. Each task that was pending here is woken, not only the last.
            ///
            /// ```
            /// use boucle::net::UdpSocket;
            ///
            /// # boucle::run(async {
            /// // or, connected already: let (here, there) = UnixDatagram::pair()?;
            /// let (here, there) = (UdpSocket::bind("127.0.0.1:0").await?, UdpSocket::bind("127.0.0.1:0").await?);
            /// here.connect(there.local_addr()?).await?;
            /// here.send(b"ping").await?;
            /// let mut buffer = [0; 64];
            /// let len = std::future::poll_fn(|cx| there.poll_recv(cx, &mut buffer)).await?;
            /// assert_eq!(&buffer[..len], b"ping");
            /// # std::io::Result::Ok(())
            /// # }).unwrap();
            /// ```
            ///
            /// # Errors
            ///
            /// As [`recv`](Self::recv).
            ///
            /// # Panics
            ///
            /// As [`recv`](Self::recv).
            pub fn poll_recv(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<std::io::Result<usize>> {
                self.source.poll(cx, Side::Read, |io, _| io.recv(buffer))
            }

            /// Receives a message as [`recv`](Self::recv) does, and also returns the address of the sender.
            ///
            /// ```
            /// use boucle::net::UdpSocket;
            ///
            /// # boucle::run(async {
            /// // or, connected already: let (here, there) = UnixDatagram::pair()?;
            /// let (here, there) = (UdpSocket::bind("127.0.0.1:0").await?, UdpSocket::bind("127.0.0.1:0").await?);
            /// here.connect(there.local_addr()?).await?;
            /// here.send(b"ping").await?;
            /// let (len, from) = there.recv_from(&mut [0; 64]).await?;
            /// assert_eq!((len, from), (4, here.local_addr()?));
            /// # std::io::Result::Ok(())
            /// # }).unwrap();
            /// ```
            ///
            /// # Errors
            ///
            /// As [`recv`](Self::recv).
            ///
            /// # Cancellation
            ///
            /// Dropping the future loses no message.
            ///
            /// # Panics
            ///
            /// If it is polled on another loop than the socket's or on another thread, while its own lives.
            pub async fn recv_from(&self, buffer: &mut [u8]) -> std::io::Result<(usize, $std::SocketAddr)> {
                poll_fn(|cx| self.poll_recv_from(cx, buffer)).await
            }

            /// [`recv_from`](Self::recv_from) as a poll. Each task that was pending here is woken, not only
            /// the last.
            ///
            /// ```
            /// use boucle::net::UdpSocket;
            ///
            /// # boucle::run(async {
            /// // or, connected already: let (here, there) = UnixDatagram::pair()?;
            /// let (here, there) = (UdpSocket::bind("127.0.0.1:0").await?, UdpSocket::bind("127.0.0.1:0").await?);
            /// here.connect(there.local_addr()?).await?;
            /// here.send(b"ping").await?;
            /// let mut buffer = [0; 64];
            /// let (len, from) = std::future::poll_fn(|cx| there.poll_recv_from(cx, &mut buffer)).await?;
            /// assert_eq!((len, from), (4, here.local_addr()?));
            /// # std::io::Result::Ok(())
            /// # }).unwrap();
            /// ```
            ///
            /// # Errors
            ///
            /// As [`recv`](Self::recv).
            ///
            /// # Panics
            ///
            /// As [`recv_from`](Self::recv_from).
            pub fn poll_recv_from(
                &self,
                cx: &mut Context<'_>,
                buffer: &mut [u8],
            ) -> Poll<std::io::Result<(usize, $std::SocketAddr)>> {
                self.source.poll(cx, Side::Read, |io, _| io.recv_from(buffer))
            }
        }
    };
}

pub(super) use datagrams;
