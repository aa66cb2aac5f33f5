//! `figures`: each is a picture, and the recorded ones show what their titles say.

use std::collections::BTreeMap;
use std::time::Duration;

use boucle::observe::EventKind;
use boucle::trace::LoopTrace;
use stage::testing::{documented, expect_usage, lines, run};

#[path = "../../figures/recorded.rs"]
mod recorded;
#[path = "../../figures/server.rs"]
mod server;
#[path = "../../figures/threads.rs"]
mod threads;

/// Asserts that every element is closed, in the order of XML.
fn expect_well_formed(svg: &str) {
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>"), "{svg}");
    let mut open = Vec::new();
    for (_, rest) in svg.match_indices('<').map(|(at, _)| svg.split_at(at + 1)) {
        let (tag, _) = rest.split_once('>').expect("a tag has an end");
        let name = tag.split([' ', '/']).find(|word| !word.is_empty()).unwrap();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "{svg}");
        } else if !tag.ends_with('/') {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

/// Every figure is well-formed, and has its title, its pages and its loops.
#[test]
fn every_figure_is_a_picture() {
    let titles = documented("figures/main.rs");
    for number in 1..=7 {
        let figure = run("figures", &[&number.to_string()]);
        assert!(figure.status.success(), "{figure:?}");
        let svg = lines(&figure).join("\n");
        expect_well_formed(&svg);
        let title = titles[number - 1].split("  ").nth(1).unwrap();
        let title = format!(">Figure {number} : {title}<");
        assert!(svg.contains(&title), "{title} in {svg}");
        let pages = ["page 1<", "page 2<"].map(|page| svg.contains(page));
        let expected = [!matches!(number, 3 | 4), matches!(number, 2 | 5..)];
        assert_eq!(pages, expected, "figure {number}: {svg}");
        let loops = [1, 2].map(|number| svg.contains(&format!(">loop {number}<")));
        assert_eq!(loops, [matches!(number, 1 | 2 | 7); 2], "{svg}");
        assert_eq!(svg.contains("not a recording"), matches!(number, 3 | 4));
        let endless = ["0000000", "9999999"].map(|digits| svg.contains(digits));
        assert_eq!(endless, [false; 2], "numbers are round: {svg}");
    }
}

/// Returns the begins and ends of the named tasks, in their order.
fn pages(recorded: &LoopTrace) -> Vec<(String, &'static str)> {
    let mut names = BTreeMap::new();
    let mut pages = Vec::new();
    for event in &recorded.events {
        match &event.kind {
            EventKind::Named { task, name } => {
                names.insert(*task, name.to_string());
                pages.push((name.to_string(), "asked"));
            }
            EventKind::Finished { task, .. } => {
                pages.extend(names.get(task).map(|name| (name.clone(), "there")));
            }
            _ => {}
        }
    }
    pages
}

/// The client's loop asks for a page, and the server's loop finds it.
#[test]
fn one_page_is_asked_for_by_one_loop_and_found_by_another() {
    let recording = recorded::record(recorded::one).unwrap();
    let [client, server] = &recording.trace.loops[..] else {
        panic!("there are two loops");
    };
    let page = "page 1".to_owned();
    assert_eq!(pages(client), [(page.clone(), "asked"), (page, "there")]);
    let page = "finds page 1".to_owned();
    assert_eq!(pages(server), [(page.clone(), "asked"), (page, "there")]);
}

/// In sequence, the second page is asked for when the first is there, and the server never has two
/// requests open.
#[test]
fn in_sequence_the_second_page_is_asked_for_when_the_first_is_there() {
    let recording = recorded::record(recorded::in_sequence).unwrap();
    let order = pages(&recording.trace.loops[0]);
    let order: Vec<_> = order.iter().map(|(page, what)| (&**page, *what)).collect();
    let expected = [("page 1", "asked"), ("page 1", "there"), ("page 2", "asked"), ("page 2", "there")];
    assert_eq!(order, expected);
    assert_eq!(recording.most_open, 1);
}

/// At once, both pages are asked for before one is there, and the server has both requests open.
#[test]
fn with_asyncio_two_pages_are_awaited_at_once() {
    let recording = recorded::record(recorded::at_once).unwrap();
    let order = pages(&recording.trace.loops[0]);
    let order: Vec<_> = order.iter().map(|(_, what)| *what).collect();
    assert_eq!(order, ["asked", "asked", "there", "there"]);
    assert_eq!(recording.most_open, 2);
}

/// Two threads have their requests open at the same time, and measure every step in order.
#[test]
fn two_threads_wait_at_once_and_note_every_step() {
    let measured = threads::on_two_threads([Duration::from_millis(100); 2]).unwrap();
    assert_eq!(measured.most_open, 2);
    for thread in measured.threads {
        let mut steps = vec![thread.begun, thread.connected, thread.sent, thread.answered];
        steps.extend(&thread.pieces);
        steps.push(thread.done);
        assert!(steps.is_sorted(), "{steps:?}");
        assert!(thread.begun < thread.connected && thread.sent < thread.answered);
        assert!(thread.pieces.len() > 1, "{} is read in pieces", thread.page);
    }
}

#[test]
fn without_an_argument_figures_lists_its_figures() {
    let figures = run("figures", &[]);
    assert_eq!(lines(&figures), documented("figures/main.rs"));
    assert!(figures.status.success());
}

#[test]
fn figures_answers_help_and_refuses_unknown_options() {
    expect_usage("figures", "[N]");
    let figures = run("figures", &["8"]);
    assert_eq!(
        String::from_utf8_lossy(&figures.stderr),
        "figures: \"8\" is not a number from 1 to 7 (try --help)\n"
    );
    assert_eq!(figures.status.code(), Some(2));
}
