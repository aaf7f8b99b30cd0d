"""What is stored of a session on a device, and how it is told."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field

from utils.measure.row import Computer, Count, NotEmpty, Positive, Strict, TimesAsFast

BAR = 1e-3
"""So far the emissions of another float32 engine may be from torch's, in nats."""


class Times(Strict):
    """Milliseconds: the median over the rounds with its interval, and the 95th percentile."""

    session: NotEmpty
    p50: Positive
    low: Positive
    high: Positive
    p95: Positive
    times_as_fast: TimesAsFast


class Parity(Strict):
    """Against torch in float32: the greatest difference of any emission, in nats, and the share of equal tags (0 to 1).

    `holds`: whether the difference keeps the `BAR`; null with 16 bits, of which nothing is promised.
    """

    difference: Annotated[float, Field(ge=0)]
    equal_tags: Annotated[float, Field(ge=0, le=1)]
    holds: bool | None


class Version(Strict):
    """`network` is from ids to emissions, both in the computer's memory; `whole` is from texts to entities.

    `operators` says how many of the graph's ONNX Runtime gave to each provider; null for torch.
    """

    name: NotEmpty
    operators: dict[str, Count] | None
    parity: Parity
    network: Times
    whole: Times


class Device(Strict):
    """What computed, and the versions that decide how; null: not there. torch's stands in `machine`."""

    name: NotEmpty
    onnxruntime: NotEmpty
    driver: str | None
    cuda: str | None
    cudnn: int | None
    tensorrt: str | None


class SessionRow(Strict):
    """Versions that took turns on the same texts, and why which others did not."""

    stage: NotEmpty
    scale: Literal["mini", "article"]
    texts: Count
    characters: Count
    device: Device
    machine: Computer
    versions: list[Version]
    left_out: dict[str, NotEmpty]


def lines_of(row: Mapping) -> list[str]:
    """What a row says, a line a version."""
    left_out = [f"{name}: left out: {reason}" for name, reason in row["left_out"].items()]
    return [f"{row['stage']}: {line}" for line in [*map(_line, row["versions"]), *left_out]]


def _line(one: Mapping) -> str:
    network, whole, found = one["network"], one["whole"], one["parity"]
    interval = f"{network['p50']:.2f} ms [{network['low']:.2f}, {network['high']:.2f}]"
    faster = f"{network['times_as_fast']['value']:.2f} times as fast"
    apart = f"emissions differ by {found['difference']:.1e} at most, {found['equal_tags']:.2%} of the tags are equal"
    return f"{one['name']}: {interval}, {faster}; text to entities {whole['p50']:.2f} ms; {apart}"


def too_far(rows: Sequence[Mapping]) -> list[str]:
    """The float32 versions that do not keep the `BAR`."""
    return [
        f"{row['stage']}: {one['name']}" for row in rows for one in row["versions"] if one["parity"]["holds"] is False
    ]
