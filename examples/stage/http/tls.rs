//! TLS by rustls: on boucle's socket, and on one that blocks. (Feature `https`.)

use std::io;
use std::net;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use boucle::net::TcpStream;
use futures_io::{AsyncRead, AsyncWrite};
use futures_rustls::TlsConnector;
use futures_rustls::client::TlsStream;
use futures_rustls::pki_types::pem::PemObject;
use futures_rustls::pki_types::{CertificateDer, ServerName};
use futures_rustls::rustls::{CertificateError, ClientConfig, ClientConnection, Error};
use futures_rustls::rustls::{RootCertStore, StreamOwned};
use hyper::rt::{Read, ReadBufCursor, Write};

use super::Failure;

/// The name that a server's certificate has to be for: a host's name, or an IP address.
pub type Name = ServerName<'static>;

/// The authorities that all connections of the program trust.
static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();

/// Trusts the authorities whose certificates are in a file of PEM, and no others. Otherwise the program trusts
/// those on Mozilla's list, which is built in.
///
/// # Errors
///
/// If the file cannot be read, if it holds no certificate or a wrong one, and if others are trusted already:
/// after another call, and after the first connection.
pub fn trust_only(file: &Path) -> Result<(), Failure> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file)? {
        roots.add(certificate?)?;
    }
    if roots.is_empty() {
        return Err("it holds no certificate".into());
    }
    CONFIG.set(trusting(roots)).map_err(|_| "other authorities are trusted already".into())
}

fn config() -> Arc<ClientConfig> {
    let mozilla = || trusting(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect());
    Arc::clone(CONFIG.get_or_init(mozilla))
}

fn trusting(roots: RootCertStore) -> Arc<ClientConfig> {
    Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}

/// The name that a host's certificate has to be for.
pub(super) fn name(host: &str) -> Result<Name, Failure> {
    ServerName::try_from(host.to_owned()).map_err(|_| format!("no host has the name \"{host}\"").into())
}

/// The client's side of a connection, on which hyper reads and writes plain text.
pub(super) struct Stream(TlsStream<TcpStream>);

/// Does the handshake, which makes sure that the server has this name.
pub(super) async fn connect(name: &Name, stream: TcpStream) -> Result<Stream, Failure> {
    let handshake = TlsConnector::from(config()).connect(name.clone(), stream);
    handshake.await.map(Stream).map_err(|error| refused(name, &error))
}

/// The same, but blocks the thread.
pub(super) fn connect_blocking(
    name: &Name,
    mut stream: net::TcpStream,
) -> Result<StreamOwned<ClientConnection, net::TcpStream>, Failure> {
    let mut connection = ClientConnection::new(config(), name.clone())?;
    while connection.is_handshaking() {
        connection.complete_io(&mut stream).map_err(|error| refused(name, &error))?;
    }
    Ok(StreamOwned::new(connection, stream))
}

/// Says why a handshake failed: in plain words for the most frequent reasons.
fn refused(name: &Name, error: &io::Error) -> Failure {
    let reason = error.get_ref().and_then(|reason| reason.downcast_ref());
    let meaning = match reason {
        Some(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            "its certificate is not signed by an authority that is trusted here"
        }
        Some(Error::InvalidCertificate(CertificateError::Other(other)))
            if other.to_string() == "CaUsedAsEndEntity" =>
        {
            "its certificate is that of an authority, not of a server"
        }
        Some(Error::InvalidCertificate(_)) => "its certificate is refused",
        Some(Error::InvalidMessage(_)) => "it does not speak TLS",
        _ => "the handshake failed",
    };
    format!("no TLS with {}: {meaning} ({error})", name.to_str()).into()
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        // hyper's buffer is not initialised, so the bytes are read into one on the stack and copied.
        let mut bytes = [0; 16 * 1024];
        let room = buffer.remaining().min(bytes.len());
        let read = ready!(Pin::new(&mut self.0).poll_read(cx, &mut bytes[..room]))?;
        buffer.put_slice(&bytes[..read]);
        Poll::Ready(Ok(()))
    }
}

impl Write for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}
