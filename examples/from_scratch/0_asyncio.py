"""From scratch, 0: asyncio's loop, in Python, without sockets and threads.

    python3 examples/from_scratch/0_asyncio.py

prints, in 1.5 seconds,

    Entrée dans 1
    Entrée dans 0.5
    Entrée dans 1.5
    Sortie de 0.5
    Sortie de 1
    Sortie de 1.5
    [1, 0.25, 2.25]
"""

import heapq
import itertools
import time
from collections import deque

ready = deque()  # functions, which the loop calls
timers = []  # a heap of (deadline, number, function)
number = itertools.count()


def call_soon(function):
    ready.append(function)


def call_later(seconds, function):
    heapq.heappush(timers, (time.monotonic() + seconds, next(number), function))


class Future:
    """A place for a result, and the functions that the loop calls when the result is there."""

    def __init__(self):
        self.done, self.result, self.callbacks = False, None, []

    def set_result(self, result):
        self.done, self.result = True, result
        for callback in self.callbacks:
            call_soon(callback)

    def __await__(self):
        if not self.done:
            yield self  # up, through every `await`, to the `send` in `step`
        return self.result


class Task(Future):
    """A coroutine that the loop drives. Its result can be awaited, so it is a Future too."""

    def __init__(self, coroutine):
        super().__init__()
        self.coroutine = coroutine
        call_soon(self.step)

    def step(self):
        try:
            future = self.coroutine.send(None)  # down, to the `await` where it has stopped
        except StopIteration as end:
            self.set_result(end.value)
        else:
            future.callbacks.append(self.step)  # when that future is done, the task goes on


async def sleep(seconds):
    future = Future()
    call_later(seconds, lambda: future.set_result(None))
    await future


async def gather(*coroutines):
    tasks = [Task(coroutine) for coroutine in coroutines]
    return [await task for task in tasks]


def run(main):
    main = Task(main)
    while True:
        for _ in range(len(ready)):  # 1 run: what is ready now, and not what becomes ready meanwhile
            ready.popleft()()
        if main.done:
            return main.result
        if not ready:  # 2 park: until the first deadline
            time.sleep(max(0, timers[0][0] - time.monotonic()))
        while timers and timers[0][0] <= time.monotonic():  # 3 wake: what is due
            _, _, function = heapq.heappop(timers)
            call_soon(function)


async def square(seconds):
    print(f"Entrée dans {seconds}")
    await sleep(seconds)
    print(f"Sortie de {seconds}")
    return seconds * seconds


async def main():
    squares = [square(seconds) for seconds in (1, 0.5, 1.5)]
    print(await gather(*squares))


run(main())
