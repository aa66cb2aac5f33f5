//! tokio-postgres on boucle's sockets, against PostgreSQL.
//!
//! `Config::connect_raw` takes any stream, and returns the connection as a future to spawn: it does not need
//! tokio's reactor.

use std::fs::{self, Permissions};
use std::io::Cursor;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::pin::pin;
use std::process::Command;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use boucle::net::{TcpStream, UnixStream};
use boucle::{gather, sleep, spawn, timeout};
use boucle_ecosystem_tests::process::{Server, free_port, program};
use boucle_ecosystem_tests::run;
use futures_lite::future::zip;
use futures_util::{SinkExt, StreamExt, TryStreamExt, stream};
use tempfile::TempDir;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Client, Config, NoTls};
use tokio_util::compat::FuturesAsyncReadCompatExt;

/// A cluster of its own, with a server on a port and on a Unix socket.
struct Postgres {
    _server: Server, // stopped before its files are removed
    folder: TempDir,
    port: u16,
}

impl Postgres {
    /// The server of all tests that run at present; none, if this machine has no PostgreSQL.
    fn shared() -> Option<Arc<Postgres>> {
        static SHARED: Mutex<Weak<Postgres>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let running = shared.upgrade().or_else(|| Some(Arc::new(Self::start()?)));
        *shared = running.as_ref().map(Arc::downgrade).unwrap_or_default();
        running
    }

    fn start() -> Option<Postgres> {
        // Debian's programs are not in the path.
        let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
        let folders: Vec<PathBuf> = versions.map(|version| version.unwrap().path().join("bin")).collect();
        let initdb = program("initdb", folders.clone())?;
        let postgres = program("postgres", folders)?;
        let folder = TempDir::new().unwrap();
        fs::set_permissions(&folder, Permissions::from_mode(0o777)).unwrap();
        // PostgreSQL refuses to be root.
        let is_root = fs::metadata(&folder).unwrap().uid() == 0;
        let command = |program: &PathBuf| {
            let mut command = Command::new(if is_root { "setpriv".into() } else { program.clone() });
            if is_root {
                command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]).arg(program);
            }
            command.current_dir(&folder).env("LC_ALL", "C").arg("-D").arg(folder.path().join("data"));
            command
        };
        let made =
            command(&initdb).args(["--auth=trust", "--username=boucle", "--no-sync"]).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let start = |port: u16| {
            let mut command = command(&postgres);
            command.args(["-F", "-h", "127.0.0.1", "-p", &port.to_string(), "-k"]).arg(folder.path());
            Server::start(&mut command, "ready to accept connections")
        };
        let mut written = String::new();
        for port in (0..3).map(|_| free_port()) {
            match start(port) {
                Ok(server) => return Some(Postgres { _server: server, folder, port }),
                Err(error) => written += &error,
            }
        }
        panic!("{written}");
    }

    async fn unix(&self) -> UnixStream {
        UnixStream::connect(self.folder.path().join(format!(".s.PGSQL.{}", self.port))).await.unwrap()
    }

    async fn connect(&self) -> Client {
        let (client, connection) = config().connect_raw(self.unix().await.compat(), NoTls).await.unwrap();
        drop(spawn(connection));
        client
    }
}

fn config() -> Config {
    let mut config = Config::new();
    config.user("boucle").dbname("postgres");
    config
}

/// Runs a test with the server, or skips it.
fn with_postgres(test: impl AsyncFnOnce(&Postgres)) {
    if let Some(postgres) = Postgres::shared() {
        run(test(&postgres));
    }
}

#[test]
fn rows_come_back_over_tcp_and_over_a_unix_socket() {
    with_postgres(async |postgres| {
        let tcp = TcpStream::connect(("127.0.0.1", postgres.port)).await.unwrap().compat();
        let (over_tcp, connection) = config().connect_raw(tcp, NoTls).await.unwrap();
        let connection = spawn(connection);
        let over_unix = postgres.connect().await;
        for client in [&over_tcp, &over_unix] {
            client.batch_execute("CREATE TEMPORARY TABLE people (id serial, name text)").await.unwrap();
            let insert = client.prepare("INSERT INTO people (name) VALUES ($1)").await.unwrap();
            for name in ["Ada", "Grace"] {
                assert_eq!(client.execute(&insert, &[&name]).await.unwrap(), 1);
            }
            let rows = client.query("SELECT id, name FROM people ORDER BY id", &[]).await.unwrap();
            let people: Vec<(i32, &str)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
            assert_eq!(people, [(1, "Ada"), (2, "Grace")]);
        }
        drop(over_tcp);
        connection.await.unwrap().unwrap(); // it ends with its last client
    });
}

/// A task that shares a connection sends its query without waiting for the answers to others.
#[test]
fn many_tasks_share_one_connection() {
    with_postgres(async |postgres| {
        let client = Arc::new(postgres.connect().await);
        let squares =
            gather(
                (0..500).map(|number: i32| {
                    let client = client.clone();
                    async move {
                        client.query_one("SELECT $1::int * $1", &[&number]).await.unwrap().get::<_, i32>(0)
                    }
                }),
            );
        assert_eq!(squares.await, (0..500).map(|number| number * number).collect::<Vec<_>>());
    });
}

/// Both directions fill the kernel's buffers, so reads and writes have to wait for the server.
#[test]
fn megabytes_are_copied_in_and_out() {
    with_postgres(async |postgres| {
        let client = postgres.connect().await;
        client.batch_execute("CREATE TEMPORARY TABLE lines (line text)").await.unwrap();
        let line = format!("{}\n", "x".repeat(1_023));
        let mut copied = pin!(client.copy_in("COPY lines FROM STDIN").await.unwrap());
        let mut lines = stream::iter((0..8_192).map(|_| Ok(Cursor::new(line.clone()))));
        copied.send_all(&mut lines).await.unwrap();
        assert_eq!(copied.finish().await.unwrap(), 8_192);
        let mut out = pin!(client.copy_out("COPY lines TO STDOUT").await.unwrap());
        let mut len = 0;
        while let Some(part) = out.try_next().await.unwrap() {
            len += part.len();
        }
        assert_eq!(len, 8 << 20);
    });
}

#[test]
fn a_transaction_that_is_dropped_is_rolled_back() {
    with_postgres(async |postgres| {
        let mut client = postgres.connect().await;
        client.batch_execute("CREATE TEMPORARY TABLE kept (number int)").await.unwrap();
        let transaction = client.transaction().await.unwrap();
        transaction.execute("INSERT INTO kept VALUES (1)", &[]).await.unwrap();
        drop(transaction);
        let transaction = client.transaction().await.unwrap();
        transaction.execute("INSERT INTO kept VALUES (2)", &[]).await.unwrap();
        transaction.commit().await.unwrap();
        let row = client.query_one("SELECT array_agg(number) FROM kept", &[]).await.unwrap();
        assert_eq!(row.get::<_, Vec<i32>>(0), [2]);
    });
}

/// A task of the test polls the connection, and passes the notifications on.
#[test]
fn a_notification_wakes_a_task() {
    with_postgres(async |postgres| {
        let connected = config().connect_raw(postgres.unix().await.compat(), NoTls).await;
        let (listener, mut connection) = connected.unwrap();
        let (sender, mut notifications) = tokio::sync::mpsc::unbounded_channel();
        let connection = spawn(async move {
            while let Some(message) = stream::poll_fn(|cx| connection.poll_message(cx)).next().await {
                if let AsyncMessage::Notification(notification) = message.unwrap() {
                    sender.send(notification.payload().to_owned()).unwrap();
                }
            }
        });
        listener.batch_execute("LISTEN news").await.unwrap();
        let speaker = postgres.connect().await;
        let speaking = spawn(async move {
            sleep(Duration::from_millis(5)).await; // the listener waits in the kernel by then
            speaker.batch_execute("NOTIFY news, 'one'; NOTIFY news, 'two'").await.unwrap();
        });
        assert_eq!(notifications.recv().await.unwrap(), "one");
        assert_eq!(notifications.recv().await.unwrap(), "two");
        speaking.await.unwrap();
        drop(listener);
        connection.await.unwrap();
    });
}

/// A timeout ends the wait alone. The server goes on until it is asked to stop, over a stream of its own; then
/// the connection is as good as before.
#[test]
fn a_query_that_timed_out_can_be_cancelled() {
    with_postgres(async |postgres| {
        let client = postgres.connect().await;
        let mut query = pin!(client.simple_query("SELECT pg_sleep(600)"));
        timeout(Duration::from_millis(20), query.as_mut()).await.unwrap_err();
        let token = client.cancel_token();
        let error = loop {
            // A request that comes before the query has begun stops nothing.
            token.cancel_query_raw(postgres.unix().await.compat(), NoTls).await.unwrap();
            if let Ok(result) = timeout(Duration::from_millis(20), query.as_mut()).await {
                break result.unwrap_err();
            }
        };
        assert_eq!(error.code(), Some(&SqlState::QUERY_CANCELED));
        assert_eq!(client.query_one("SELECT 1", &[]).await.unwrap().get::<_, i32>(0), 1);
    });
}

#[test]
fn a_connection_that_the_server_ends_fails_its_queries() {
    with_postgres(async |postgres| {
        let (client, connection) = config().connect_raw(postgres.unix().await.compat(), NoTls).await.unwrap();
        let connection = spawn(connection);
        let row = client.query_one("SELECT pg_backend_pid()", &[]).await.unwrap();
        let other = postgres.connect().await;
        let parameters: [&(dyn ToSql + Sync); 1] = [&row.get::<_, i32>(0)];
        let ending = other.execute("SELECT pg_terminate_backend($1)", &parameters);
        let (query, ended) = zip(client.simple_query("SELECT pg_sleep(600)"), ending).await;
        assert_eq!(ended.unwrap(), 1);
        assert_eq!(query.unwrap_err().code(), Some(&SqlState::ADMIN_SHUTDOWN));
        connection.await.unwrap().unwrap_err();
        assert!(client.is_closed());
    });
}
