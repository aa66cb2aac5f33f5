//! Using it with other crates: what is not boucle's own, and how to connect it.
//!
//! What builds on `futures-io`, or on nothing but `Future`, runs unchanged. Each row is tested, most of them
//! against servers and clients of other projects: the last column is the file in the repository's `tests`
//! folder that shows the whole.
//!
//! | need | crate | how | shown in |
//! |---|---|---|---|
//! | HTTP/1.1 | `hyper`, with boucle's feature `hyper` | `http1::Builder::new().timer(Timer).serve_connection(stream, service)`, spawned for each connection | `ecosystem/tests/http.rs` |
//! | HTTP/2 | the same | `http2::Builder::new(Executor).timer(Timer).serve_connection(stream, service)` | `ecosystem/tests/http.rs` |
//! | an HTTP client with a pool | `hyper-util`, with boucle's feature `hyper-util` | `Client::builder(Executor).build(Connector::new())` | `hyper/tests/client.rs` |
//! | routes and handlers | `axum` without its feature `tokio`, `hyper-util` | `let app = TowerToHyperService::new(router);`<br>`auto::Builder::new(Executor).serve_connection(stream, app).await` | `ecosystem/tests/axum.rs` |
//! | a graceful end of HTTP | `hyper-util` (`server-graceful`) | `spawn(graceful.watch(builder.serve_connection(stream, app).into_owned()))`, and at the end<br>`graceful.shutdown().await` | `ecosystem/tests/axum.rs` |
//! | gRPC, server | `tonic` | `let service = TowerToHyperService::new(Routes::new(server).prepare());`<br>`http2::Builder::new(Executor).serve_connection(stream, service).await` | `ecosystem/tests/grpc.rs` |
//! | gRPC, client | `tonic`, `hyper-util` | `let channel = Client::builder(Executor).http2_only(true).build(Connector::new());`<br>`NumbersClient::with_origin(channel, uri)` | `ecosystem/tests/grpc.rs` |
//! | TLS | `futures-rustls` | `TlsAcceptor::from(Arc::new(config)).accept(stream).await?`<br>`TlsConnector::from(Arc::new(config)).connect(name, stream).await?` | `ecosystem/tests/tls.rs` |
//! | HTTPS, server | `futures-rustls`, `smol-hyper` | `let stream = FuturesIo::new(acceptor.accept(stream).await?);`<br>`auto::Builder::new(Executor).serve_connection(stream, service).await` | `ecosystem/tests/tls.rs` |
//! | HTTPS, client | `hyper-rustls`, `hyper-util` | `connector.enforce_http(false);`<br>`HttpsConnectorBuilder::new().with_tls_config(config).https_only().enable_all_versions().wrap_connector(connector)` | `ecosystem/tests/tls.rs` |
//! | WebSockets | `async-tungstenite` | `accept_async(stream).await?`<br>`client_async(url, stream).await?` | `ecosystem/tests/websocket.rs` |
//! | PostgreSQL | `tokio-postgres` without default features, `tokio-util` (`compat`) | `let (client, connection) = config.connect_raw(stream.compat(), NoTls).await?;`<br>`spawn(connection);` | `ecosystem/tests/postgres.rs` |
//! | Redis | `redis` (`tokio-comp`), `tokio-util` | `let (redis, driver) = MultiplexedConnection::new_with_config(&info, stream.compat(), config).await?;`<br>`spawn(driver);`<br>The configuration has `set_response_timeout(None)`: a limit is [`timeout`](crate::timeout)'s. | `ecosystem/tests/redis.rs` |
//! | DNS | `hickory-resolver` | a runtime provider of 85 lines, which the test has | `ecosystem/tests/dns.rs` |
//! | QUIC | `quinn` | a runtime of 71 lines, which the test has | `ecosystem/tests/quic.rs` |
//! | files | `async-fs` | `async_fs::read_to_string(path).await?`<br>Its threads are not known to a virtual clock: [hold it](crate::LoopHandle::hold_clock). | `ecosystem/tests/files.rs` |
//! | child processes | `async-process` | `Command::new("ls").output().await?`<br>It has two threads of its own. | `ecosystem/tests/processes.rs` |
//! | channels, locks | `async-channel`, `async-lock`, or `tokio` with nothing but `sync` | as everywhere. In a loop that always finds a value, [`consume_budget`](crate::consume_budget) lets others have their turn. | `interop/channels.rs`, `ecosystem/tests/tokio_sync.rs` |
//! | what needs tokio's traits | `tokio-util` | `stream.compat()` | `ecosystem/tests/postgres.rs` |
//! | what needs tokio's reactor (`reqwest`) | `async-compat` | `async { reqwest::get(url).await?.text().await }.compat().await?`<br>It costs a thread, which watches the sockets; the future is polled here. | `ecosystem/tests/reqwest.rs` |
//!
//! What spawns on tokio by itself does not run: `axum::serve`, tonic's `transport::Server`, and the time limits of
//! its `Endpoint`. The rows above stand in for them.
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
