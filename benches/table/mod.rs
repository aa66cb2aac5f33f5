//! Rows of a table: the same work on several sides, measured in rounds that take turns.

// Two benches are programs with this folder in it, and each uses a part.
#![allow(dead_code)]

pub mod arguments;
pub mod row;
pub mod section;
pub mod tools;

/// Rows that run the same workload on all their sides: name, operations in a round, workload, sides, aims.
macro_rules! rows {
    ($($name:literal, $operations:literal, $run:expr, [$($side:ident)+] $($aim:ident $bound:expr)*;)*) => {
        vec![$(Row::new($name, $operations) $(.$side($run))+ $(.$aim($bound))*),*]
    };
}
