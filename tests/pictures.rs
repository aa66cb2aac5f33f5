//! The static picture of a run: what is drawn, what is counted instead, and what is said to be left out.

use std::time::Duration;

use boucle::EventLoop;
use boucle::trace::{Recorder, Trace};

fn recorded_by(recorder: Recorder, main: impl Future) -> Trace {
    let builder = EventLoop::builder().virtual_clock();
    let event_loop = builder.observe(recorder.clone()).build().unwrap();
    event_loop.block_on(main);
    drop(event_loop);
    recorder.trace()
}

fn picture(main: impl Future) -> String {
    recorded_by(Recorder::new(), main).to_svg()
}

fn count(svg: &str, part: &str) -> usize {
    svg.matches(part).count()
}

/// Counts the polls that are drawn, without the one of the legend.
fn polls(svg: &str) -> usize {
    count(svg, "<rect class=\"poll\"") - 1
}

async fn yields(times: usize) {
    for _ in 0..times {
        boucle::yield_now().await;
    }
}

/// Every poll, wake and spawn of a short run is drawn, and described in words.
#[test]
fn a_short_run_is_drawn_whole() {
    let svg = picture(async {
        let hello = boucle::spawn_named("hello", boucle::sleep(Duration::from_secs(2)));
        let _detached = boucle::spawn_named("world", boucle::sleep(Duration::from_secs(1)));
        hello.await.unwrap();
    });
    assert_eq!(polls(&svg), 6);
    assert_eq!(count(&svg, "class=\"spawn head\""), 2 + 1);
    // Two timers, and one in the legend; a task that wakes main, and one in the legend.
    assert_eq!(count(&svg, "class=\"mark\""), 2 + 1);
    assert_eq!(count(&svg, "class=\"wake head\""), 1 + 1);
    assert_eq!(count(&svg, ">idle 1 s<"), 2);
    assert!(svg.contains(">until 2 s<"));
    assert!(svg.contains("Turn 2, at 0, polls 2 hello, 3 world."));
    assert!(
        svg.contains("<title>3 world is polled in turn 3: woken by timer 1 in turn 2, and is ready</title>")
    );
    assert!(svg.contains("<title>2 hello is ready: spawned by task 1</title>"));
    assert!(!svg.contains("are not"), "something is said to be left out");
    assert!(svg.contains(">waits<") && !svg.contains("unknown"));
}

/// A control character in a name would make the file invalid, since XML cannot represent most of them. What ends
/// a line or turns the direction of text goes too.
#[test]
fn a_name_has_no_control_characters() {
    let svg = picture(async {
        boucle::spawn_named("a\u{1}b\r\u{2028}\u{202e}\u{ffff}", async {}).await.unwrap();
    });
    assert!(svg.contains(">2 a\u{fffd}b\u{fffd}\u{fffd}\u{fffd}\u{fffd}<"), "{svg}");
    assert!(svg.contains("polls 2 a\u{fffd}b\u{fffd}\u{fffd}\u{fffd}\u{fffd}."), "{svg}");
    assert!(!svg.contains(|c: char| c.is_control() && c != '\n' || c == '\u{ffff}'));
}

/// The same run gives the same picture, to the byte. (Loops are numbered in the whole process.)
#[test]
fn a_picture_repeats_itself() {
    let run = || recorded_by(Recorder::new(), yields(3));
    let [one, other] = [run(), run()];
    let numbers = [&one, &other].map(|trace| trace.loops[0].number.to_string());
    let [one, other] = [one.to_svg(), other.to_svg()];
    let other = other.replace(&format!("oop {}", numbers[1]), &format!("oop {}", numbers[0]));
    assert_eq!(one, other);
}

/// Turns that do the same as the one before are counted instead of drawn.
#[test]
fn repeated_turns_are_counted() {
    let svg = picture(yields(1000));
    assert!(svg.contains(">998 turns<"), "{svg}");
    assert!(svg.contains(">like the last<"));
    assert_eq!(polls(&svg), 3);
}

/// Pairs of turns that alternate are counted, too.
#[test]
fn repeated_pairs_of_turns_are_counted() {
    let svg = picture(async {
        let (to_pong, from_ping) = async_channel::bounded::<()>(1);
        let (to_ping, from_pong) = async_channel::bounded::<()>(1);
        let ping = boucle::spawn_named("ping", async move {
            for _ in 0..100 {
                to_pong.send(()).await.unwrap();
                from_pong.recv().await.unwrap();
            }
        });
        let _detached = boucle::spawn_named("pong", async move {
            while from_ping.recv().await.is_ok() {
                to_ping.send(()).await.unwrap();
            }
        });
        ping.await.unwrap();
    });
    assert!(svg.contains(">like the last 2<"));
    assert!(polls(&svg) < 20);
    assert!(svg.contains(">waits (unknown: say, for a channel or a lock)<"));
}

/// Turns that look alike but poll different tasks are all drawn.
#[test]
fn different_turns_are_not_counted_as_the_same() {
    let svg = picture(async {
        for _ in 0..10 {
            boucle::spawn(async {}).await.unwrap();
        }
    });
    assert!(!svg.contains("like the last"));
    assert_eq!(polls(&svg), 21);
}

/// Of a long run only the beginning is drawn, and the picture names its last turn.
#[test]
fn a_long_run_is_cut() {
    let trace = recorded_by(Recorder::new(), async {
        for _ in 0..1000 {
            boucle::spawn(async {}).await.unwrap();
        }
    });
    let last = trace.loops[0].events.back().unwrap().turn;
    let svg = trace.to_svg();
    assert!(svg.contains(&format!("the run goes on, to turn {last}")));
    assert!(svg.len() < 100_000, "{}", svg.len());
}

/// Of many tasks 60 are drawn, and the picture has the number of the others.
#[test]
fn many_tasks_are_cut() {
    let svg = picture(async {
        for _ in 0..99 {
            let _detached = boucle::spawn(async {});
        }
    });
    assert!(svg.contains("40 more tasks are not drawn"));
    assert!(svg.contains(">60 ") && !svg.contains(">61 "));
}

/// Of many things that a task waits for, the first are named, and the number of the others.
#[test]
fn many_waits_are_cut() {
    let svg = picture(async {
        futures::future::join_all((1..=9).map(|millis| boucle::sleep(Duration::from_millis(millis)))).await;
    });
    let named = "1 main waits for timer 0, until 1 ms or timer 1, until 2 ms or timer 2, until 3 ms or timer 3, until";
    assert!(svg.contains(&format!("<title>{named} 4 ms or 5 more</title>")), "{svg}");
}

/// The picture says how many events the recording has dropped, and draws tasks that were spawned in them.
#[test]
fn a_recording_without_its_beginning_says_so() {
    let trace = recorded_by(Recorder::with_limit(20), async {
        let _detached = boucle::spawn_named("early", std::future::pending::<()>());
        boucle::yield_now().await;
        boucle::sleep(Duration::from_secs(1)).await;
        boucle::sleep(Duration::from_secs(1)).await;
    });
    let svg = trace.to_svg();
    let dropped = trace.loops[0].dropped;
    assert!(dropped > 0);
    assert!(svg.contains(&format!("{dropped} events before are not recorded")));
    assert!(svg.contains(">2 early<"));
}

/// Returns the place and the width of each poll in a picture, in pixels, without the one of the legend.
fn places(svg: &str) -> Vec<[f64; 2]> {
    let polls = svg.split("<rect class=\"poll\"").skip(1);
    let number = |poll: &str, name: &str| -> f64 {
        let (_, rest) = poll.split_once(&format!(" {name}=\"")).unwrap();
        rest.split_once('"').unwrap().0.parse().unwrap()
    };
    let mut places: Vec<_> = polls.map(|poll| ["x", "width"].map(|name| number(poll, name))).collect();
    places.pop();
    places
}

/// Over time, three seconds are three times as wide as one; and a poll, which takes no time, has some width.
#[test]
fn over_time_idle_is_to_scale() {
    let trace = recorded_by(Recorder::new(), async {
        boucle::sleep(Duration::from_secs(1)).await;
        boucle::sleep(Duration::from_secs(3)).await;
    });
    let svg = trace.to_svg_over_time();
    let [one, two, three] = places(&svg)[..] else {
        panic!("there are three polls: {svg}");
    };
    let ratio = (three[0] - two[0]) / (two[0] - one[0]);
    assert!((ratio - 3.0).abs() < 0.01, "{ratio}");
    assert_eq!([one[1], two[1], three[1]], [1.0; 3]);
    for words in [">idle 1 s<", ">idle 3 s<", ">500 ms<", ">4 s<"] {
        assert!(svg.contains(words), "{words}: {svg}");
    }
}

/// Over time, polls of the same instant stand beside each other.
#[test]
fn over_time_polls_do_not_hide_each_other() {
    let svg = recorded_by(Recorder::new(), async {
        yields(4).await;
        boucle::sleep(Duration::from_secs(1)).await;
    })
    .to_svg_over_time();
    let places = places(&svg);
    assert_eq!(places.len(), 6);
    assert!(places.is_sorted_by(|one, next| one[0] + one[1] <= next[0]));
}

/// Over time, loops share one axis: here the second one began a second after the first.
#[test]
fn over_time_loops_stand_on_one_axis() {
    let recorder = Recorder::new();
    let sleep = || boucle::sleep(Duration::from_secs(1));
    recorded_by(recorder.clone(), sleep());
    let mut trace = recorded_by(recorder, sleep());
    trace.loops[1].began = trace.loops[0].began + Duration::from_secs(1);
    let svg = trace.to_svg_over_time();
    let places: Vec<f64> = places(&svg).iter().map(|[x, _]| *x).collect();
    let second = places[1] - places[0];
    assert_eq!(places.len(), 4);
    assert!((second - 500.0).abs() < 2.0, "{second}");
    assert!((places[2] - places[1]).abs() < 2.0, "{places:?}");
    assert!((places[3] - places[2] - second).abs() < 2.0, "{places:?}");
}

/// Over time, a recording without its beginning does not begin at the left end: the wait for the last of ten
/// seconds takes a tenth.
#[test]
fn over_time_a_recording_begins_when_it_does() {
    let trace = recorded_by(Recorder::with_limit(9), async {
        boucle::sleep(Duration::from_secs(9)).await;
        boucle::sleep(Duration::from_secs(1)).await;
    });
    let svg = trace.to_svg_over_time();
    let (_, wait) = svg.split_once("<path class=\"wait\" d=\"M").unwrap();
    let mut numbers = wait.split([' ', 'H', '"']).map_while(|number| number.parse::<f64>().ok());
    let [begin, _, end] = [(); 3].map(|()| numbers.next().unwrap());
    assert!((end - begin - 100.0).abs() < 2.0, "{svg}");
}

/// A recording of no loop is a picture that says so.
#[test]
fn a_recording_of_no_loop_says_so() {
    let nothing = Trace::default();
    for svg in [nothing.to_svg(), nothing.to_svg_over_time()] {
        assert!(svg.contains("A recording of no loop"));
    }
}
