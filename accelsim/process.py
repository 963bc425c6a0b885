"""How the program ends: exit codes, one line for what went wrong, interrupts, an output that cannot be written.

An interrupt ends the program at once while it loads and prepares (`at_once`): an exception could be lost or reworded by
the module that it passes through. Work that must be cleaned up is left by KeyboardInterrupt (`cleaning_up`).
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from accelsim.errors import AccelsimError

FAILED, INTERRUPTED = 2, 130  # exit codes


def at_once() -> AbstractContextManager[None]:
    """Meanwhile an interrupt ends the program."""
    return _on_interrupt(_leave)


def cleaning_up() -> AbstractContextManager[None]:
    """Meanwhile an interrupt is a KeyboardInterrupt."""
    return _on_interrupt(signal.default_int_handler)


def exit_code(program: Callable[[], object]) -> Any:
    """Runs the program. What a user can cause is a line on standard error and 2, an interrupt one line and 130."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # closed by whoever started the program
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        with at_once():
            program()
        code: Any = 0
    except AccelsimError as exc:
        code = _failed(str(exc))
    except OSError as exc:
        code = _failed(f"{exc.filename or 'accelsim'}: {exc.strerror}")
    except KeyboardInterrupt:
        code = INTERRUPTED
    except SystemExit as exc:
        code = exc.code
    if code == INTERRUPTED:
        print("interrupted", file=sys.stderr)
    failed = _flush(quiet=bool(code))
    return code or failed


def _failed(message: str) -> int:
    print(message, file=sys.stderr)
    return FAILED


def _flush(quiet: bool) -> int:
    """Writes out what was printed; the exit code. A failure is a line, but for a pipe that nobody reads any more."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as exc:
        # At its end the interpreter would try again, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        silent = quiet or exc.errno == errno.EPIPE
        return 1 if silent else _failed(f"standard output: {exc.strerror}")
    return 0


def _leave(signum: int, frame: object) -> None:
    os.write(2, b"interrupted\n")
    os._exit(INTERRUPTED)


@contextmanager
def _on_interrupt(handler: Any) -> Iterator[None]:
    """What an interrupt does meanwhile, unless somebody else has settled that."""
    before = signal.getsignal(signal.SIGINT)
    settled = before not in (_leave, signal.default_int_handler)
    if settled or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
