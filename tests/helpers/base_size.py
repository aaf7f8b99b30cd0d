"""A trained tagger of BERT-base's size, for trials at real size: `python tests/helpers/base_size.py FOLDER`.

It is the embedded model, widened by two to 12 x 12 x 768, with a little noise on every matrix so that no two copies
are alike, in the layout in which ModelScope publishes RaNER.
"""

import argparse
import json
from pathlib import Path

import torch

from utils.model.checkpoint import load_raner
from utils.model.raner import RanerModel
from utils.model.twin import article_twin

NOISE, SEED = 0.03, 1
"""Standard deviation of what is added to a matrix, as a share of the matrix's own."""

TO_PUBLISHED = {"bert": "encoder", "classifier": "linear"}


def save_base_size(folder: Path) -> Path:
    """Write config, vocabulary and weights (about 400 MB)."""
    model, tokenizer = load_raner()
    folder.mkdir(parents=True)
    torch.save({published(name): tensor for name, tensor in noisy(article_twin(model)).items()}, weights_of(folder))
    settings = model.config.to_dict() | {"hidden_size": 768, "intermediate_size": 3072, "vocab_size": 21128}
    (folder / "config.json").write_text(json.dumps(settings), "utf-8")
    words = tokenizer.tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    unused = [f"[unused{number}]" for number in range(1, 21128 - len(words) + 1)]
    (folder / "vocab.txt").write_text("\n".join([*words, *unused]) + "\n", "utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": True}), "utf-8")
    return folder


def weights_of(folder: Path) -> Path:
    return folder / "pytorch_model.bin"


def published(name: str) -> str:
    """The name under which ModelScope's classes save a tensor."""
    room, rest = name.split(".", 1)
    return f"{TO_PUBLISHED.get(room, room)}.{rest}"


def noisy(model: RanerModel) -> dict[str, torch.Tensor]:
    """The state dict; every matrix with noise, vectors as they are."""
    generator = torch.Generator().manual_seed(SEED)

    def shaken(tensor: torch.Tensor) -> torch.Tensor:
        noise = torch.randn(tensor.shape, generator=generator)
        return tensor + NOISE * tensor.std() * noise

    return {name: shaken(t) if t.ndim == 2 else t.clone() for name, t in model.state_dict().items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    print(save_base_size(parser.parse_args().folder))
