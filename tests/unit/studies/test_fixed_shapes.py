"""Few shapes, every text in one batch of its width, and no entity lost but across a cut."""

import random

from utils.studies.fixed_shapes import BUCKETS, TOKENS_A_BATCH, draw_epoch, group_by_width, pieces, varied
from utils.text.augmentation import name_pool
from utils.text.formats.bracketed import parse_bracketed

TEXTS = ["字" * (length % 120 + 1) for length in range(3000)]


def test_a_batch_has_one_of_few_shapes_and_a_text_stands_in_one_batch_at_most():
    epoch = draw_epoch(group_by_width(TEXTS), random.Random(1))
    assert {(width, len(members)) for width, members in epoch} <= {(w, TOKENS_A_BATCH // w) for w in BUCKETS}
    members = [number for _, batch in epoch for number in batch]
    assert len(members) == len(set(members)) and all(
        max(len(TEXTS[number]) for number in batch) + 2 <= width for width, batch in epoch
    )


def test_what_fills_no_batch_is_less_than_one_batch_a_width():
    by_width = group_by_width(TEXTS)
    drawn = sum(len(members) for _, members in draw_epoch(by_width, random.Random(1)))
    assert len(TEXTS) - drawn < sum(TOKENS_A_BATCH // width for width in by_width)


def test_a_long_sentence_is_cut_and_only_an_entity_across_a_cut_is_lost():
    kept, widest = "[陈默](PER)在[北京](LOC)说，天气很好。", BUCKETS[-1] - 2
    across = "字" * (widest - 1) + "[云汀日报](ORG)"
    parts = pieces(parse_bracketed(kept * 20 + across))
    assert len(parts) > 3 and max(len(part.text) for part in parts) <= widest
    assert "".join(part.text for part in parts) == parse_bracketed(kept * 20 + across).text
    assert [e.text for part in parts for e in part.entities] == ["陈默", "北京"] * 20


def test_a_varied_sentence_fits_and_its_entities_are_what_their_spans_say():
    sentence = parse_bracketed("[陈默](PER)２０２６年在[云汀日报](ORG)说，[北京](LOC)ＡＢＣ。")
    rng, names = random.Random(1), name_pool([sentence])
    found = [varied(sentence, names, 14, rng) for _ in range(50)]
    assert {len(v.text) <= 14 for v in found} == {True}
    for version in found:
        assert [version.text[e.start : e.end] for e in version.entities] == [e.text for e in version.entities]
    assert {"２０" in v.text for v in found} == {True, False}
