"""What is left costs what was asked; times meet although work alone does not say them."""

import pytest
import torch
from tiny_models import random_raner, random_texts, tiny_tokenizer

from utils.compress.pruning.cost import predict_cost
from utils.compress.recipes import prune_to
from utils.measure.latency import Rounds
from utils.model.pruned_shape import Size, pruning_map
from utils.model.twin import widen
from utils.studies import student_race, sweep
from utils.studies.student_race import TOLERANCE, Probe, left_of_work, match_time, times_as_long

LENGTH = 40


@pytest.fixture(scope="module")
def model():
    return random_raner(num_hidden_layers=6, intermediate_size=80)


def work_of(model) -> int:
    return predict_cost(model.config, pruning_map(model.config), LENGTH).multiply_adds


def cut(model, target):
    heads, neurons = torch.rand(2, 6, 80, generator=torch.Generator().manual_seed(0))
    return prune_to(model, heads[:, :4], neurons, target)


@pytest.mark.parametrize("split", [0.0, 0.3, 0.6])
def test_the_cut_model_costs_what_was_asked_to_one_neuron(model, split):
    work = 0.35 * work_of(model)
    pruned = cut(model, left_of_work(model, model.config, work, split, LENGTH))
    neuron = 2 * LENGTH * model.config.hidden_size
    assert abs(work_of(pruned) - work) <= neuron


def test_the_scale_that_counts_may_be_the_twins(model):
    wide = widen(model, 3, model.config.vocab_size)
    work = 0.35 * work_of(wide)
    pruned = widen(cut(model, left_of_work(model, wide.config, work, 0.5, LENGTH)), 3, model.config.vocab_size)
    neuron = 3 * 2 * LENGTH * wide.config.hidden_size
    assert abs(work_of(pruned) - work) <= neuron


def test_a_larger_split_leaves_more_heads_and_fewer_neurons(model):
    work = 0.35 * work_of(model)
    few, many = (left_of_work(model, model.config, work, split, LENGTH) for split in (0.2, 0.8))
    assert few.heads < many.heads and few.neurons > many.neurons


def test_all_of_it_is_the_whole_model(model):
    attention = work_of(model) - work_of(cut(model, Size(0, 480)))
    encoder = work_of(model) - work_of(cut(model, Size(0, 0)))
    # a hair more than the heads' share: whole heads are bought, and 23.999... of them would be 23
    found = left_of_work(model, model.config, work_of(model), attention / encoder + 1e-9, LENGTH)
    assert found == Size(24, 480)


@pytest.mark.parametrize(("share", "split"), [(0.9, 1.0), (0.9, 0.0), (0.0, 0.5)])
def test_impossible_wishes_are_refused(model, share, split):
    with pytest.raises(ValueError, match="would leave"):
        left_of_work(model, model.config, share * work_of(model), split, LENGTH)


def timed(overhead, bend=0.0):
    """Time as a multiple of the reference's for a work in percent, an uncut model being 4 times as slow."""

    def ratio(work):
        return overhead + (4 - overhead) * (work / 100) ** (1 + bend)

    return ratio


@pytest.mark.parametrize("ratio_of", [timed(0.0), timed(0.5), timed(0.5, bend=0.3), timed(0.3, bend=-0.2)])
def test_times_meet(ratio_of):
    probes = match_time(ratio_of, Probe(100, ratio_of(100)), 25, tries=10)
    assert abs(probes[-1].ratio - 1) <= TOLERANCE and probes[0] == Probe(25, ratio_of(25))
    assert all(probe.ratio == ratio_of(probe.work) for probe in probes)
    assert all(abs(probe.ratio - 1) > TOLERANCE for probe in probes[:-1])


def test_a_straight_line_is_met_at_the_second_try():
    ratio_of = timed(0.5)
    probes = match_time(ratio_of, Probe(100, 4.0), 25, tries=10)
    assert len(probes) == 2 and probes[1].ratio == pytest.approx(1)


def test_tries_end_and_steps_stay_small():
    probes = match_time(lambda work: 3.0, Probe(100, 4.0), 40, tries=3)
    assert [probe.work for probe in probes] == [40, 20, 10]
    assert [probe.work for probe in match_time(lambda work: 0.1, Probe(100, 4.0), 10, tries=2)] == [10, 20]


def test_a_clock_that_shows_no_difference_is_no_division_by_zero():
    for ratio, works in ((4.0, [40, 20, 10]), (0.5, [40, 80, 100])):
        found = match_time(lambda work, ratio=ratio: ratio, Probe(100, ratio), 40, tries=3)
        assert [probe.work for probe in found] == works


@pytest.mark.parametrize("whole", [0.2, 1.01, 2.0, 4.0])
@pytest.mark.parametrize("ratio", [0.3, 0.9, 1.5, 3.0])
def test_noise_never_grows_what_is_too_slow_nor_a_model_beyond_the_uncut_one(whole, ratio):
    found = match_time(lambda work: ratio, Probe(100, whole), 60, tries=5)
    works = [probe.work for probe in found]
    assert all((b < a) if ratio > 1 else (b > a) for a, b in zip(works, works[1:], strict=False))
    assert max(works) <= 100 and found[0].work == 60


def test_where_the_uncut_model_is_too_quick_the_search_ends_with_it():
    assert [probe.work for probe in match_time(lambda work: 0.5, Probe(100, 0.8), 100, tries=9)] == [100]


def test_the_first_model_is_divided_by_the_second(model, monkeypatch):
    real, seen = sweep.latency_sweep, {}

    def watched(models, *arguments, **options):
        seen.update(zip(models.values(), (latencies := real(models, *arguments, **options)).values(), strict=True))
        return latencies

    monkeypatch.setattr(student_race, "latency_sweep", watched)
    shallow = random_raner(num_hidden_layers=1)
    ratio = times_as_long(model, shallow, tiny_tokenizer(), random_texts(1)[0], Rounds(3))
    pairs = zip(seen[model].samples, seen[shallow].samples, strict=True)
    ratios = sorted(a / b for a, b in pairs)
    assert ratio == (ratios[1], ratios[0], ratios[2])
