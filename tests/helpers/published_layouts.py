"""Directories in the layouts of RaNER's publishers: changing them, and reading what ModelScope answered."""

import json
import re

import torch

LAYOUTS = ("tiny_published", "tiny_head")


def expectations(directory):
    return json.loads((directory / "expected.json").read_text("utf-8"))


def read_pickle(directory):
    return torch.load(directory / "pytorch_model.bin", weights_only=True)


def rename(tensors, renames):
    for pattern, replacement in renames:
        tensors = {re.sub(pattern, replacement, name, count=1): tensor for name, tensor in tensors.items()}
    return tensors


def assert_equal_states(model, reference):
    state, expected = model.state_dict(), reference.state_dict()
    assert state.keys() == expected.keys()
    assert all(torch.equal(state[name], expected[name]) for name in expected)


def without_labels(directory):
    return edit(directory / "config.json", lambda c: [c.pop("id2label"), c.pop("num_labels")])


def edit(path, change):
    settings = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    change(settings)
    path.write_text(json.dumps(settings), "utf-8")
