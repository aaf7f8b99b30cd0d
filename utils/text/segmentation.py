"""Where a text may be cut: behind sentence ends, and where a sentence is too long, behind its pauses.

A range is `(start, end)` in code points, half open, of the text that was given.
"""

import re
from collections.abc import Callable

TextCut = Callable[[str], list[tuple[int, int]]]
"""A way of cutting: a text to ranges of it, in order."""

_SENTENCE_ENDS = "。！？；!?;\n"
_PAUSES = "，、：,: "
_CLOSERS = "”’」』）》】\r"
_SENTENCE = re.compile(f"[^{_SENTENCE_ENDS}]*[{_SENTENCE_ENDS}][{_SENTENCE_ENDS}{_CLOSERS}]*|[^{_SENTENCE_ENDS}]+")


def segments(text: str, limit: int) -> list[tuple[int, int]]:
    """Cut `[0, len(text))` into ranges of at most `limit` characters, nothing lost.

    A cut falls behind the last sentence end that fits, else behind the last pause, else at the limit.
    """
    ranges, start = [], 0
    while len(text) - start > limit:
        window = text[start : start + limit]
        cut = _last_of(window, _SENTENCE_ENDS) or _last_of(window, _PAUSES) or limit
        ranges.append((start, start + cut))
        start += cut
    return [*ranges, (start, len(text))]


def sentence_ranges(text: str) -> list[tuple[int, int]]:
    """Cut `[0, len(text))` behind every sentence end, nothing lost; further marks and closing quotes stay with it."""
    return [match.span() for match in _SENTENCE.finditer(text)]


def whole(text: str) -> list[tuple[int, int]]:
    """`[0, len(text))`, not cut at all."""
    return [(0, len(text))]


def _last_of(window: str, marks: str) -> int:
    return max(window.rfind(mark) for mark in marks) + 1
