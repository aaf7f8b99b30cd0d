"""Configuration, labels and weights of a model directory, in every layout in which RaNER is published.

ModelScope, AdaSeq and `transformers` name the same tensors differently and keep the labels in different
files. What is read here has our names, float32 weights and labels by number.
"""

import json
import re
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from transformers import BertConfig

from utils.files import CheckpointError
from utils.model.crf import LinearChainCRF

_RENAMES = (
    (r"^((module|model)\.)+", ""),
    (r"^head\.", ""),
    (r"^embedder\.transformer_model\.", "bert."),
    (r"^encoder\.(?=embeddings\.|encoder\.|pooler\.)", "bert."),
    (r"^linear\.", "classifier."),
    (r"LayerNorm\.gamma$", "LayerNorm.weight"),
    (r"LayerNorm\.beta$", "LayerNorm.bias"),
)
"""Pattern in a published tensor's name -> what stands there in ours, applied in this order."""

_UNUSED = re.compile(r"position_ids$|token_type_ids$|^bert\.pooler\.|^cls\.")


def read_config(path: Path) -> BertConfig:
    """`config.json` with the labels looked up where ModelScope looks them up.

    Raises:
        CheckpointError: absent, unreadable, not BERT, or without labels.
    """
    settings = _read_json(path / "config.json")
    if settings is None:
        raise CheckpointError(f"{path}: no config.json")
    if (kind := settings.get("model_type")) != "bert":
        raise CheckpointError(f"{path}: model_type is {kind!r}; this course handles BERT encoders only")
    labels = _labels_of(path, settings)
    keep = {k: v for k, v in settings.items() if k not in ("id2label", "label2id", "num_labels", "torch_dtype", "type")}
    return BertConfig(
        **keep,
        id2label=dict(enumerate(labels)),
        label2id={label: i for i, label in enumerate(labels)},
        attn_implementation="eager",
    )


def _labels_of(path: Path, settings: dict) -> list[str]:
    """Tag names by index: `label_mapping.json`, then `configuration.json`, then `config.json`.

    `label_mapping.json` is the mapping itself; the others hold one under one of four names.

    Raises:
        CheckpointError: none of the three names them, they are not BIO or BIOES, or the indices have gaps.
    """
    configuration = _read_json(path / "configuration.json") or {}
    mappings = [_read_json(path / "label_mapping.json")]
    for place in (configuration.get("model"), configuration.get("preprocessor"), settings):
        mappings += [(place or {}).get(key) for key in ("id2label", "label2id", "id_to_label", "label_to_id")]
    mapping = next(filter(None, mappings), None)
    if mapping is None:
        raise CheckpointError(f"{path}: label names in neither label_mapping.json, configuration.json nor config.json")
    return _labels_by_index(mapping, path)


def _labels_by_index(mapping: dict, path: Path) -> list[str]:
    """Labels of `{"0": "O", ...}` or `{"O": 0, ...}`."""
    try:
        numbered = all(key.isdigit() for key in mapping)
        pairs = sorted((int(key), value) if numbered else (int(value), key) for key, value in mapping.items())
    except (AttributeError, TypeError, ValueError):
        raise CheckpointError(f"{path}: {mapping!r:.60} is no mapping between labels and numbers") from None
    indices, labels = [index for index, _ in pairs], [label for _, label in pairs]
    if indices != list(range(len(pairs))):
        raise CheckpointError(f"{path}: label indices {indices} have gaps or repeats")
    if not any(re.match(r"[BIES]-.", label) for label in labels):
        raise CheckpointError(f"{path}: labels {', '.join(labels[:5])} are not BIO or BIOES tags like B-PER")
    return labels


def _read_json(path: Path) -> dict | None:
    if not path.is_file():
        return None
    try:
        return json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise CheckpointError(f"{path}: not valid JSON ({error})") from None


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All weights as float32 under our names; a plain softmax tagger gains a zero CRF.

    Raises:
        CheckpointError: no weight file, or one that cannot be read safely.
    """
    tensors = {}
    for name, tensor in _read_weights(path).items():
        for pattern, replacement in _RENAMES:
            name = re.sub(pattern, replacement, name)
        if not _UNUSED.search(name):
            tensors[name] = tensor.float()
    if not any(name.startswith("crf.") for name in tensors) and "classifier.bias" in tensors:
        tags = tensors["classifier.bias"].shape[0]
        tensors |= {f"crf.{name}": p.detach() for name, p in LinearChainCRF(tags).named_parameters()}
    return tensors


def _read_weights(path: Path) -> dict[str, Tensor]:
    if (file := path / "model.safetensors").is_file():
        try:
            return load_file(file)
        except (SafetensorError, OSError) as error:
            raise CheckpointError(f"{file}: cannot be read ({error})") from None
    if (file := path / "pytorch_model.bin").is_file():
        return _read_pickle(file)
    raise CheckpointError(f"{path}: neither model.safetensors nor pytorch_model.bin")


def _read_pickle(file: Path) -> dict[str, Tensor]:
    """Tensors of a `torch.save` file, read without running any code that it holds."""
    try:
        tensors = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged bytes surface as any of a dozen unrelated types
        reason = f"it is damaged or holds more than tensors ({type(error).__name__})"
        raise CheckpointError(f"{file}: not opened, {reason}") from error
    if not isinstance(tensors, dict) or not all(isinstance(tensor, Tensor) for tensor in tensors.values()):
        raise CheckpointError(f"{file}: not a plain mapping of names to tensors")
    return tensors
