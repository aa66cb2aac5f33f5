//! The lines about a client that is lost or cannot connect. The server goes on.

use std::io;

use stage::println;

pub(crate) fn lost(error: &io::Error) {
    println!("(a client was lost: {error})");
}

pub(crate) fn cannot_accept(error: &io::Error) {
    println!("(cannot accept a connection: {error})");
}
