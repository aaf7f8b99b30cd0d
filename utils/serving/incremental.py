"""Only what changed is computed: a text is cut at sentence ends, and sentences are remembered.

A sentence is tagged by itself, whatever stands around it, so the answer for a text is the answers for
its sentences (what `utils.tagger.tagger.by_sentence` says of it), and an edit costs the sentence it touches.
What is remembered belongs to a model: the key is (model, sentence). Whoever sends a sentence that
somebody else sent before is answered sooner; where that would give a secret away, remember nothing (`--cache 0`).
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from itertools import accumulate

from utils.tagger.batching import SERVED
from utils.tagger.tagger import Tagger
from utils.text.entities import Entity
from utils.text.segmentation import sentence_ranges

CAPACITY = 1_000_000
"""Characters of sentences that a cache holds, `ENTRY` added for each: some megabytes."""
ENTRY = 50


class SentenceCache:
    """Entities of sentences, offsets from the sentence's start; what was not asked for longest is forgotten first."""

    def __init__(self, capacity: int = CAPACITY):
        self.capacity, self.characters = capacity, 0
        self._answers: OrderedDict[tuple[str, str], Sequence[Entity]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._answers)

    def known(self, model: str, sentences: Sequence[str]) -> dict[str, Sequence[Entity]]:
        """Answers of those sentences that are remembered."""
        found = {s: self._answers[model, s] for s in sentences if (model, s) in self._answers}
        for sentence in found:
            self._answers.move_to_end((model, sentence))
        return found

    def remember(self, model: str, answers: Mapping[str, Sequence[Entity]]) -> None:
        """Keep answers, and forget old ones until all fit into `capacity` characters."""
        for sentence, entities in answers.items():
            self.characters += (len(sentence) + ENTRY) * ((model, sentence) not in self._answers)
            self._answers[model, sentence] = entities
            self._answers.move_to_end((model, sentence))
        while self.characters > self.capacity:
            (_, forgotten), _ = self._answers.popitem(last=False)
            self.characters -= len(forgotten) + ENTRY


class Analysis:
    """One text on its way: `missing` are its sentences that must be computed, each once."""

    def __init__(self, text: str, model: str, cache: SentenceCache):
        self.model, self.cache = model, cache
        self.sentences = [text[start:end] for start, end in sentence_ranges(text)]
        self._known = cache.known(model, self.sentences)
        self.missing = [s for s in dict.fromkeys(self.sentences) if s not in self._known]

    def entities(self, answers: Mapping[str, Sequence[Entity]]) -> list[Entity]:
        """Entities of the whole text, in order, given the answers for `missing`, which the cache keeps."""
        self.cache.remember(self.model, {sentence: answers[sentence] for sentence in self.missing})
        offsets, found = accumulate(map(len, self.sentences), initial=0), {**answers, **self._known}
        return [
            Entity(e.start + offset, e.end + offset, e.type, e.text, e.confidence)
            for sentence, offset in zip(self.sentences, offsets, strict=False)
            for e in found[sentence]
        ]

    def computed(self, tagger: Tagger) -> list[Entity]:
        """Entities of the whole text, what is missing computed here and now."""
        answers = tagger.predict(self.missing, SERVED)
        return self.entities(dict(zip(self.missing, answers, strict=True)))
