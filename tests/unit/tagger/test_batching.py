"""Batches: none is cheaper. Packed sentences against the same sentences one by one."""

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import random_raner, random_texts, tiny_tokenizer

from utils.compress.pruning.remove import prune_heads
from utils.engines.onnx_export import export_onnx
from utils.engines.onnx_quantize import quantize_onnx
from utils.engines.onnx_session import load_onnx_tagger
from utils.model.torch_tagger import torch_tagger
from utils.tagger.batching import BATCH_COST, cheapest_batches, even_batches, pack, packing_backend
from utils.tagger.tagger import by_sentence, packed

LENGTHS = st.lists(st.integers(2, 60), min_size=1, max_size=12)


@pytest.fixture(scope="module")
def model():
    """4 and 1 heads."""
    return prune_heads(random_raner(5), {1: [0, 1, 3]})


@pytest.fixture(scope="module", params=["operator", "eager"])
def path(request, model, tmp_path_factory):
    return export_onnx(model, tiny_tokenizer(), tmp_path_factory.mktemp("packed"), attention=request.param)


def padded(model, lengths):
    random = np.random.default_rng(sum(lengths))
    ids, mask = np.zeros((len(lengths), max(lengths)), np.int64), np.zeros((len(lengths), max(lengths)), np.int64)
    for row, n in enumerate(lengths):
        ids[row, :n], mask[row, :n] = random.integers(5, model.config.vocab_size, n), 1
    return ids, mask


@settings(max_examples=25, deadline=None)
@given(lengths=LENGTHS)
def test_packing_changes_no_emission(model, path, lengths):
    """Against torch, which knows nothing of packing, one padded batch."""
    ids, mask = padded(model, lengths)
    found = packing_backend(load_onnx_tagger(path).backend)(ids, mask)
    expected = torch_tagger(model, tiny_tokenizer()).backend(ids, mask)
    assert found.shape == expected.shape
    assert np.abs(found - expected)[mask.astype(bool)].max() < 1e-4


def test_a_neighbour_in_the_row_is_not_seen(model, path):
    """The second half of a row changes, the first does not notice; a shared number would."""
    backend, numbers = load_onnx_tagger(path).backend, np.array([[1, 1, 1, 2, 2, 2]])
    first, second = np.array([[7, 8, 9, 10, 11, 12]]), np.array([[7, 8, 9, 13, 14, 15]])
    assert np.abs(backend(first, numbers) - backend(second, numbers))[:, :3].max() < 1e-6
    assert np.abs(backend(first, numbers**0) - backend(second, numbers**0))[:, :3].max() > 1e-2


def test_the_packed_tagger_answers_as_sentence_by_sentence(path):
    tagger = load_onnx_tagger(path)
    texts = ["天地。玄黄宇宙！洪荒abc。\n日月盈昃", "", "😀辰宿。", *random_texts(5, longest=30)]
    spans = [[[e.span for e in text] for text in t.predict(texts)] for t in (packed(tagger), by_sentence(tagger))]
    assert spans[0] == spans[1] and any(spans[0])


def test_one_row_carries_what_would_be_padded(path):
    tagger, shapes = load_onnx_tagger(path), []
    inner = tagger.backend

    def watched(ids, numbers):
        shapes.append(ids.shape)
        return inner(ids, numbers)

    packed(dataclasses.replace(tagger, backend=watched)).predict(["天。地玄黄宇宙。"])
    assert shapes == [(1, (2 + 2) + (6 + 2))]


def test_quantised_graphs_can_be_packed(model, path, tmp_path):
    """Activations share a scale with their row, so the answer is close, not equal."""
    backend = load_onnx_tagger(quantize_onnx(path, tmp_path)).backend
    ids, mask = padded(model, [3, 9, 20])
    real = mask.astype(bool)
    difference = packing_backend(backend)(ids, mask) - backend(ids, mask)
    assert np.abs(difference[real]).max() < 0.2 * np.abs(backend(ids, mask)[real]).max()


def test_a_row_is_about_128_positions_wide():
    shapes, ids = [], np.ones((4, 64), np.int64)
    packing_backend(lambda rows, numbers: shapes.append(rows.shape) or np.zeros((*rows.shape, 2)))(ids, ids)
    assert shapes == [(2, 128)]
    shapes.clear()
    packing_backend(lambda rows, numbers: shapes.append(rows.shape) or np.zeros((*rows.shape, 2)))(
        *(np.ones((6, 64), np.int64),) * 2
    )
    assert shapes == [(3, 128)]


@given(lengths=LENGTHS, width=st.integers(1, 200))
def test_places_do_not_overlap_and_leave_no_hole(lengths, width):
    rows = {}
    for place, length in zip(pack(lengths, width), lengths, strict=True):
        rows.setdefault(place.row, []).append((place.start, length, place.number))
    for row in rows.values():
        row.sort()
        assert [start for start, _, _ in row] == [sum(n for _, n, _ in row[:i]) for i in range(len(row))]
        assert sorted(number for *_, number in row) == list(range(1, len(row) + 1))


@given(lengths=LENGTHS, width=st.integers(1, 200))
def test_rows_are_about_equal(lengths, width):
    """The longest row exceeds the mean by less than one text (Graham's bound)."""
    places = pack(lengths, width)
    count = max(1, round(sum(lengths) / width))
    ends = [place.start + length for place, length in zip(places, lengths, strict=True)]
    assert len({place.row for place in places}) == min(count, len(lengths))
    assert max(ends) <= sum(lengths) / count + max(lengths)


@given(count=st.integers(0, 20), most=st.integers(1, 7))
def test_even_batches_take_everything_once(count, most):
    ranges = even_batches([1] * count, most)
    assert [i for start, end in ranges for i in range(start, end)] == list(range(count))
    assert all(0 < end - start <= most for start, end in ranges)


def cost(lengths, ranges):
    return sum((end - start) * (max(lengths[start:end]) + 2) + BATCH_COST for start, end in ranges)


def all_cuts(count, most):
    for inner in itertools.product([False, True], repeat=count - 1):
        borders = [0, *(i + 1 for i, cut in enumerate(inner) if cut), count]
        ranges = list(itertools.pairwise(borders))
        if all(end - start <= most for start, end in ranges):
            yield ranges


@given(lengths=st.lists(st.integers(0, 200), min_size=1, max_size=9), most=st.integers(1, 9))
def test_no_other_cut_is_cheaper(lengths, most):
    lengths = sorted(lengths)
    ranges = cheapest_batches(lengths, most)
    assert ranges in all_cuts(len(lengths), most)
    assert cost(lengths, ranges) == min(cost(lengths, other) for other in all_cuts(len(lengths), most))


def test_nothing_makes_no_batch():
    assert cheapest_batches([], 4) == []
