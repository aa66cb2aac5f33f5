use super::*;
use crate::observe::telling::Observers;

/// Loops leave the list of their thread from any place in it; those that stay are found, and no
/// others.
#[test]
fn a_loop_leaves_the_list_from_any_place() {
    for place in 0..4 {
        let open = |_| Resident::open(false, Observers::default()).unwrap();
        let mut residents: Vec<_> = (0..4).map(open).collect();
        drop(residents.remove(place));
        let living = RefCell::new(Vec::new());
        find_living(|it| {
            living.borrow_mut().push(it.number);
            false
        });
        let expected = residents.iter().map(Resident::number);
        assert!(expected.rev().eq(living.take()));
    }
}

/// Tests would notice a closure that finds its way back to the state that it has.
#[test]
#[cfg(debug_assertions)]
#[should_panic = "borrowed twice"]
fn a_borrow_within_a_borrow_is_noticed() {
    let resident = Resident::open(false, Observers::default()).unwrap();
    resident.with(|_| resident.with(|_| ()));
}
