//! A client that goes away is told, and is nobody else's concern; nor is one that cannot come.

use std::io;

use stage::println;

pub(crate) fn lost(error: &io::Error) {
    println!("(a client was lost: {error})");
}

pub(crate) fn cannot_accept(error: &io::Error) {
    println!("(nobody can connect: {error})");
}
