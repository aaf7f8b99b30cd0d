"""`python -m utils.course`, or `raner-course` from any folder: the commands of `utils.course.cli`, as a program."""

import os
import sys

CLOSED_PIPE = 141
"""What a shell reports of a program that wrote to a pipe nobody reads any more."""


def program() -> int:
    """Do what the command line says, end quietly where a pipe is closed or Ctrl-C is pressed; returns the exit code."""
    for stream in filter(None, (sys.stdout, sys.stderr)):
        stream.reconfigure(errors="backslashreplace")
    try:
        return _flushed()
    except BrokenPipeError:
        _forget_closed_pipes()
        return CLOSED_PIPE
    except KeyboardInterrupt:
        return 130


def _flushed() -> int:
    """The command's exit code, when what it printed has gone out."""
    from utils.course.cli import main  # here: loading it takes seconds in which Ctrl-C may be pressed

    try:
        return main()
    finally:
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()


def _forget_closed_pipes() -> None:
    """Python flushes once more when it ends, and would say that it could not."""
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


if __name__ == "__main__":
    sys.exit(program())
