//! Linking boucle changes nothing about the types of a program beside it.
//!
//! The compiler infers the other side of a comparison, or of a conversion, if only one implementation
//! fits. It looks in every crate that is linked, the dependencies of dependencies included: a crate with
//! `impl PartialEq<Json> for u64` makes `5 == text.parse().unwrap()` ambiguous everywhere. So this file
//! is a test by being compiled. It names no crate but boucle, since a crate that is not named is not
//! linked, whatever the tests may depend on.

use boucle as _;

/// Compares numbers with what a generic function makes of the inferred type.
macro_rules! compares_numbers {
    ($($number:ty),*) => {$(
        let one: $number = "1".parse().unwrap();
        assert!(one == "1".parse().unwrap());
        assert!(one == [one].into_iter().sum());
        assert!(one > Default::default());
        assert_eq!(one, 1u8.try_into().unwrap());
    )*};
}

/// The type of one side of a comparison follows from the other.
#[test]
fn comparisons_are_not_ambiguous() {
    compares_numbers!(u8, u32, u64, u128, usize, i16, i32, i64, i128, isize);
    // With hyper, a number can be compared with one of its status codes, too.
    #[cfg(not(feature = "hyper"))]
    compares_numbers!(u16);
    assert!(1.5_f64 == "1.5".parse().unwrap());
    assert!(1.5_f32 == [1.5].into_iter().sum());
    assert!(bool::default() != "true".parse().unwrap());
    assert!('a' == "a".parse().unwrap());
    assert!(Some(1_u64) == "1".parse().ok());
    assert!(vec![1_u64] == [1].map(|one: u32| one.into()));
}

/// The type of a conversion follows from its origin, where the standard library has one for it.
#[test]
fn conversions_are_not_ambiguous() {
    assert_eq!([1, 2].as_ref().len(), 2);
    assert_eq!([1, 2][..].as_ref().len(), 2);
    assert_eq!(Box::new(1_u64).as_ref().count_ones(), 1);
    assert_eq!(std::rc::Rc::new(1_u64).as_ref().count_ones(), 1);
}
