//! Generators by hand: a frame that is frozen between two steps is an enum and a `match`.

use std::fmt;

use stage::println;

/// A function that stops at each `yield`, and goes on from there when it is resumed.
pub(crate) trait Generator {
    type Yield;

    /// Goes on, with the value that was sent (`None` is Python's `next`), up to the next `yield`.
    /// Returns `Ok(None)` at the end.
    fn resume(&mut self, sent: Option<&str>) -> Result<Option<Self::Yield>, NotStarted>;

    /// Python's `next(generator)`.
    fn next(&mut self) -> Option<Self::Yield> {
        self.resume(None).expect("`None` may always be sent")
    }

    /// Python's `generator.send(data)`.
    fn send(&mut self, data: &str) -> Result<Option<Self::Yield>, NotStarted> {
        self.resume(Some(data))
    }
}

/// The generator has not come to a `yield` yet, which could receive a value.
#[derive(Debug, PartialEq)]
pub(crate) struct NotStarted;

/// Prints what it is sent, until that is `stop`.
pub(crate) enum Talk {
    Start,
    /// At `data = yield`.
    AtYield,
    End,
}

impl Generator for Talk {
    type Yield = ();

    fn resume(&mut self, sent: Option<&str>) -> Result<Option<()>, NotStarted> {
        match (&*self, sent) {
            (Talk::Start, Some(_)) => Err(NotStarted),
            (Talk::Start, None) => {
                println!("Get ready for this");
                *self = Talk::AtYield;
                Ok(Some(()))
            }
            (Talk::AtYield, data) => {
                println!("{}", data.unwrap_or("None"));
                if data != Some("stop") {
                    return Ok(Some(()));
                }
                *self = Talk::End;
                Ok(None)
            }
            (Talk::End, _) => Ok(None),
        }
    }
}

/// The decorator: runs a generator to its first `yield`.
pub(crate) fn started<G: Generator>(mut generator: G) -> G {
    generator.next();
    generator
}

/// `yield from` a list, and then from another generator, which receives what is sent. (What is sent before the
/// last name is lost; Python raises an error.)
pub(crate) struct YieldFrom<G> {
    names: std::slice::Iter<'static, &'static str>,
    then: G,
}

/// The names, and then a talk.
pub(crate) fn dwarfs() -> YieldFrom<Talk> {
    let names = &["Grumpy", "Happy", "Sleepy", "Bashful", "Sneezy", "Dopey", "Doc"];
    YieldFrom { names: names.iter(), then: Talk::Start }
}

impl<G: Generator> Generator for YieldFrom<G> {
    /// A name, or nothing while the other generator is at a `yield`.
    type Yield = Option<&'static str>;

    fn resume(&mut self, sent: Option<&str>) -> Result<Option<Self::Yield>, NotStarted> {
        match self.names.next() {
            Some(name) => Ok(Some(Some(name))),
            None => Ok(self.then.resume(sent)?.map(|_| None)),
        }
    }
}

impl fmt::Display for NotStarted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TypeError: can't send non-None value to a just-started generator")
    }
}
