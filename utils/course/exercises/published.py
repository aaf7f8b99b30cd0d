"""The published RaNER, counted: what several exercises compute with."""

from functools import cache

from utils.compress.pruning.cost import cost_by_part
from utils.model.anatomy import published_config
from utils.model.pruned_shape import pruning_map


@cache
def published_parts() -> dict[str, int]:
    """Parameters of each part of the published RaNER."""
    config = published_config()
    return {name: cost.parameters for name, cost in cost_by_part(config, pruning_map(config), 1).items()}


def published_parameters() -> int:
    """All of them."""
    return sum(published_parts().values())
