//! A fault for Miri to find: its silence about the other tests means something if it reports this one.
//! `.ci/run` asks for the test by name, and expects the report.

/// A task reads freed memory.
#[test]
#[ignore = "it is undefined behaviour"]
fn a_use_after_free_is_reported() {
    let freed = {
        let value = Box::new(1);
        &raw const *value
    };
    // SAFETY: none, the value is gone.
    boucle::run(async { assert_eq!(unsafe { *freed }, 1) });
}
