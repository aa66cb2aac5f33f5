//! A client that goes away, or cannot come, is reported. The others are served on.

use std::io;

use stage::println;

pub(crate) fn lost(error: &io::Error) {
    println!("(a client was lost: {error})");
}

pub(crate) fn cannot_accept(error: &io::Error) {
    println!("(nobody can connect: {error})");
}
