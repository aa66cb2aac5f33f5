//! The same without a loop: the thread waits in `connect` and in `read`, and can do nothing else.

use std::io::{Read, Write};
use std::net::TcpStream;

use hyper::StatusCode;
use stage::http::{Failure, Target};

/// Sends a request, and waits for the whole response: its status and its text.
///
/// It speaks HTTP/1.0, where a body is never in chunks and ends with the connection.
pub(crate) fn get(target: &Target) -> Result<(StatusCode, String), Failure> {
    let Target {
        address,
        host,
        path,
    } = target;
    let mut stream = TcpStream::connect(address)?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut response = Vec::new();
    stream.read_to_end(&mut response)?;

    let end = response.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    let end = end.ok_or("connection closed before the end of the head")?;
    let head = String::from_utf8_lossy(&response[..end]);
    let mut body = &response[end + 4..];
    if let Some(length) = content_length(&head)? {
        let came = body.len();
        body = body
            .get(..length)
            .ok_or_else(|| format!("connection closed after {came} of {length} bytes"))?;
    }
    Ok((status(&head)?, String::from_utf8_lossy(body).into_owned()))
}

/// The number in `HTTP/1.1 200 OK`.
fn status(head: &str) -> Result<StatusCode, Failure> {
    let mut words = head.split_ascii_whitespace();
    match (words.next(), words.next()) {
        (Some(version), Some(status)) if version.starts_with("HTTP/1.") => Ok(status.parse()?),
        _ => Err("this is not HTTP".into()),
    }
}

fn content_length(head: &str) -> Result<Option<usize>, Failure> {
    let mut headers = head.lines().filter_map(|line| line.split_once(':'));
    let length = headers.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    Ok(length.map(|(_, value)| value.trim().parse()).transpose()?)
}
