//! `as_completed`: the order of its items.

use std::future::ready;

use boucle::{as_completed, now, sleep};
use futures_lite::{Stream, StreamExt};

use crate::common::{SECOND, virtual_loop};

/// Items come in the order in which the children finish; a child that panicked is an error, and the
/// others go on.
#[test]
fn as_completed_gives_each_item_when_it_is_there() {
    virtual_loop().block_on(async {
        let start = now();
        let mut items = as_completed([3, 1, 2, 1].map(|count: u32| async move {
            sleep(count * SECOND).await;
            assert_ne!(count, 2);
            count
        }));
        let mut order = Vec::new();
        while let Some(item) = items.next().await {
            let item = item.map_err(|error| (error.id(), error.is_panic()));
            order.push(((now() - start).as_secs(), item));
        }
        let expected = [(1, Ok(1)), (1, Ok(1)), (2, Err((4, true))), (3, Ok(3))];
        assert_eq!(order, expected);
        assert!(items.next().await.is_none());
    });
}

/// The stream knows how many items are left.
#[test]
fn as_completed_knows_its_size() {
    virtual_loop().block_on(async {
        let mut items = as_completed([ready(1), ready(2)]);
        assert_eq!(items.size_hint(), (2, Some(2)));
        items.next().await;
        assert_eq!(items.size_hint(), (1, Some(1)));
        items.next().await;
        assert_eq!(items.size_hint(), (0, Some(0)));
    });
}
