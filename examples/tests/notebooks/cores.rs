//! `cores`: each of its loops answers.

use stage::testing::{documented, expect_usage, lines, run};

/// Reads a row: how many loops it has, and how many requests each answered.
fn row(line: &str) -> (usize, Vec<usize>) {
    let answered = line.split('(').skip(1).map(|rest| rest.split(')').next().unwrap().parse().unwrap());
    (line.split_whitespace().next().unwrap().parse().unwrap(), answered.collect())
}

/// The connections are handed out evenly, so with N loops each answers one Nth of the requests.
#[test]
fn each_loop_answers_its_share() {
    let cores = run("cores", &["--scale", "0.005"]);
    assert!(cores.status.success(), "{cores:?}");
    let printed = lines(&cores);
    let numbers = printed[0].split(|letter: char| !letter.is_ascii_digit());
    let numbers: Vec<usize> = numbers.filter_map(|number| number.parse().ok()).collect();
    let [cores, clients, of_each] = numbers[..] else { panic!("{printed:#?}") };
    let (loops, all) = (cores.max(2), clients * of_each);
    assert_eq!(row(&printed[2]), (1, vec![all]));
    assert_eq!(row(&printed[3]), (loops, vec![all / loops; loops]));
}

/// The lines are those of the header, without their figures.
#[test]
fn cores_prints_what_its_header_says() {
    let words = |lines: Vec<String>| -> Vec<_> {
        lines.iter().map(|line| line.replace(|letter: char| !letter.is_alphabetic(), "")).collect()
    };
    assert_eq!(words(lines(&run("cores", &["--scale", "0"]))), words(documented("cores/main.rs")));
}

#[test]
fn cores_answers_help_and_refuses_unknown_options() {
    expect_usage("cores", "--scale");
}
