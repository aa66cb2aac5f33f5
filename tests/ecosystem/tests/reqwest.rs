//! reqwest, which needs tokio's reactor: async-compat runs one on a thread of its own, which watches the
//! sockets and timers. The future is still polled on boucle's loop.

use std::fs;
use std::time::Duration;

use async_compat::CompatExt;
use boucle::net::TcpListener;
use boucle::{gather, sleep, spawn};
use boucle_ecosystem_tests::run;
use futures_lite::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use reqwest::{Client, StatusCode};

/// Answers each request of HTTP/1.1 with its path and its body.
async fn serve(listener: TcpListener) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        drop(spawn(async move {
            let mut reader = BufReader::new(&stream);
            let mut line = String::new();
            while reader.read_line(&mut line).await? > 0 {
                let path = line.split(' ').nth(1).unwrap().to_owned();
                let mut len = 0;
                while line != "\r\n" {
                    if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                        len = value.trim().parse().unwrap();
                    }
                    line.clear();
                    reader.read_line(&mut line).await?;
                }
                line.clear();
                let mut body = vec![0; len];
                reader.read_exact(&mut body).await?;
                if path == "/slow" {
                    sleep(Duration::from_secs(600)).await;
                }
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{path}", path.len() + len);
                (&stream).write_all(head.as_bytes()).await?;
                (&stream).write_all(&body).await?;
            }
            std::io::Result::Ok(())
        }));
    }
}

async fn start() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(spawn(serve(listener)));
    url
}

#[test]
fn requests_and_answers_of_megabytes_pass() {
    run(async {
        let url = start().await;
        let client = Client::new();
        let bodies = gather((0..10usize).map(|number| {
            let request = client.post(format!("{url}/{number}")).body(vec![b'x'; number << 18]);
            let request = async move {
                let response = request.send().await.unwrap();
                assert_eq!(response.status(), StatusCode::OK);
                response.bytes().await.unwrap()
            };
            request.compat()
        }));
        for (number, body) in bodies.await.into_iter().enumerate() {
            assert!(body.starts_with(format!("/{number}").as_bytes()));
            assert_eq!(body.len(), 2 + (number << 18));
        }
    });
}

#[test]
fn a_request_that_takes_too_long_is_an_error() {
    run(async {
        let url = start().await;
        let client = Client::builder().timeout(Duration::from_millis(20)).build().unwrap();
        let request = async { client.get(format!("{url}/slow")).send().await }; // `send` itself makes a timer
        let error = request.compat().await.unwrap_err();
        assert!(error.is_timeout(), "{error:?}");
    });
}

/// One thread of the process runs tokio's reactor.
#[test]
#[cfg(target_os = "linux")]
fn tokios_reactor_has_a_thread() {
    run(async {
        let url = start().await;
        let text = async { reqwest::get(format!("{url}/")).await.unwrap().text().await.unwrap() };
        assert_eq!(text.compat().await, "/");
        let threads = fs::read_dir("/proc/self/task").unwrap();
        // A thread may have ended since.
        let names = threads.filter_map(|thread| fs::read_to_string(thread.unwrap().path().join("comm")).ok());
        assert_eq!(names.filter(|name| name.starts_with("async-compat")).count(), 1);
    });
}
