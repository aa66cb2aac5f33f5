//! The server that stands in for www.irs.gov: pages of the sizes that the course page saw, each
//! after a delay that stands for the network.

use std::io;
use std::time::Duration;

use stage::http::{Content, Server};

/// The URLs of the course page, all of which this server knows.
pub(crate) const URLS: [&str; 4] = [
    "http://www.irs.gov/pub/irs-pdf/f1040.pdf",
    "http://www.irs.gov/pub/irs-pdf/f1040ez.pdf",
    "http://www.irs.gov/pub/irs-pdf/f1040es.pdf",
    "http://www.irs.gov/pub/irs-pdf/f1040sb.pdf",
];

pub(crate) fn start() -> io::Result<Server> {
    Server::start(async |uri| page(uri.path()).await)
}

async fn page(path: &str) -> Content {
    let (bytes, chars, millis) = match path {
        "/pub/irs-pdf/f1040.pdf" => (163_287, 163_287, 600),
        "/pub/irs-pdf/f1040ez.pdf" => (93_477, 93_397, 530),
        "/pub/irs-pdf/f1040es.pdf" => (303_413, 289_795, 460),
        "/pub/irs-pdf/f1040sb.pdf" => (76_237, 73_554, 670),
        _ => return None,
    };
    boucle::sleep(Duration::from_millis(millis)).await;
    Some(text(bytes, chars).into())
}

/// As many two-byte characters as make the two counts differ, and one-byte characters for the rest.
fn text(bytes: usize, chars: usize) -> String {
    let wide = bytes - chars;
    "é".repeat(wide) + &"e".repeat(chars - wide)
}
