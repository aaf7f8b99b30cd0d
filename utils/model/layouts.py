"""Configuration, labels and weights of a model directory, in every layout in which RaNER is published.

ModelScope, AdaSeq and `transformers` name the same tensors differently and keep the labels in different
files. What is read here has our names, float32 weights and labels by number.
"""

import re
from pathlib import Path

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from transformers import BertConfig

from utils.files import CheckpointError, read_settings, refuse_pointer
from utils.model.crf import LinearChainCRF
from utils.text.tags import scheme_of, split_tag

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

FEWEST_POSITIONS = 8
"""A character can be four word pieces, and [CLS] and [SEP] come on top."""

_REPLACED = ("id2label", "label2id", "num_labels", "torch_dtype", "dtype", "type")
"""What `config.json` says and we say otherwise: labels may stand elsewhere, weights are read as float32."""

_UNUSED = re.compile(r"position_ids$|token_type_ids$|^bert\.pooler\.|^cls\.")


def read_config(path: Path) -> BertConfig:
    """`config.json` with the labels looked up where ModelScope looks them up.

    Raises:
        CheckpointError: absent, unreadable, not BERT, without labels, or with hardly any positions.
    """
    settings = read_settings(path / "config.json")
    if settings is None:
        raise CheckpointError(f"{path}: no config.json")
    if (kind := settings.get("model_type")) != "bert":
        raise CheckpointError(f"{path}: model_type is {kind!r}; this course handles BERT encoders only")
    labels = _labels_of(path, settings)
    keep = {name: value for name, value in settings.items() if name not in _REPLACED}
    numbers = {label: i for i, label in enumerate(labels)}
    try:
        config = BertConfig(**keep, id2label=dict(enumerate(labels)), label2id=numbers, attn_implementation="eager")
    except (StrictDataclassError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path / 'config.json'}: {' '.join(str(error).split())}") from None
    if config.max_position_embeddings < FEWEST_POSITIONS:
        found = f"max_position_embeddings is {config.max_position_embeddings}"
        raise CheckpointError(f"{path / 'config.json'}: {found}; a tagger needs {FEWEST_POSITIONS} at least")
    return config


def _labels_of(path: Path, settings: dict) -> list[str]:
    """Tag names by index: `label_mapping.json`, then `configuration.json`, then `config.json`.

    `label_mapping.json` is the mapping itself; the others hold one under one of four names.

    Raises:
        CheckpointError: none of the three names them, they are of no scheme of tags, or the indices have gaps.
    """
    configuration = read_settings(path / "configuration.json") or {}
    mappings = [read_settings(path / "label_mapping.json")]
    for place in (configuration.get("model"), configuration.get("preprocessor"), settings):
        known = place if isinstance(place, dict) else {}
        mappings += [known.get(key) for key in ("id2label", "label2id", "id_to_label", "label_to_id")]
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
    indices, labels = [index for index, _ in pairs], [str(label) for _, label in pairs]
    if indices != list(range(len(pairs))):
        raise CheckpointError(f"{path}: label indices {indices} have gaps or repeats")
    _check_scheme(labels, path)
    return labels


def _check_scheme(labels: list[str], path: Path) -> None:
    """One scheme, all of it understood; labels that look like no tag, as `[PAD]`, count as O."""
    if not any(split_tag(label)[1] for label in labels):
        raise CheckpointError(f"{path}: labels {', '.join(labels[:5])} are not BIO or BIOES tags like B-PER")
    if strange := [label for label in labels if re.match(r"[A-Z]-.", label) and not split_tag(label)[1]]:
        raise CheckpointError(f"{path}: label {strange[0]}: no scheme of tags has the prefix {strange[0][0]}")
    try:
        scheme_of(labels)
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}") from None


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
        refuse_pointer(file)
        try:
            return load_file(file)
        except (SafetensorError, OSError) as error:
            raise CheckpointError(f"{file}: cannot be read ({error})") from None
    if (file := path / "pytorch_model.bin").is_file():
        refuse_pointer(file)
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
