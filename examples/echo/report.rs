//! A client that goes away is told, and is nobody else's concern.

use std::io;

use stage::println;

pub(crate) fn report(served: io::Result<()>) {
    if let Err(error) = served {
        println!("(a client was lost: {error})");
    }
}
