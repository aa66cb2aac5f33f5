//! The first eight bytes of the input are the seed of the order; the others draw a program.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    if let Some((seed, program)) = input.split_first_chunk() {
        boucle_fuzz::compare_drawn(program, Some(u64::from_le_bytes(*seed)));
    }
});
