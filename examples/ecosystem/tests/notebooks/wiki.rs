//! `wiki`: what it prints, that its waits and its fetches overlap, and what it does when a page
//! does not come.

use std::cell::Cell;
use std::future::ready;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use serde_json::{Value, json};
use stage::http::{Server, blocking};
use stage::stdout::capture;
use stage::testing::{documented, expect_usage, lines, run, virtually, without_numbers};

#[path = "../../wiki/api.rs"]
mod api;
#[path = "../../wiki/wiki.rs"]
mod coroutines;
#[path = "../../wiki/server.rs"]
mod server;

use coroutines::{Site, coroutines, subroutines};

/// All lines, in order, except times and the port.
#[test]
fn wiki_prints_what_its_header_says() {
    let wiki = run("wiki", &["--scale", "0.01"]);
    let [printed, expected] = [lines(&wiki), documented("wiki/main.rs")];
    let printed = printed.iter().map(|line| without_measures(line));
    let expected = expected.iter().map(|line| without_measures(line));
    assert_eq!(printed.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    assert!(wiki.status.success());
}

/// The server answers no request before it has read all three, so the fetches must overlap. The waits
/// overlap too: three waits of an hour take one hour, on the virtual clock.
#[test]
fn coroutines_overlap_their_waits_and_their_fetches() {
    let server = server_that_awaits(3);
    let site = site(&server, Duration::from_secs(3600));
    let (all_came, printed, time) = virtually(coroutines(&site, &pages()));
    assert!(all_came, "{printed:?}");
    assert_eq!(server.take_most_open(), 3);
    assert!((1..2).contains(&(time.as_secs() / 3600)), "{time:?}");
}

/// A page is asked for only when the page before has been answered.
#[test]
fn subroutines_fetch_one_page_after_the_other() {
    let server = server_that_awaits(1);
    let site = site(&server, Duration::ZERO);
    let (all_came, printed) = capture(|| subroutines(&site, &pages()));
    assert_eq!(printed[..8], ["Subroutine :", "", " A", "", " B", "", " C", ""]);
    assert!(all_came);
    assert_eq!(server.take_most_open(), 1);
}

/// One good page among failures of every kind: each failure is reported once each time, and the page comes.
#[test]
fn wiki_reports_which_pages_failed_and_gets_the_rest() {
    let server = Server::start(async |uri| {
        let uri = uri.to_string();
        let answer = match title(&uri)? {
            "Good" => r#"{"query":{"pages":{"7":{"pageid":7,"title":"Good","extract":"é\n!"}}}}"#,
            "Missing" => r#"{"query":{"pages":{"-1":{"title":"Missing","missing":""}}}}"#,
            "NoSummary" => r#"{"query":{"pages":{"7":{"pageid":7,"title":"NoSummary"}}}}"#,
            "NoPage" => r#"{"query":{"pages":{}}}"#,
            "Error" => r#"{"error":{"code":"readapidenied","info":"rate limited"}}"#,
            "Neither" => "{}",
            "List" => r#"{"query":{"pages":[]}}"#,
            "Html" => "<!DOCTYPE html>",
            "Empty" => "",
            _ => return None,
        };
        Some(answer.into())
    });
    let url = format!("http://{}/", server.unwrap().address);
    let failures = [
        ("Missing", "there is no such page"),
        ("NoSummary", "the answer has no summary"),
        ("NoPage", "the answer has no page"),
        ("Error", "the wiki refuses: rate limited"),
        ("Neither", "the answer has no page"),
        ("List", "this is not the answer of a wiki: invalid type: sequence"),
        ("Html", "this is not the answer of a wiki: expected value"),
        ("Empty", "this is not the answer of a wiki: EOF"),
        ("Other", "404 Not Found"),
    ];

    let mut arguments = vec!["--scale", "0", "--server", &url];
    arguments.extend(failures.map(|(page, _)| page));
    arguments.push("Good");
    let wiki = run("wiki", &arguments);
    let printed = lines(&wiki);
    let count = |start: &str| printed.iter().filter(|line| line.starts_with(start)).count();
    for (page, why) in failures {
        let line = format!("{page} failed: {why}");
        assert_eq!(count(&line), 2, "{line}, in {printed:#?}");
    }
    assert_eq!((count(" é"), count("!")), (2, 2));
    assert_eq!(count("Durée totale"), 2);
    assert_eq!(wiki.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&wiki.stderr), "");
}

/// A page that comes the first time and not the second, and one that comes the second time only.
#[test]
fn one_failure_is_enough_for_the_exit_status() {
    for fails in [0, 1] {
        let asked = Cell::new(0);
        let server = Server::start(move |_| {
            let fails = asked.replace(asked.get() + 1) == fails;
            let answer = r#"{"query":{"pages":{"7":{"extract":"!"}}}}"#;
            ready((!fails).then(|| answer.into()))
        });
        let url = format!("http://{}", server.unwrap().address);
        let wiki = run("wiki", &["--scale", "0", "--server", &url, "Page"]);
        let failed = "Page failed: 404 Not Found".to_owned();
        assert!(lines(&wiki).contains(&failed) && lines(&wiki).contains(&" !".to_owned()));
        assert_eq!(wiki.status.code(), Some(1));
    }
}

#[test]
fn wiki_reports_that_a_server_cannot_be_reached() {
    // Nothing listens there any more.
    let gone = TcpListener::bind("127.0.0.1:0").and_then(|gone| gone.local_addr());
    let url = format!("http://{}", gone.unwrap());
    let wiki = run("wiki", &["--scale", "0", "--server", &url, "Coroutine"]);
    let printed = lines(&wiki);
    // One of the two clients also names the address.
    let is_report =
        |line: &&String| line.starts_with("Coroutine failed: ") && line.contains("Connection refused");
    assert_eq!(printed.iter().filter(is_report).count(), 2, "{printed:?}");
    assert_eq!(wiki.status.code(), Some(1));
}

/// A title may be any text.
#[test]
fn titles_are_encoded() {
    let question = api::question("http://localhost:80", "Générateur & co").unwrap();
    assert_eq!(
        question.path,
        "/w/api.php?action=query&prop=extracts&exintro=&explaintext=\
         &titles=G%C3%A9n%C3%A9rateur+%26+co&format=json"
    );
}

/// The example's server answers in the same form as the real one.
#[test]
fn the_server_answers_in_the_form_of_the_api() {
    let url = format!("http://{}", server::start().unwrap().address);
    let ask = |page| -> Value {
        let answer = blocking::get(&api::question(&url, page).unwrap()).unwrap();
        serde_json::from_reader(answer).unwrap()
    };
    let title = "Programmation concurrente";
    let extract = documented("wiki/main.rs")[7].trim_start().to_owned();
    let page = json!({ "pageid": 3, "ns": 0, "title": title, "extract": extract });
    assert_eq!(
        ask("Programmation_concurrente"),
        json!({ "batchcomplete": "", "query": { "pages": { "3": page } } })
    );
    let page = json!({ "ns": 0, "title": "Générateur", "missing": "" });
    assert_eq!(ask("Générateur"), json!({ "batchcomplete": "", "query": { "pages": { "-1": page } } }));
}

#[test]
fn wiki_answers_help_and_refuses_unknown_options() {
    expect_usage("wiki", "--server");
    for (option, wrong, wanted) in [
        ("--server", "ftp://localhost", "http://HOST:PORT"),
        ("--server", "http://localhost/path", "http://HOST:PORT"),
        ("--server", "http://localhost?query", "http://HOST:PORT"),
        ("--scale", "-1", "a factor from 0 to 1000"),
    ] {
        let output = run("wiki", &[option, wrong]);
        assert_eq!(
            String::from_utf8_lossy(&output.stderr),
            format!("wiki: {option}: {wrong:?} is not {wanted} (try --help)\n")
        );
        assert_eq!(output.status.code(), Some(2));
    }
}

/// Cuts the port or the time of a line, which vary from run to run.
fn without_measures(line: &str) -> &str {
    without_numbers(line, &["(a local server", "Durée totale"])
}

fn pages() -> [String; 3] {
    ["A", "B", "C"].map(String::from)
}

fn site(server: &Server, wait: Duration) -> Site {
    let url = format!("http://{}", server.address);
    Site { url, wait }
}

/// Returns the title in a request, as it is encoded.
fn title(uri: &str) -> Option<&str> {
    let query = uri.strip_prefix("/w/api.php?")?;
    query.split('&').find_map(|pair| pair.strip_prefix("titles="))
}

/// Starts a server that begins to answer when it has read that many requests, or after a few seconds.
/// The summary of a page is its title.
fn server_that_awaits(requests: usize) -> Server {
    let read = Arc::new(AtomicUsize::new(0));
    let server = Server::start(move |uri| {
        let read = Arc::clone(&read);
        read.fetch_add(1, Relaxed);
        async move {
            for _ in 0..5000 {
                if read.load(Relaxed) >= requests {
                    break;
                }
                boucle::sleep(Duration::from_millis(1)).await;
            }
            let page = json!({ "extract": title(&uri.to_string())? });
            let answer = json!({ "query": { "pages": { "1": page } } });
            Some(answer.to_string().into())
        }
    });
    server.unwrap()
}

/// The times are at least three waits, and then one, of 6 s times the scale.
#[test]
fn the_waits_are_those_of_the_scale() {
    let server = server_that_awaits(1);
    let url = format!("http://{}", server.address);
    let arguments = ["--scale", "0.02", "--server", &url, "A", "B", "C"];
    let printed = lines(&run("wiki", &arguments));
    let seconds = printed.iter().filter_map(|line| {
        let number = line.strip_prefix("Durée totale d'exécution: ")?;
        number.strip_suffix(" secondes")?.parse::<f64>().ok()
    });
    let seconds: Vec<_> = seconds.collect();
    assert!(seconds[0] >= 0.36 && seconds[1] >= 0.12, "{seconds:?}");
}
