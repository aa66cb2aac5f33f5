//! The client: hyper's, on a socket of the loop's.

use boucle::net::TcpStream;
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper::{Request, Response};

use super::{Failure, Target};

/// Sends a request, and waits for the head of the response. The body comes as it is read.
pub async fn get(target: &Target) -> Result<Response<Incoming>, Failure> {
    let stream = TcpStream::connect(target.address.clone()).await?;
    let (mut sender, connection) = http1::handshake(stream).await?;
    // A task of its own moves the bytes, until the response has been read. An error in it
    // reaches the task that reads the response.
    drop(boucle::spawn(connection));
    let request = Request::get(&target.path).header(HOST, &target.host).body(Empty::<Bytes>::new())?;
    Ok(sender.send_request(request).await?)
}
