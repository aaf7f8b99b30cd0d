"""How a notebook's kernel is started, and how Ctrl-C stops it.

An exception that broke into the talk with a kernel would close its sockets while it answers, and the kernel would
print a traceback about that. So Ctrl-C interrupts the cell, as Jupyter's button does; the cell ends, then the notebook.
"""

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from nbclient import NotebookClient
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, NotebookExecutionManager, papermill_engines

from utils.course.cell_bars import TerminalClient, on_terminal

ENGINE = "interruptible"
"""The name under which papermill knows `InterruptibleEngine`."""

ARGUMENTS = ("--log-level=CRITICAL",)
"""Of each kernel. It would warn at every start that it talks over TCP, which stays on this computer and is signed, and
call an error what happens to it when it is stopped. Errors of cells reach the notebook all the same."""


class InterruptibleEngine(Engine):
    """papermill's usual way to execute a notebook, in an `interruptible` block."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: NotebookExecutionManager, kernel_name: str, **_) -> None:
        """Execute the cells of `nb_man.nb`; papermill's other options are not used by the course."""
        client_class = TerminalClient if on_terminal() else PapermillNotebookClient
        client = client_class(nb_man, kernel_name=kernel_name, extra_arguments=list(ARGUMENTS))
        with interruptible(client):
            client.execute()


papermill_engines.register(ENGINE, InterruptibleEngine)


@contextmanager
def interruptible(client: NotebookClient) -> Iterator[None]:
    """Ctrl-C interrupts the running cell and ends the block when that cell has ended; a second one ends it at once.

    Where Ctrl-C is not Python's own, or in a thread that hears of no signals, nothing is changed.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed.
    """
    if not _hears_interrupts():
        yield
        return
    pressed = threading.Event()

    def interrupt(*_) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        pressed.set()
        if (answer := client.task_poll_for_reply) and not answer.done():
            asyncio.run_coroutine_threadsafe(client.km.interrupt_kernel(), answer.get_loop())

    client.on_cell_start = lambda **_: _stop_if(pressed)
    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _stop_if(pressed)


def _hears_interrupts() -> bool:
    main = threading.current_thread() is threading.main_thread()
    return main and signal.getsignal(signal.SIGINT) is signal.default_int_handler


def _stop_if(pressed: threading.Event) -> None:
    if pressed.is_set():
        raise KeyboardInterrupt
