//! `pages`: what each figure prints; that the client's waits overlap on two threads and with
//! coroutines, and do not in sequence; and the order of its steps.
//!
//! The servers here use no clock: they answer when they have seen what is to be proved.

use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use stage::testing::{accept_soon, documented, expect_usage, lines, run};

#[path = "../../pages/blocking.rs"]
mod blocking;
#[path = "../../pages/coroutines.rs"]
mod coroutines;
#[path = "../../pages/timeline.rs"]
mod timeline;

use timeline::{Entry, Timeline, total_and_idle};

type Client = fn(SocketAddr, &Timeline) -> io::Result<()>;

const ON_TWO_THREADS: Client = blocking::on_two_threads;
const WITH_COROUTINES: Client = |server, timeline| boucle::run(coroutines::at_once(server, timeline));

/// The server answers no request before it has read the first one for both pages. Then it answers for the
/// second page, and then for the first: the client goes on in exactly that order.
#[test]
fn two_threads_and_two_coroutines_overlap_their_waits() {
    for (client, in_order) in [(ON_TWO_THREADS, false), (WITH_COROUTINES, true)] {
        let (result, entries) = against(client, |listener| {
            let mut connections = [(); 2].map(|()| Connection::accept(&listener));
            let mut requests = connections.each_mut().map(Connection::greet);
            if requests[0] > requests[1] {
                connections.reverse();
                requests.reverse();
            }
            assert_eq!(requests, ["page 1, part 1", "page 2, part 1"]);
            let [first, second] = connections;
            second.answer("page 2, part 2");
            first.answer("page 1, part 2");
        });
        result.unwrap();
        let mut did: Vec<_> = entries.iter().map(|entry| entry.what.as_str()).collect();
        if !in_order {
            // Of two threads, the kernel decides which one is the first.
            did[..2].sort();
            did[2..4].sort();
        }
        let expected = [
            "page 1: connects",
            "page 2: connects",
            "page 1: asks for part 1",
            "page 2: asks for part 1",
            "page 2: asks for part 2",
            "page 2: is there",
            "page 1: asks for part 2",
            "page 1: is there",
        ];
        assert_eq!(did, expected);
    }
}

/// While the server has one connection, no other one waits to be accepted.
#[test]
fn in_sequence_one_page_is_open_at_a_time() {
    let (result, entries) = against(blocking::in_sequence, |listener| {
        for page in [1, 2] {
            let mut connection = Connection::accept(&listener);
            assert_eq!(connection.greet(), format!("page {page}, part 1"));
            assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
            connection.answer(&format!("page {page}, part 2"));
        }
    });
    result.unwrap();
    assert_eq!(entries.len(), 8);
}

#[test]
fn a_server_that_closes_too_early_is_an_error() {
    for client in [ON_TWO_THREADS, WITH_COROUTINES] {
        let (result, _) = against(client, |listener| {
            let mut connections = [(); 2].map(|()| Connection::accept(&listener));
            connections.iter_mut().for_each(|connection| drop(connection.greet()));
        });
        let error = result.unwrap_err();
        assert_eq!(error.to_string(), "the server closed the connection");
    }
}

/// It runs from 0 to 4, from 2 to 3 in another lane, and from 10 to 12.
#[test]
fn the_client_is_idle_when_none_of_its_lanes_runs() {
    let begin = Instant::now();
    let entries = [(0, 0, 4), (1, 2, 3), (0, 10, 12)].map(|(lane, from, to)| Entry {
        lane,
        what: String::new(),
        at: begin + Duration::from_millis(from),
        ran: Duration::from_millis(to - from),
    });
    let expected = [12, 6].map(Duration::from_millis);
    assert_eq!(total_and_idle(&entries), expected.into());
}

/// The lines are those of the header, except times; for each lane and page they are in order.
#[test]
fn pages_prints_what_its_header_says() {
    let pages = run("pages", &[]);
    let printed = figures(&lines(&pages));
    assert_eq!(printed, figures(&documented("pages/main.rs")));
    assert_eq!(printed.len(), 5);
    assert!(pages.status.success());
}

#[test]
fn with_an_option_pages_prints_one_figure() {
    let pages = run("pages", &["--figure", "1", "--scale", "0"]);
    let documented = figures(&documented("pages/main.rs"));
    assert_eq!(figures(&lines(&pages)), documented[..1]);
}

#[test]
fn figure_6_shows_how_long_each_thread_ran() {
    let printed = lines(&run("pages", &["--figure", "6", "--scale", "0"]));
    let pages = printed.iter().filter(|line| line.contains(" page "));
    let pages: Vec<_> = pages.collect();
    assert_eq!(pages.len(), 8);
    assert!(pages.iter().all(|line| line.contains(" (runs ") && line.ends_with(" µs)")));
}

#[test]
fn the_time_line_shows_how_long_each_lane_ran() {
    for client in [ON_TWO_THREADS, WITH_COROUTINES] {
        let (_, entries) = against(client, |listener| {
            let mut connections = [(); 2].map(|()| Connection::accept(&listener));
            connections.iter_mut().for_each(|connection| drop(connection.greet()));
        });
        assert!(entries.iter().all(|entry| entry.ran > Duration::ZERO), "{entries:?}");
    }
}

#[test]
fn pages_answers_help_and_refuses_unknown_options() {
    expect_usage("pages", "--figure");
    let pages = run("pages", &["--figure", "3"]);
    assert_eq!(
        String::from_utf8_lossy(&pages.stderr),
        "pages: --figure: \"3\" is not one of 1, 2, 5, 6 and 7 (try --help)\n"
    );
    assert_eq!(pages.status.code(), Some(2));
}

/// Runs a client against a server on a thread. Returns how it ended, and what it did.
fn against(
    client: Client,
    server: impl FnOnce(TcpListener) + Send + 'static,
) -> (io::Result<()>, Vec<Entry>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || server(listener));
    let timeline = Timeline::default();
    let result = client(address, &timeline);
    server.join().unwrap();
    (result, timeline.entries())
}

struct Connection(BufReader<TcpStream>);

impl Connection {
    fn accept(listener: &TcpListener) -> Connection {
        Connection(BufReader::new(accept_soon(listener)))
    }

    /// Sends that the server is ready, and returns the first request.
    fn greet(&mut self) -> String {
        self.say("ready");
        self.hear()
    }

    /// Answers that request, and another one, and waits until the client closes.
    fn answer(mut self, next: &str) {
        self.say("this is it");
        assert_eq!(self.hear(), next);
        self.say("this is it");
        assert_eq!(self.hear(), "");
    }

    fn say(&mut self, line: &str) {
        writeln!(self.0.get_mut(), "{line}").unwrap();
    }

    fn hear(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

/// Splits the output into figures, without their times, and with the lines of each lane for each page
/// together.
fn figures(lines: &[String]) -> Vec<Vec<String>> {
    let figures = lines.split(|line| line.is_empty());
    let stable = |figure: &[String]| {
        let total = figure.len() - 2;
        let mut stable: Vec<_> = figure[2..total].iter().map(|line| without_time(line)).collect();
        stable.sort_by_key(|line| (line.find(|letter| letter != ' '), page(line)));
        stable.extend(figure[..2].iter().cloned());
        stable.push(figure[total].replace(char::is_numeric, ""));
        stable.push(figure[total + 1].clone());
        stable
    };
    figures.map(stable).collect()
}

/// Cuts the time at the begin of a line, in 11 columns, and the one at its end, if any.
fn without_time(line: &str) -> String {
    let line = line.split(" (runs ").next().unwrap();
    line.chars().skip(11).collect()
}

/// "page 1" or "page 2"; nothing in a line that is of no page.
fn page(line: &str) -> Option<String> {
    let begin = line.find("page ")?;
    Some(line[begin..begin + 6].to_owned())
}
