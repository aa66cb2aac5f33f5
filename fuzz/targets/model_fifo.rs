//! The input draws a program, which runs in FIFO order.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| boucle_fuzz::compare_drawn(input, None));
