//! The server with coroutines, on boucle.

use std::io;
use std::time::Duration;

use boucle::net::{TcpListener, TcpStream};
use futures_channel::mpsc::{UnboundedSender, unbounded};
use futures_lite::future::or;
use futures_lite::{AsyncReadExt, AsyncWriteExt};

use super::report;

/// Reads once, writes, flushes, closes.
async fn pong_handler(mut client: TcpStream) -> io::Result<()> {
    let mut data = vec![0; 64 * 1024];
    let count = client.read(&mut data).await?;
    client.write_all(&data[..count]).await?;
    client.flush().await?;
    client.close().await
}

/// Serves clients for ever, or until one was served.
pub(crate) async fn serve(listener: std::net::TcpListener, once: bool) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let (served, mut one_was_served) = unbounded();
    let accepting = accept(listener, served);
    if once {
        let enough = async {
            let _ = one_was_served.recv().await;
        };
        or(accepting, enough).await;
    } else {
        drop(one_was_served);
        accepting.await;
    }
    Ok(())
}

/// Serves one client, and then sends to `served`.
async fn serve_one(client: TcpStream, served: UnboundedSender<()>) {
    match pong_handler(client).await {
        Ok(()) => drop(served.unbounded_send(())),
        Err(error) => report::lost(&error),
    }
}

/// Serves each client in a task of its own.
async fn accept(listener: TcpListener, served: UnboundedSender<()>) {
    loop {
        match listener.accept().await {
            Ok((client, _)) => drop(boucle::spawn(serve_one(client, served.clone()))),
            Err(error) => {
                report::cannot_accept(&error);
                // If descriptors are lacking, none is free at once.
                boucle::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}
