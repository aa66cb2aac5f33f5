//! The server with coroutines, on boucle.

use std::io;
use std::time::Duration;

use boucle::net::{TcpListener, TcpStream};
use futures_lite::{AsyncReadExt, AsyncWriteExt};

use super::report::report;

/// Reads once, writes, flushes, closes.
async fn pong_handler(mut client: TcpStream) -> io::Result<()> {
    let mut data = vec![0; 64 * 1024];
    let count = client.read(&mut data).await?;
    client.write_all(&data[..count]).await?;
    client.flush().await?;
    client.close().await
}

/// Serves clients for ever, each in a task of its own, or until one was served.
pub(crate) async fn serve(listener: std::net::TcpListener, once: bool) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let client = match listener.accept().await {
            Ok((client, _)) => client,
            Err(error) => {
                report(Err(error));
                // If descriptors are lacking, they will not be there at once.
                boucle::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let handler = boucle::spawn(async { report(pong_handler(client).await) });
        if once {
            let _ = handler.await;
            return Ok(());
        }
    }
}
