//! `Connector`: connects the client of `hyper-util`.

use std::io::{self, ErrorKind::InvalidInput};
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use tower_service::Service;

use crate::net::TcpStream;
#[cfg(unix)]
use crate::net::UnixStream;

/// Connects `hyper-util`'s client, which keeps connections in a pool and uses them again. (Feature
/// `hyper-util`.)
///
/// A connect is [`TcpStream::connect`]: names are looked up on another thread, and nothing limits how long it
/// takes. The port is the URI's, else 80, or 443 for `https`. The stream sends [small
/// writes](crate::hyper#small-writes) at once, as asyncio's do. Only `http` is taken: for a TLS connector around
/// this one, call [`enforce_http(false)`](Self::enforce_http). For other socket options give the client a
/// `tower::service_fn` whose future is boxed and returns a [`TcpStream`].
///
/// Make a client for each loop: a pooled connection is a task of the loop that opened it, and idle ones are
/// closed by the client's first loop alone.
///
/// ```
/// use boucle::hyper::{Connector, Executor, Timer};
/// use http_body_util::Empty;
/// use hyper::body::Bytes;
/// use hyper_util::client::legacy::Client;
///
/// # boucle::run(async {
/// let mut builder = Client::builder(Executor);
/// builder.timer(Timer).pool_timer(Timer); // idle connections are closed after 90 to 180 seconds
/// let client = builder.build::<_, Empty<Bytes>>(Connector::new());
/// # let listener = boucle::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
/// # let uri = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
/// # drop(listener);
/// let error = client.get(uri).await.unwrap_err(); // no server is there
/// assert!(error.is_connect());
/// # });
/// ```
///
/// # Errors
///
/// Those of [`TcpStream::connect`] and `set_nodelay`; and of a URI without a host, of a port above 65535, or of
/// another scheme.
#[doc(alias = "HttpConnector")]
#[derive(Clone, Copy, Debug, Default)]
pub struct Connector {
    any_scheme: bool,
}

impl Connector {
    /// Makes a connector that takes `http` alone.
    ///
    /// ```
    /// use boucle::hyper::Connector;
    /// use tower_service::Service;
    ///
    /// # boucle::run(async {
    /// let error = Connector::new().call("https://[::1]/".parse().unwrap()).await.unwrap_err();
    /// assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput); // TLS is a layer around it
    /// # });
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets whether other schemes than `http` are errors. Pass false before a TLS connector wraps this one.
    ///
    /// ```
    /// use boucle::hyper::Connector;
    /// use tower_service::Service;
    ///
    /// # boucle::run(async {
    /// # let listener = boucle::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    /// # let uri: hyper::Uri = format!("https://{}/", listener.local_addr().unwrap()).parse().unwrap();
    /// let mut connector = Connector::new();
    /// connector.enforce_http(false);
    /// assert!(connector.call(uri).await.is_ok()); // a TCP stream, for a TLS layer
    /// # });
    /// ```
    pub fn enforce_http(&mut self, enforced: bool) {
        self.any_scheme = !enforced;
    }

    /// Returns the host and the port of a URI.
    fn target(self, uri: &Uri) -> io::Result<(String, u16)> {
        let invalid = |why| io::Error::new(InvalidInput, format!("cannot connect to \"{uri}\": {why}"));
        let scheme = uri.scheme_str();
        if !self.any_scheme && scheme != Some("http") {
            return Err(invalid("its scheme is not http, and there is no TLS here"));
        }
        let host = uri.host().ok_or_else(|| invalid("it has no host"))?;
        let address = uri.authority().and_then(|authority| authority.as_str().rsplit('@').next());
        let port = match address.and_then(|address| address.strip_prefix(host)) {
            Some("" | ":") if scheme == Some("https") => 443,
            Some("" | ":") => 80,
            _ => uri.port_u16().ok_or_else(|| invalid("its port is not a number up to 65535"))?,
        };
        Ok((host.to_owned(), port))
    }
}

impl Service<Uri> for Connector {
    type Response = TcpStream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let target = self.target(&uri);
        Box::pin(async {
            let stream = TcpStream::connect(target?).await?;
            stream.set_nodelay(true)?;
            Ok(stream)
        })
    }
}

impl Connection for TcpStream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

/// For a connector of your own, to a server on a Unix socket.
#[cfg(unix)]
impl Connection for UnixStream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}
