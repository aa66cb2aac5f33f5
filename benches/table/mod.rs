//! Rows of a table: the same work on several sides, measured in rounds that take turns.

// Two benches are programs with this folder in it, and each uses a part.
#![allow(dead_code)]

pub mod arguments;
pub mod row;
pub mod section;
pub mod tools;

/// Rows that run the same workload on each of these sides: name, operations in a round, workload, aims.
macro_rules! rows {
    ($sides:tt $($name:literal, $operations:literal, $run:expr $(, $aim:ident $bound:expr)*;)*) => {
        vec![$(row!($sides Row::new($name, $operations) $(.$aim($bound))*, $run)),*]
    };
}

macro_rules! row {
    ([$($side:ident)+] $row:expr, $run:expr) => { $row$(.$side($run))+ };
}
