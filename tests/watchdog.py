"""How long an event loop was blocked: its longest gap between two ticks, less the time for which it had no processor.

On a busy machine a thread that could run waits for a processor, and so does the thread that holds Python's global lock
for which the first may wait. Linux counts that time for every thread (`schedstat`); it says nothing of the code, and of
each gap the longer of two such waits is taken off (not their sum: they may wait at the same time): the loop's own, and
that of all other threads of Python together, whichever of them holds the lock: they take turns, so that theirs follow
each other. A thread that waits for the lock sleeps, and counts nothing. What is left is time in which the code kept the
loop from running. Where there is no such count, nothing is taken off.
"""

import asyncio
import os
import threading
import time
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass

TICK = 0.002


@dataclass(slots=True)
class Watch:
    """Times in seconds, complete when the watching ends."""

    blocked: float = 0.0
    """Longest time for which the code kept the loop from ticking."""
    longest_gap: float = 0.0
    """Longest time between two ticks, the machine's part included."""
    ticks: int = 0


@asynccontextmanager
async def watched_loop():
    """Watches the running loop while the block runs."""
    watch = Watch()
    ticking = asyncio.create_task(_tick(watch))
    await asyncio.sleep(0)
    try:
        yield watch
    finally:
        await asyncio.sleep(2 * TICK)  # a gap that is open yet ends here
        ticking.cancel()
        with suppress(asyncio.CancelledError):
            await ticking


async def _tick(watch):
    with closing(_RunDelays()) as delays:
        await _tick_with(watch, delays)


async def _tick_with(watch, delays):
    last, before = time.monotonic(), delays.seconds()
    while True:
        await asyncio.sleep(TICK)
        gap = time.monotonic() - last - TICK
        after = delays.seconds()
        waits = {thread: after[thread] - before.get(thread, 0.0) for thread in after}
        own = waits.pop(threading.get_native_id(), 0.0)
        waited = max(own, sum(waits.values()))
        watch.ticks += 1
        watch.longest_gap = max(watch.longest_gap, gap)
        watch.blocked = max(watch.blocked, gap - waited)
        # Reading the counts gives up the global lock, and waits for it again; that is the watchdog's own time.
        last, before = time.monotonic(), after


class _RunDelays:
    """For how long each thread of Python was ready to run and had no processor."""

    def __init__(self):
        self._files, self._last = {}, {}

    def seconds(self):
        for thread in threading.enumerate():
            if thread.native_id not in self._files:
                with suppress(OSError):
                    path = f"/proc/self/task/{thread.native_id}/schedstat"
                    self._files[thread.native_id] = os.open(path, os.O_RDONLY)
        return {thread: self._of(file) for thread, file in self._files.items()}

    def _of(self, file):
        with suppress(OSError):  # a thread that has ended counts as it did last
            self._last[file] = int(os.pread(file, 64, 0).split()[1]) / 1e9
        return self._last.get(file, 0.0)

    def close(self):
        for file in self._files.values():
            os.close(file)
