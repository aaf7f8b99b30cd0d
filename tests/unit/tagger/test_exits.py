"""Which sentence leaves at which exit, with stretches whose answers are known."""

import numpy as np
import pytest

from utils.measure.evaluation import evaluate
from utils.tagger.decoding import Decoder
from utils.tagger.exits import Exit, ExitTagger
from utils.text.entities import annotate

LABELS = ["O", "S-LOC", "B-PER", "E-PER"]
NO_CRF = (np.zeros(4, np.float32), np.zeros((4, 4), np.float32), np.zeros(4, np.float32))


class Known:
    """Two stretches: the first says LOC to 京, sure in texts without 默, the second PER to 陈默, and sure of all."""

    def __init__(self, tokenizer):
        self.city, self.first, self.second = (tokenizer.pieces(c)[0] for c in "京陈默")
        self.read: list[list[int]] = [[], []]

    def early(self, ids, mask):
        self.read[0].append(len(ids))
        sure = np.where((ids == self.second).any(1), 0.1, 9.0)[:, None, None]
        hidden = np.repeat(ids[..., None], 2, axis=2).astype(np.float32)
        return hidden, (np.eye(4)[(ids == self.city).astype(int)] * sure).astype(np.float32)

    def late(self, hidden, mask):
        assert hidden.shape[:2] == mask.shape
        self.read[1].append(len(hidden))
        ids = hidden[..., 0].astype(int)
        tags = (ids == self.city) + 2 * (ids == self.first) + 3 * (ids == self.second)
        return hidden, np.eye(4, dtype=np.float32)[tags] * 9


@pytest.fixture
def known(tokenizer):
    return Known(tokenizer)


def made(known, tokenizer, threshold, **options):
    exits = [Exit(stretch, Decoder(LABELS, NO_CRF)) for stretch in (known.early, known.late)]
    return ExitTagger(exits, tokenizer, threshold, limit=510, **options)


def spans(answers):
    return [[tuple(e.span) for e in entities] for entities in answers]


TEXTS = ["京说说说说", "陈默在京", "京", "", "说陈默"]


def test_the_unsure_go_on_and_the_sure_do_not(known, tokenizer):
    found = spans(made(known, tokenizer, 0.9).predict(TEXTS))
    assert found == [[(0, 1, "LOC")], [(0, 2, "PER"), (3, 4, "LOC")], [(0, 1, "LOC")], [], [(1, 3, "PER")]]
    assert sum(known.read[0]) == 4 and sum(known.read[1]) == 2


def test_at_the_ends_of_the_threshold_all_leave_at_once_or_none_does(known, tokenizer):
    early = spans(made(known, tokenizer, 0.0).predict(TEXTS))
    assert early[4] == [] and early[2] == [(0, 1, "LOC")] and known.read[1] == []
    assert spans(made(known, tokenizer, 1.1).predict(TEXTS))[4] == [(1, 3, "PER")]
    assert sum(known.read[1]) == 4


def test_the_sentences_of_a_text_leave_one_by_one(known, tokenizer):
    (found,) = spans(made(known, tokenizer, 0.9).predict(["京说。陈默说。京。"]))
    assert found == [(0, 1, "LOC"), (3, 5, "PER"), (7, 8, "LOC")]
    assert sum(known.read[0]) == 3 and sum(known.read[1]) == 1


@pytest.mark.parametrize("batch_size", [1, 2, 16])
def test_the_answer_does_not_depend_on_the_batch(known, tokenizer, batch_size):
    tagger = made(known, tokenizer, 0.9)
    assert spans(tagger.predict(TEXTS, batch_size)) == spans(tagger.predict(TEXTS, 3))


def test_a_temperature_of_an_exit_decides_who_leaves(known, tokenizer):
    hot = [Exit(known.early, Decoder(LABELS, NO_CRF, 100.0)), Exit(known.late, Decoder(LABELS, NO_CRF))]
    ExitTagger(hot, tokenizer, 0.9, limit=510).predict(["京"])
    assert known.read[1] == [1]


def test_it_is_judged_as_a_tagger_is(known, tokenizer):
    judged = evaluate(made(known, tokenizer, 0.9, eight_bits=True), [annotate(text, []) for text in TEXTS])
    assert judged.batch_size == 1 and judged.reading == "by sentence"


def test_one_text_is_no_list_of_texts(known, tokenizer):
    with pytest.raises(TypeError):
        made(known, tokenizer, 0.9).predict("京")
