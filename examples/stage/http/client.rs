//! The client: hyper's, on boucle's socket.

use boucle::net::TcpStream;
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{HOST, USER_AGENT};
use hyper::rt::{Read, Write};
use hyper::{Request, Response};

use super::{Failure, Target, tls};

/// Sends a request, and waits for the head of the response. The body is received as it is read.
pub async fn get(target: &Target) -> Result<Response<Incoming>, Failure> {
    let stream = TcpStream::connect(target.address.clone()).await?;
    match &target.tls {
        None => ask(stream, target).await,
        Some(name) => ask(tls::connect(name, stream).await?, target).await,
    }
}

async fn ask<S>(stream: S, target: &Target) -> Result<Response<Incoming>, Failure>
where
    S: Read + Write + Unpin + 'static,
{
    let (mut sender, connection) = http1::handshake(stream).await?;
    // A task of its own moves the bytes, until the response has been read. An error in it
    // reaches the task that reads the response.
    drop(boucle::spawn(connection));
    let request = Request::get(&target.path).header(HOST, &target.host);
    let request = request.header(USER_AGENT, super::USER_AGENT).body(Empty::<Bytes>::new())?;
    Ok(sender.send_request(request).await?)
}
