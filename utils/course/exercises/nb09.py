"""Notebook 09 asks: a confidence from paths, offsets in JavaScript, how many typists two threads bear."""

from utils.course.teaching import Checker, number

PATHS = {
    "B-PER E-PER O": 0.55,
    "B-PER E-PER S-LOC": 0.15,
    "B-PER I-PER E-PER": 0.20,
    "S-PER O O": 0.10,
}
"""All tag sequences of three characters that a small CRF thinks possible, with their probabilities."""


def confidence() -> Checker:
    """Probability that characters 0 and 1 are the entity B-PER E-PER."""
    best, other, longer, _ = PATHS.values()
    first, second = best + other + longer, best + other
    return number(
        best + other,
        {
            best: "that is the best sequence; another one has the same entity and goes on differently",
            first: "those begin a PER at character 0, but one of them does not end it at character 1",
            first * second: "a product takes the two tags for independent; add up the sequences that have both",
            longer: "that one holds an entity of three characters, another one",
            1 - best - other: "that is the probability that the entity is *not* there",
            100 * (best + other): "right size, but asked for as a share, 0 to 1",
        },
    )


EMOJI_TEXT = "😀𠮷田在北京。"

CODE_POINTS = (4, 6)
"""北京 in `EMOJI_TEXT`, as the service says it."""


def javascript_offsets(answer: object) -> str | None:
    """`[start, end]` of 北京 as JavaScript counts, in UTF-16 units."""
    start, end = (len(EMOJI_TEXT[:offset].encode("utf-16-le")) // 2 for offset in CODE_POINTS)
    if not isinstance(answer, list | tuple) or len(answer) != 2:
        return "two numbers are expected: start and end"
    hints = {
        CODE_POINTS: "those are code points; two of the characters before take two units each",
        (start - 1, end - 1): "one character before 北京 takes two units, and so does another",
        (start, end - 2): "the start is right; 北 and 京 take one unit each, so the end is two further",
        (start + 1, end + 1): "one too far: are you counting from 1?",
        tuple(len(EMOJI_TEXT[:offset].encode()) for offset in CODE_POINTS): "those are bytes of UTF-8",
        tuple(2 * unit for unit in (start, end)): "those are bytes of UTF-16; a unit has two",
    }
    return None if tuple(answer) == (start, end) else hints.get(tuple(answer), "encode the text before it and count")


SENTENCE_MS, THREADS, PAUSE = 8.0, 2, 3.0
"""Milliseconds that one thread computes a sentence, threads, seconds between two edits of a typist."""


def most_typists() -> Checker:
    """Typists whose edits, a sentence each, keep all threads busy without a pause."""
    right = THREADS * 1000 / SENTENCE_MS * PAUSE
    return number(
        right,
        {
            right / THREADS: "that keeps one thread busy; there are two",
            right / PAUSE: "so many edits a second; each typist sends one every three seconds",
            right / PAUSE**2: "divided by the pause; whoever pauses longer leaves room for *more* others",
            right / THREADS / PAUSE: "so many edits one thread answers in a second; mind both threads and the pause",
            right / 1000: "mind the units: milliseconds here, seconds there",
        },
    )
