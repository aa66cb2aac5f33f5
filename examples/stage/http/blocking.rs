//! The HTTP client without a loop: `connect` and `read` block the thread.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};

use hyper::StatusCode;

use super::{Failure, Target, USER_AGENT, tls};

/// More than any head has.
const LONGEST_HEAD: u64 = 64 * 1024;

/// A response. Reading from it reads the body.
pub struct Response {
    /// The number in its first line.
    pub status: StatusCode,
    /// The URL of the page, if it has moved.
    pub location: Option<Vec<u8>>,
    /// How many bytes the body has, if the head says so.
    pub length: Option<u64>,
    /// How many bytes of it were read.
    came: u64,
    stream: BufReader<Box<dyn Read>>,
}

/// A step that a request has reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The connection is there.
    Connected,
    /// The request was written.
    Sent,
    /// The first bytes of the response were read.
    Answered,
}

/// Sends a request, and waits for the head of the response.
///
/// It speaks HTTP/1.0, where a body is never in chunks and ends with the connection.
pub fn get(target: &Target) -> Result<Response, Failure> {
    get_step_by_step(target, |_| {})
}

/// The same; calls `reached` after each step.
pub fn get_step_by_step(target: &Target, reached: impl FnMut(Step)) -> Result<Response, Failure> {
    let Target { address, tls, .. } = target;
    let addresses = (address.0.as_str(), address.1).to_socket_addrs();
    let addresses: Vec<_> =
        addresses.map_err(|why| format!("cannot look up \"{}\": {why}", address.0))?.collect();
    let stream = TcpStream::connect(&*addresses).map_err(|why| {
        // The error is that of the last one.
        let address = addresses.last().map(SocketAddr::to_string).unwrap_or_default();
        format!("cannot connect to {address}: {why}")
    })?;
    match tls {
        None => ask(stream, target, reached),
        Some(name) => ask(tls::connect_blocking(name, stream)?, target, reached),
    }
}

fn ask<S>(mut stream: S, target: &Target, mut reached: impl FnMut(Step)) -> Result<Response, Failure>
where
    S: Read + Write + 'static,
{
    reached(Step::Connected);
    let Target { host, path, .. } = target;
    let headers = format!("Host: {host}\r\nUser-Agent: {USER_AGENT}\r\nConnection: close\r\n");
    stream.write_all(format!("GET {path} HTTP/1.0\r\n{headers}\r\n").as_bytes())?;
    stream.flush()?;
    reached(Step::Sent);
    let mut stream = BufReader::new(Box::new(stream) as Box<dyn Read>);
    stream.fill_buf()?;
    reached(Step::Answered);
    let head = read_head(&mut stream)?;
    if header(&head, "transfer-encoding").is_some() {
        return Err("the body is in chunks, which HTTP/1.0 does not know".into());
    }
    let length = header(&head, "content-length");
    let length = length.map(|length| length.parse().map_err(|_| "its length is not a number"));
    let location = header(&head, "location").map(|text| text.chars().map(|char| char as u8).collect());
    Ok(Response { status: status(&head)?, length: length.transpose()?, location, came: 0, stream })
}

impl Read for Response {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(length) = self.length else {
            return self.stream.read(buffer);
        };
        let left = length - self.came;
        let read = (&mut self.stream).take(left).read(buffer)?;
        if read == 0 && left > 0 && !buffer.is_empty() {
            let came = self.came;
            let why = format!("connection closed after {came} of {length} bytes");
            return Err(io::Error::new(ErrorKind::UnexpectedEof, why));
        }
        self.came += read as u64;
        Ok(read)
    }
}

/// Reads up to the empty line. Each byte is a character: a head need not be UTF-8.
fn read_head(stream: &mut impl BufRead) -> Result<String, Failure> {
    let mut stream = stream.take(LONGEST_HEAD);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_until(b'\n', &mut head)? == 0 {
            return Err(match stream.limit() {
                0 => "the head is too long".into(),
                _ => "connection closed before the end of the head".into(),
            });
        }
    }
    Ok(head.into_iter().map(char::from).collect())
}

/// The number in `HTTP/1.1 200 OK`.
fn status(head: &str) -> Result<StatusCode, Failure> {
    let mut words = head.split_ascii_whitespace();
    match (words.next(), words.next()) {
        (Some(version), Some(status)) if version.starts_with("HTTP/1.") => Ok(status.parse()?),
        _ => Err("this is not HTTP".into()),
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut headers = head.lines().filter_map(|line| line.split_once(':'));
    let header = headers.find(|(its_name, _)| its_name.eq_ignore_ascii_case(name));
    header.map(|(_, value)| value.trim_ascii()) // `trim` takes U+00A0 too, here a byte of a longer character
}
