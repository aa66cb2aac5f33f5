//! Using it with other crates: what is not boucle's own, and how to connect it.
//!
//! What builds on `futures-io`, or on nothing but `Future`, runs unchanged. Each row is tested, most of them
//! against servers and clients of other projects: the last column is the file in the repository's `tests`
//! folder that shows the whole. The rows set no limits of time: `ecosystem/examples/https_server.rs` shows
//! those of a service. With the feature `hyper`, `boucle::hyper` has `Executor` and `Timer`, and streams
//! have hyper's traits; with `hyper-util` it has `Connector`, too.
//!
//! | need | crate | how | shown in |
//! |---|---|---|---|
//! | HTTP/1.1 | `hyper` | `http1::Builder::new().timer(Timer).serve_connection(stream, service)`, in a handler of [`serve`](crate::net::serve) | `ecosystem/tests/http.rs` |
//! | HTTP/2 | the same | `stream.set_nodelay(true)?;`<br>`http2::Builder::new(Executor).timer(Timer).serve_connection(stream, service)` | `ecosystem/tests/http.rs` |
//! | an HTTP client with a pool | `hyper-util` | `Client::builder(Executor).build(Connector::new())` | `hyper/tests/client.rs` |
//! | routes and handlers | `axum` without its feature `tokio`, `hyper-util` (`server-auto`, `service`) | `let app = TowerToHyperService::new(router);`<br>`stream.set_nodelay(true)?;`<br>`auto::Builder::new(Executor).serve_connection(stream, app).await` | `ecosystem/tests/axum.rs` |
//! | graceful shutdown of HTTP and HTTPS | `futures-util` | one future that is shared by the server and its handlers: [`Serve::shutdown_when`](crate::net::Serve::shutdown_when) shows it. It works the same over TLS. | `ecosystem/examples/https_server.rs` |
//! | the same, without `serve` | `hyper-util` (`server-auto`, `server-graceful`) | `drop(spawn(graceful.watch(builder.serve_connection(stream, app).into_owned())))`, and at the end<br>`graceful.shutdown().await`<br>With TLS, take a `graceful.watcher()` before the handshake, and after it `watcher.watch(connection).await`. | `ecosystem/tests/axum.rs` |
//! | gRPC, server | `tonic`, `hyper` (`http2`, `server`), `hyper-util` (`service`) | `let service = TowerToHyperService::new(Routes::new(server).prepare());`<br>`stream.set_nodelay(true)?;`<br>`http2::Builder::new(Executor).serve_connection(stream, service).await` | `ecosystem/tests/grpc.rs` |
//! | gRPC, client | `tonic`, `hyper-util` | `let channel = Client::builder(Executor).http2_only(true).build(Connector::new());`<br>`NumbersClient::with_origin(channel, uri)` | `ecosystem/tests/grpc.rs` |
//! | TLS | `futures-rustls` (`ring`, `tls12`) | `TlsAcceptor::from(Arc::new(config)).accept(stream).await?`<br>`TlsConnector::from(Arc::new(config)).connect(name, stream).await?` | `ecosystem/tests/tls.rs` |
//! | HTTPS, server | `futures-rustls`, `smol-hyper`, `hyper-util` (`server-auto`) | `stream.set_nodelay(true)?;`<br>`let stream = FuturesIo::new(acceptor.accept(stream).await?);`<br>`auto::Builder::new(Executor).serve_connection(stream, service).await` | `ecosystem/examples/https_server.rs` |
//! | HTTPS, client | `hyper-rustls` (`http1`, `http2`, `ring`, `tls12`), `hyper-util` | `connector.enforce_http(false);`<br>`HttpsConnectorBuilder::new().with_tls_config(config).https_only().enable_all_versions().wrap_connector(connector)` | `ecosystem/examples/https_client.rs` |
//! | WebSockets | `async-tungstenite` | `accept_async(stream).await?`<br>`client_async(url, stream).await?` | `ecosystem/tests/websocket.rs` |
//! | PostgreSQL | `tokio-postgres` without default features, `tokio-util` (`compat`) | `let (client, connection) = config.connect_raw(stream.compat(), NoTls).await?;`<br>`drop(spawn(connection));` | `ecosystem/tests/postgres.rs` |
//! | Redis | `redis` (`tokio-comp`), `tokio-util` (`compat`) | `let (redis, driver) = MultiplexedConnection::new_with_config(&info, stream.compat(), config).await?;`<br>`drop(spawn(driver));`<br>Call `set_response_timeout(None)` on the configuration, and limit a command with [`timeout`](crate::timeout). | `ecosystem/tests/redis.rs` |
//! | DNS | `hickory-resolver` | a runtime provider, which the test has | `ecosystem/tests/dns.rs` |
//! | QUIC | `quinn` | a runtime, which the test has | `ecosystem/tests/quic.rs` |
//! | files | `async-fs` | `async_fs::read_to_string(path).await?`<br>Its threads are not known to a virtual clock: [hold the clock](crate::LoopHandle::hold_clock). | `ecosystem/tests/files.rs` |
//! | stdin | `blocking` | `BufReader::new(Unblock::new(std::io::stdin())).lines()`<br>It reads on a thread, as files do. | `ecosystem/tests/files.rs` |
//! | child processes | `async-process` | `Command::new("ls").output().await?`<br>It has two threads of its own, which are not known to a virtual clock: [hold the clock](crate::LoopHandle::hold_clock). | `ecosystem/tests/processes.rs` |
//! | channels, locks | `async-channel`, `async-lock`, or `tokio` with nothing but `sync` | used as on any runtime. tokio's locks and semaphores are first come, first served. In a `while let` that always finds a value, [`consume_budget`](crate::consume_budget) lets other tasks be polled. | `interop/channels.rs`, `ecosystem/tests/tokio_sync.rs` |
//! | what needs tokio's traits | `tokio-util` (`compat`) | `stream.compat()`, by `FuturesAsyncReadCompatExt`; for the opposite, such as `tokio::io::duplex`, by `TokioAsyncReadCompatExt` | `ecosystem/tests/tokio_io.rs` |
//! | lines with a limit | `tokio-util` (`codec`, `compat`) | `FramedRead::new(stream.compat(), LinesCodec::new_with_max_length(1_000))` | `ecosystem/tests/tokio_io.rs` |
//! | both directions of a proxy | `tokio` with nothing but `io-util`, `tokio-util` (`compat`) | `copy_bidirectional(&mut client.compat(), &mut server.compat()).await?` | `ecosystem/tests/tokio_io.rs` |
//! | what needs tokio's reactor (`reqwest`) | `async-compat` | `async { reqwest::get(url).await?.text().await }.compat().await?`<br>It costs a thread, which watches the sockets and runs the connections (and one more for look-ups); the future is polled here. | `ecosystem/tests/reqwest.rs` |
//!
//! HTTP/2 writes a message in several pieces, so it needs
//! [`set_nodelay(true)`](crate::net::TcpStream::set_nodelay).
//!
//! What spawns on tokio by itself, or uses its timers, does not run: `axum::serve`, tonic's `transport::Server`,
//! and the time limits of its `Endpoint`. Use the rows above instead.
//!
//! ```
//! use futures_lite::{AsyncBufReadExt, AsyncWriteExt, StreamExt, io::BufReader};
//!
//! # boucle::run(async {
//! let listener = boucle::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
//! let mut client = boucle::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
//! client.write_all(b"one\ntwo\n").await.unwrap();
//! let (stream, _) = listener.accept().await.unwrap();
//! let mut lines = BufReader::new(stream).lines(); // boucle has no reader of lines: this is another crate's
//! assert_eq!(lines.next().await.unwrap().unwrap(), "one");
//! # });
//! ```
//!
//! # The lines of `Cargo.toml`
//!
//! `tests/ecosystem/Cargo.toml`, in the repository, has every crate of the table, with as few features as it
//! needs. For a server of HTTP/1.1:
//!
//! ```toml
//! boucle = { path = "../boucle", features = ["hyper"] } # where the repository is
//! futures-util = "0.3" # graceful shutdown
//! hyper = { version = "1", features = ["http1", "server"] }
//! ```
//!
//! For HTTPS, by HTTP/1.1 and HTTP/2: `https_server.rs` and `https_client.rs`, in `tests/ecosystem/examples`,
//! build with these lines alone.
//!
//! ```toml
//! boucle = { path = "../boucle", features = ["hyper-util"] }
//! futures-rustls = { version = "0.26", default-features = false, features = ["ring", "tls12"] }
//! futures-util = "0.3"
//! http-body-util = "0.1"
//! hyper = { version = "1", features = ["http1", "http2", "server"] }
//! hyper-util = { version = "0.1", default-features = false, features = ["http2", "server-auto"] }
//! rcgen = { version = "0.14", default-features = false, features = ["crypto", "pem", "ring"] } # the certificate
//! smol-hyper = { version = "0.1", default-features = false }
//! # The client:
//! hyper-rustls = { version = "0.27", default-features = false, features = ["http1", "http2", "ring", "tls12"] }
//! ```
