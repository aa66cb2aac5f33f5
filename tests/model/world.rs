//! What the coroutines of a program share. They find it by a number, modulo how many there are.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Waker;

use crate::program::Index;
use crate::runtime::Runtime;

pub(crate) struct World<R: Runtime> {
    pub(crate) tasks: RefCell<Vec<Spawned<R>>>,
    pub(crate) groups: RefCell<[Option<Rc<R::Group>>; 2]>,
    pub(crate) intervals: RefCell<[Option<R::Interval>; 2]>,
    pub(crate) gates: [Gate; 3],
    /// The wakers of everything that has waited at a gate.
    pub(crate) wakers: RefCell<Vec<Waker>>,
}

pub(crate) type Shared<R> = Rc<World<R>>;

pub(crate) struct Spawned<R: Runtime> {
    /// `None` if it was taken.
    handle: Option<R::Handle>,
    aborts: R::Aborts,
}

#[derive(Default)]
pub(crate) struct Gate {
    pub(crate) is_open: Cell<bool>,
    pub(crate) waiting: RefCell<Vec<Waker>>,
}

thread_local! {
    /// The world of this thread's program, for what comes from another thread.
    static WORLD: RefCell<Option<Rc<dyn Any>>> = const { RefCell::new(None) };
}

/// Returns the world of the program that runs on this thread.
pub(crate) fn the_world<R: Runtime>() -> Shared<R> {
    let world = WORLD.with_borrow(Option::clone).expect("a program runs");
    world.downcast().unwrap_or_else(|_| unreachable!("it is of the runtime that runs"))
}

impl<R: Runtime> World<R> {
    /// Makes the world of this thread's program.
    pub(crate) fn open() -> Shared<R> {
        let world = Rc::new(World::<R> {
            tasks: RefCell::default(),
            groups: RefCell::default(),
            intervals: RefCell::default(),
            gates: Default::default(),
            wakers: RefCell::default(),
        });
        WORLD.set(Some(world.clone()));
        world
    }

    /// Drops the tasks and the groups, whose values may lead back to the world.
    pub(crate) fn close(&self) {
        drop(self.groups.take());
        drop(self.tasks.take());
        WORLD.take();
    }

    pub(crate) fn keep(&self, handle: R::Handle) {
        let aborts = R::aborts(&handle);
        self.tasks.borrow_mut().push(Spawned { handle: Some(handle), aborts });
    }

    /// Keeps a task that has no handle.
    pub(crate) fn keep_aborts(&self, aborts: R::Aborts) {
        self.tasks.borrow_mut().push(Spawned { handle: None, aborts });
    }

    /// Takes a handle, unless it was taken before.
    pub(crate) fn take(&self, task: Index) -> Option<(Index, R::Handle)> {
        let mut tasks = self.tasks.borrow_mut();
        let index = task.checked_rem(tasks.len())?;
        Some((index, tasks[index].handle.take()?))
    }

    pub(crate) fn with_task<T>(&self, task: Index, act: impl FnOnce(&R::Aborts) -> T) -> Option<T> {
        let tasks = self.tasks.borrow();
        Some(act(&tasks[task.checked_rem(tasks.len())?].aborts))
    }

    /// A group, which is made if it is not there.
    pub(crate) fn group(&self, group: Index) -> Rc<R::Group> {
        self.groups.borrow_mut()[group].get_or_insert_with(|| Rc::new(R::group())).clone()
    }
}

/// A handle that goes back to where it came from, unless its value was taken.
pub(crate) struct Borrowed<'a, R: Runtime> {
    pub(crate) world: &'a World<R>,
    pub(crate) index: Index,
    pub(crate) handle: Option<R::Handle>,
}

impl<R: Runtime> Drop for Borrowed<'_, R> {
    fn drop(&mut self) {
        self.world.tasks.borrow_mut()[self.index].handle = self.handle.take();
    }
}
