//! An axum application, served by hyper-util on boucle, without an adapter.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use boucle::hyper::{Executor, Timer};
use boucle::net::{TcpListener, TcpStream};
use boucle::{sleep, spawn};
use boucle_ecosystem_tests::client::curl;
use boucle_ecosystem_tests::process::program;
use boucle_ecosystem_tests::run;
use futures_lite::AsyncReadExt;
use futures_lite::future::{or, zip};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};

/// Serves HTTP/1.1 and HTTP/2, until the loop ends.
async fn serve(listener: TcpListener, app: Router) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let app = TowerToHyperService::new(app.clone());
        drop(spawn(async move {
            let mut builder = auto::Builder::new(Executor);
            builder.http1().timer(Timer);
            builder.http2().timer(Timer);
            let _ = builder.serve_connection(stream, app).await;
        }));
    }
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

/// A handler may wait for timers and tasks of the loop, although its future is `Send`.
async fn double(Path(number): Path<u32>) -> String {
    sleep(Duration::from_millis(1)).await;
    let doubled = spawn(async move { 2 * number }).await.unwrap();
    doubled.to_string()
}

async fn sum(State(sums): State<Arc<AtomicUsize>>, Json(numbers): Json<Vec<i64>>) -> Json<Value> {
    let count = sums.fetch_add(1, Ordering::Relaxed) + 1;
    Json(json!({ "sum": numbers.iter().sum::<i64>(), "count": count }))
}

/// Routes, paths, JSON, state and the error of no route work by either version of HTTP at one port.
#[test]
fn an_application_answers_by_either_version() {
    let Some(_) = program("curl", []) else { return };
    run(async {
        let (listener, url) = listen().await;
        let app = Router::new().route("/double/{number}", get(double)).route("/sum", post(sum));
        drop(spawn(serve(listener, app.with_state(Arc::default()))));
        for (count, (version, number)) in
            [("--http1.1", 1.1), ("--http2-prior-knowledge", 2.0)].iter().enumerate()
        {
            let request = async |arguments: &[&str]| {
                let format = [&[version, "--write-out", " %{http_version} %{http_code}"], arguments].concat();
                curl(&format).await
            };
            assert_eq!(request(&[&format!("{url}/double/21")]).await, format!("42 {number} 200"));
            let json = ["--header", "content-type: application/json", "--data"];
            let sum = request(&[&json[..], &["[1, 2, 3]", &format!("{url}/sum")]].concat()).await;
            assert_eq!(sum, format!(r#"{{"count":{},"sum":6}} {number} 200"#, count + 1));
            assert!(request(&[&format!("{url}/double/x")]).await.ends_with(" 400"));
            assert_eq!(request(&[&format!("{url}/nowhere")]).await, format!(" {number} 404"));
            let wrong = request(&[&json[..], &["[1,", &format!("{url}/sum")]].concat()).await;
            assert!(wrong.contains("EOF while parsing") && wrong.ends_with(" 400"), "{wrong}");
        }
    });
}

/// A server that shuts down answers the requests that have begun, closes the connections that wait, and ends.
#[test]
fn a_shutdown_answers_what_has_begun() {
    let Some(_) = program("curl", []) else { return };
    run(async {
        let (listener, url) = listen().await;
        let address = listener.local_addr().unwrap();
        let (begun, has_begun) = async_channel::bounded(1);
        let (release, released) = async_channel::bounded::<()>(1);
        let slow = async move || {
            begun.send(()).await.unwrap();
            released.recv().await.unwrap();
            (StatusCode::ACCEPTED, "in the end")
        };
        let app = TowerToHyperService::new(Router::new().route("/", get(slow)));
        let server = spawn(async move {
            let graceful = GracefulShutdown::new();
            let builder = auto::Builder::new(Executor);
            let accept = async {
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    let connection = builder.serve_connection(stream, app.clone()).into_owned();
                    drop(spawn(graceful.watch(connection)));
                }
            };
            or(accept, async { has_begun.recv().await.unwrap() }).await;
            // The shutdown has begun when the answer is released.
            zip(graceful.shutdown(), async { release.send(()).await.unwrap() }).await;
        });
        let mut idle = TcpStream::connect(address).await.unwrap();
        let written = curl(&["--write-out", " %{http_code}", &url]).await;
        assert_eq!(written, "in the end 202");
        server.await.unwrap();
        assert_eq!(idle.read(&mut [0]).await.unwrap(), 0);
    });
}
