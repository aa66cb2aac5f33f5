//! A figure: a client and a server, and the time line of what they did.

use std::io;
use std::net::SocketAddr;

use stage::println;

use crate::server::{Pace, Server};
use crate::timeline::{Entry, Timeline, total_and_idle};

pub(crate) struct Figure {
    pub(crate) number: u32,
    pub(crate) title: &'static str,
    /// The lanes that are drawn, and what they are called.
    pub(crate) columns: &'static [(usize, &'static str)],
    /// Whether it shows microseconds, and how long each lane ran.
    pub(crate) zoom: bool,
    pub(crate) pages: usize,
    pub(crate) client: fn(SocketAddr, &Timeline) -> io::Result<()>,
}

/// The server's lane; the client has the first, or the first two.
pub(crate) const SERVER: usize = 2;

impl Figure {
    /// Runs a server and the client. Draws only then, since printing takes time too.
    pub(crate) fn draw(&self, pace: Pace) -> io::Result<()> {
        let timeline = Timeline::default();
        let server = Server::start(self.pages, pace, timeline.lane(SERVER))?;
        (self.client)(server.address, &timeline)?;
        let most_open = server.end()?;

        println!("Figure {} : {}", self.number, self.title);
        println!("{}", self.head());
        let entries = timeline.entries();
        for entry in &entries {
            if let Some(line) = self.line(entry, &entries[0]) {
                println!("{line}");
            }
        }
        let client = entries.into_iter().filter(|entry| entry.lane != SERVER);
        let client: Vec<_> = client.collect();
        let (total, idle) = total_and_idle(&client);
        let [total, idle] = [total, idle].map(|time| time.as_secs_f64() * 1e3);
        println!("total {total:.1} ms, of which the client was idle for {idle:.1} ms");
        println!("(the most requests that the server had open at once: {most_open})");
        Ok(())
    }

    fn head(&self) -> String {
        let width = self.width();
        let names = self.columns.iter().map(|(_, name)| format!("{name:width$}"));
        format!("{:11}{}", "", names.collect::<String>().trim_end())
    }

    /// Formats an entry in its column, if that is drawn, with the time since the first entry.
    fn line(&self, entry: &Entry, first: &Entry) -> Option<String> {
        let column = self.columns.iter().position(|(lane, _)| *lane == entry.lane)?;
        let indent = column * self.width();
        let at = entry.at - first.at;
        let (at, unit, ran) = if self.zoom {
            let ran = format!(" (runs {} µs)", entry.ran.as_micros());
            (at.as_micros(), "µs", ran)
        } else {
            (at.as_millis(), "ms", String::new())
        };
        Some(format!("{at:>6} {unit}  {:indent$}{}{ran}", "", entry.what))
    }

    fn width(&self) -> usize {
        if self.zoom { 40 } else { 27 }
    }
}
