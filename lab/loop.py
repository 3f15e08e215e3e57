"""What others do again and again beside a story."""

import itertools
import threading


class Loop:
    """Does one thing after the other in a thread, over and over, until its block ends; an exception
    ends it earlier, and is raised there."""

    def __init__(self, *actions, pause=0.0):
        self.count, self.failed = 0, None
        self._actions, self._pause = actions, pause
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        try:
            for action in itertools.cycle(self._actions):
                if self._stop.wait(self._pause):
                    return
                action()
                self.count += 1
        except BaseException as error:  # pylint: disable=broad-except  # told at the end
            self.failed = error

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, kind, *_):
        self._stop.set()
        self._thread.join()
        if self.failed and not kind:
            raise self.failed
