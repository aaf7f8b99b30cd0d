"""Numbers too small for float32's usual form count as zero, as long as a graph runs.

Softmax takes the exponential of every score. Where the mask hides a position, the score is a huge negative number, and
its exponential underflows. An x86 CPU by default rounds such a result in a slow routine of its own, over a hundred
cycles long. In packed rows most positions are hidden from each other. Told to take zero at once, the CPU gives the same
emissions: what is lost lies below 1e-38 and would be added to numbers near one.

(Numbers below the usual form are called subnormal, or denormal: Intel, "64 and IA-32 Architectures Software
Developer's Manual", volume 1, section 10.2.3. What they cost: Dooley and Kale 2006, "Quantifying the Interference
Caused by Subnormal Floating-Point Values".)
"""

import ctypes
import functools
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager

FLUSH = 1 << 15 | 1 << 6
"""Bits of the register MXCSR: a result that underflows is zero, and an operand that did counts as zero."""


class _Environment(ctypes.Structure):
    """`fenv_t` of glibc on x86-64: how this thread computes with floats."""

    _fields_ = [("x87", ctypes.c_uint32 * 7), ("mxcsr", ctypes.c_uint32)]


@functools.cache
def _library() -> ctypes.CDLL | None:
    """The C library that reads and sets an `_Environment`; None on systems whose environment has another form."""
    known = sys.platform == "linux" and platform.machine() == "x86_64" and platform.libc_ver()[0] == "glibc"
    return ctypes.CDLL("libm.so.6") if known else None


@contextmanager
def flushed() -> Iterator[None]:
    """Inside the block, this thread takes subnormal numbers for zero. Other threads, and what comes after, do not.

    On Linux with x86-64; elsewhere nothing changes, and what is computed is the same.
    """
    if not (library := _library()):
        yield
        return
    before = _Environment()
    library.fegetenv(ctypes.byref(before))
    inside = _Environment.from_buffer_copy(before)
    inside.mxcsr |= FLUSH
    library.fesetenv(ctypes.byref(inside))
    try:
        yield
    finally:
        library.fesetenv(ctypes.byref(before))
