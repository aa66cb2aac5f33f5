//! The limit on descriptors. This is not part of `common`, since `rustix` is not a dependency of all tests.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Lets this process open so many descriptors. If the system allows fewer, says so and returns false.
pub(crate) fn may_open(needed: u64) -> bool {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if maximum.is_some_and(|maximum| maximum < needed) {
        println!("skipped: the limit of descriptors is {maximum:?}, and {needed} are needed");
        return false;
    }
    let current = current.map(|current| current.max(needed));
    setrlimit(Resource::Nofile, Rlimit { current, maximum }).unwrap();
    true
}
