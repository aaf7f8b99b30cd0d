"""Notebook 08 asks: what 56 % less time is as a speed, and the most that heads could give."""

from transformers import BertConfig

from utils.compress.pruning.cost import cost_by_part
from utils.course.teaching import Checker, number
from utils.model.pruned_shape import pruning_map


def speed_up() -> Checker:
    """How many times as fast 140 ms is as 320 ms."""
    before, after = 320, 140
    return number(
        before / after,
        {
            after / before: "the other way round: the new time in parts of the old one",
            1 - after / before: "that is the share of the time that was saved",
            100 * (1 - after / before): "that is the time saved, in percent, as the article has it",
            2 - after / before: "56 % less time is not 56 % more speed: divide the times",
        },
        tolerance=0.02,
    )


def most_from_heads(config: BertConfig) -> Checker:
    """Multiplications of the whole encoder over those that remain without any head, at 502 positions."""
    work = {name: cost.multiply_adds for name, cost in cost_by_part(config, pruning_map(config), 502).items()}
    total, attention = sum(work.values()), work["attention"]
    return number(
        total / (total - attention),
        {
            total / attention: "that would be the speed if only the heads were left",
            1 + attention / total: "a share of the work saved does not add up like that: divide by what is left",
            attention / total: "that is the share of the work that heads do",
            0.2 * attention / total: "asked for is *all* heads gone, and as a ratio of times",
        },
        tolerance=0.02,
    )
