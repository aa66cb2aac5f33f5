use super::*;

fn push_all(queue: &mut ReadyQueue, words: impl IntoIterator<Item = usize>) {
    let numbers = words.into_iter().map(TaskNumber::from_word);
    numbers.for_each(|number| queue.push(number));
}

fn pop_all(queue: &mut ReadyQueue) -> Vec<usize> {
    std::iter::from_fn(|| queue.pop()).map(TaskNumber::word).collect()
}

/// What is pushed after the freeze is not in the batch, and comes out with the next, in order.
#[test]
fn a_batch_ends_where_it_was_frozen() {
    let mut queue = ReadyQueue::new();
    push_all(&mut queue, [1, 2]);
    queue.freeze();
    push_all(&mut queue, [3]);
    assert_eq!(pop_all(&mut queue), [1, 2]);
    assert_eq!((queue.len(), queue.popped(), queue.popped_after_next_batch()), (1, 2, 3));
    queue.freeze();
    assert_eq!(pop_all(&mut queue), [3]);
    assert!(queue.is_empty());
}

/// What is left of a batch comes before what was pushed during the batch.
#[test]
fn the_rest_of_a_batch_keeps_its_place() {
    let mut queue = ReadyQueue::new();
    push_all(&mut queue, 0..5);
    queue.freeze();
    assert!(queue.pop().is_some() && queue.pop().is_some());
    push_all(&mut queue, 5..7);
    assert_eq!((queue.len(), queue.popped(), queue.popped_after_next_batch()), (5, 2, 7));
    queue.freeze();
    assert_eq!(pop_all(&mut queue), [2, 3, 4, 5, 6]);
    assert_eq!((queue.len(), queue.popped(), queue.popped_after_next_batch()), (0, 7, 7));
}

/// However often numbers are pushed and popped, the vector stays small, and the order is kept, if parks remove
/// what was popped.
#[test]
fn popped_numbers_are_removed() {
    let mut queue = ReadyQueue::new();
    push_all(&mut queue, 0..100);
    for turn in 0..1_000 {
        queue.freeze();
        let popped = pop_all(&mut queue);
        assert!(popped.into_iter().eq(100 * turn..100 * (turn + 1)));
        push_all(&mut queue, 100 * (turn + 1)..100 * (turn + 2));
        assert_eq!((queue.len(), queue.popped(), queue.popped_after_next_batch()), (100, 100, 200));
        queue.remove_popped();
        assert_eq!((queue.len(), queue.popped(), queue.popped_after_next_batch()), (100, 0, 100));
        assert_eq!(queue.pop(), None); // the batch is to be frozen
    }
    assert!(queue.numbers.capacity() <= 512);
}

/// After a burst the memory is given back, and not before the queue is empty.
#[test]
fn the_memory_of_a_burst_is_given_back() {
    let mut queue = ReadyQueue::new();
    push_all(&mut queue, 0..=KEPT_CAPACITY);
    queue.shrink();
    queue.freeze();
    queue.shrink();
    assert_eq!(pop_all(&mut queue).len(), KEPT_CAPACITY + 1);
    assert!(queue.numbers.capacity() > KEPT_CAPACITY);
    queue.remove_popped();
    queue.shrink();
    assert_eq!(queue.numbers.capacity(), KEPT_CAPACITY);
    push_all(&mut queue, [7]);
    queue.freeze();
    assert_eq!(pop_all(&mut queue), [7]);
}

/// In a queue whose batches are drawn, each batch is one number, and the others keep their order. A number
/// that is not wanted leaves the queue.
#[test]
fn a_batch_may_be_one_number_that_is_drawn() {
    let mut queue = ReadyQueue::new();
    push_all(&mut queue, 0..6);
    let mut out = Vec::new();
    for index in [2, 0, 2, 1, 0] {
        queue.pop_unless(|number| number.word() != 1);
        queue.draw(index);
        out.extend(pop_all(&mut queue));
    }
    assert_eq!(out, [3, 0, 5, 4, 2]);
    assert_eq!((queue.len(), queue.popped()), (0, 6));
    queue.pop_unless(|_| true);
    assert_eq!((queue.pop(), queue.left()), (None, &[][..]));
    push_all(&mut queue, [8, 9]);
    queue.pop_unless(|_| false);
    assert_eq!((queue.pop(), queue.len(), queue.popped()), (None, 0, 8));
    push_all(&mut queue, [7]);
    queue.pop_unless(|_| true);
    assert_eq!((queue.pop(), queue.len()), (None, 1));
}
