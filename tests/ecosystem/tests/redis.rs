//! redis on boucle's sockets, against a Redis server.
//!
//! A `MultiplexedConnection` is made of any stream, and comes with a future to spawn. By default it limits
//! each command to half a second, by a timer of tokio's. Without that limit it does not need tokio's reactor.

use std::process::Command;
use std::time::Duration;

use async_compat::Compat;
use boucle::net::{TcpStream, UnixStream};
use boucle::{JoinHandle, gather, sleep, spawn, timeout};
use boucle_ecosystem_tests::process::{Server, free_port, program};
use boucle_ecosystem_tests::run;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncCommands, AsyncConnectionConfig, IntoConnectionInfo, ProtocolVersion, RedisConnectionInfo, Value,
};
use tempfile::TempDir;
use tokio_util::compat::FuturesAsyncReadCompatExt;

/// A server on a port and on a Unix socket.
struct Redis {
    _server: Server, // stopped before its files are removed
    folder: TempDir,
    port: u16,
}

impl Redis {
    fn start() -> Option<Redis> {
        let program = program("redis-server", None)?;
        let folder = TempDir::new().unwrap();
        let start = |port: u16| {
            let mut command = Command::new(&program);
            command.current_dir(&folder).args(["--bind", "127.0.0.1", "--port", &port.to_string()]);
            command.args(["--save", "", "--unixsocket", "socket"]);
            Server::start(&mut command, "Ready to accept connections")
        };
        let mut written = String::new();
        for port in (0..3).map(|_| free_port()) {
            match start(port) {
                Ok(server) => return Some(Redis { _server: server, folder, port }),
                Err(error) => written += &error,
            }
        }
        panic!("{written}");
    }

    async fn connect(&self, config: AsyncConnectionConfig) -> (MultiplexedConnection, JoinHandle<()>) {
        let stream = UnixStream::connect(self.folder.path().join("socket")).await.unwrap().compat();
        let (connection, driver) =
            MultiplexedConnection::new_with_config(&info(), stream, config).await.unwrap();
        (connection, spawn(driver))
    }
}

fn info() -> RedisConnectionInfo {
    let url = "redis://localhost".into_connection_info().unwrap();
    url.redis_settings().clone().set_protocol(ProtocolVersion::RESP3)
}

fn config() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new().set_response_timeout(None)
}

/// Runs a test with a server of its own, or skips it.
fn with_redis(test: impl AsyncFnOnce(&Redis)) {
    if let Some(redis) = Redis::start() {
        run(test(&redis));
    }
}

#[test]
fn values_come_back_over_tcp_and_over_a_unix_socket() {
    with_redis(async |redis| {
        let stream = TcpStream::connect(("127.0.0.1", redis.port)).await.unwrap().compat();
        let (mut over_tcp, driver) =
            MultiplexedConnection::new_with_config(&info(), stream, config()).await.unwrap();
        let driver = spawn(driver);
        let (mut over_unix, _) = redis.connect(config()).await;
        let () = over_tcp.set("greeting", "hello").await.unwrap();
        assert_eq!(over_unix.get::<_, String>("greeting").await.unwrap(), "hello");
        let large = vec![b'x'; 16 << 20]; // fills the kernel's buffers in both directions
        let () = over_unix.set("large", &large).await.unwrap();
        assert!(over_tcp.get::<_, Vec<u8>>("large").await.unwrap() == large);
        drop(over_tcp);
        driver.await.unwrap(); // it ends with its last connection
    });
}

#[test]
fn many_tasks_share_one_connection() {
    with_redis(async |redis| {
        let (connection, _) = redis.connect(config()).await;
        let counts = gather((0..500).map(|_| {
            let mut connection = connection.clone();
            async move { connection.incr::<_, _, i64>("count", 1).await.unwrap() }
        }));
        assert_eq!(counts.await, (1..=500).collect::<Vec<_>>());
    });
}

/// The answer on one connection depends on a command on another: both are served by the one thread.
#[test]
fn a_task_waits_for_what_another_one_pushes() {
    with_redis(async |redis| {
        let (mut popping, _) = redis.connect(config()).await;
        let (mut pushing, _) = redis.connect(config()).await;
        let popped = spawn(async move { popping.blpop::<_, (String, i64)>("queue", 0.0).await.unwrap() });
        sleep(Duration::from_millis(5)).await; // the command is on its way by then
        let () = pushing.rpush("queue", 42).await.unwrap();
        assert_eq!(popped.await.unwrap(), ("queue".to_owned(), 42));
    });
}

/// Messages come on the connection that also answers commands.
#[test]
fn a_publication_reaches_a_subscriber() {
    with_redis(async |redis| {
        let (sender, mut pushes) = tokio::sync::mpsc::unbounded_channel();
        let (mut subscriber, _) = redis.connect(config().set_push_sender(sender)).await;
        let (mut publisher, _) = redis.connect(config()).await;
        subscriber.subscribe("news").await.unwrap();
        assert_eq!(publisher.publish::<_, _, i64>("news", "one").await.unwrap(), 1);
        let message = loop {
            let push = pushes.recv().await.unwrap();
            if push.kind == redis::PushKind::Message {
                break push.data;
            }
        };
        let bulk = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        assert_eq!(message, [bulk("news"), bulk("one")]);
        assert_eq!(redis::cmd("PING").query_async::<String>(&mut subscriber).await.unwrap(), "PONG");
    });
}

/// boucle's `timeout` limits a command. A late answer is dropped, and the next command gets its own.
#[test]
fn a_command_that_timed_out_leaves_the_connection_in_order() {
    with_redis(async |redis| {
        let (mut connection, _) = redis.connect(config()).await;
        let (mut pushing, _) = redis.connect(config()).await;
        let popped = connection.blpop::<_, (String, i64)>("queue", 0.0);
        timeout(Duration::from_millis(5), popped).await.unwrap_err();
        assert_eq!(pushing.rpush::<_, _, i64>("queue", 42).await.unwrap(), 1);
        assert_eq!(connection.incr::<_, _, i64>("count", 1).await.unwrap(), 1);
    });
}

/// With the default limit a command needs tokio's timer. async-compat brings one, on a thread of its own.
#[test]
fn the_default_limit_needs_tokios_timer() {
    with_redis(async |redis| {
        let (connection, _) = redis.connect(AsyncConnectionConfig::new()).await;
        let mut without = connection.clone();
        let ping = spawn(async move { redis::cmd("PING").query_async::<String>(&mut without).await });
        let error = ping.await.unwrap_err().to_string();
        assert!(error.contains("there is no reactor running"), "{error}");
        let mut with = connection;
        let ping = async { redis::cmd("PING").query_async::<String>(&mut with).await };
        assert_eq!(Compat::new(ping).await.unwrap(), "PONG");
    });
}

#[test]
fn a_server_that_ends_fails_the_commands() {
    with_redis(async |redis| {
        let (mut connection, driver) = redis.connect(config()).await;
        let (mut other, _) = redis.connect(config()).await;
        let waiting = spawn(async move { connection.blpop::<_, (String, i64)>("queue", 0.0).await });
        sleep(Duration::from_millis(5)).await;
        let _ = redis::cmd("SHUTDOWN").query_async::<()>(&mut other).await;
        let error = waiting.await.unwrap().unwrap_err();
        assert!(error.is_io_error() || error.is_connection_dropped(), "{error:?}");
        driver.await.unwrap();
    });
}
