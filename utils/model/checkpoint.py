"""RaNER: BERT encoder, linear layer, CRF. Loading it from every layout in which it is published.

The encoder may be narrower than its config says: `config.kept_heads` and `config.kept_neurons`
(the pruning map, written by `utils.compress.pruning.remove`) name what is left of each layer.
"""

import hashlib
import json
import re
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import BertConfig

from utils.files import DATA, CheckpointError, written_atomically
from utils.model.crf import LinearChainCRF
from utils.model.hub import HubError, download_model
from utils.model.raner import RanerModel
from utils.tagger.tokenizer import CharacterTokenizer

MINI_RANER = DATA / "models" / "mini-raner"


def save_raner(
    model: RanerModel, tokenizer: CharacterTokenizer, path: str | Path, dtype: torch.dtype = torch.float32
) -> Path:
    """Write `model.safetensors`, `config.json` and the vocabulary to a directory, weights last.

    Raises:
        CheckpointError: a quantised model, whose packed integers are no plain tensors.
    """
    weights = model.state_dict()
    if any(not isinstance(t, Tensor) or t.is_quantized for t in weights.values()):
        raise CheckpointError(
            "an INT8 model is saved with utils.compress.quantization.saved.save_quantized; nothing was written"
        )
    path = save_description(model.config, tokenizer, path)
    with written_atomically(path / "model.safetensors") as partial:
        save_file({name: t.detach().to("cpu", dtype).contiguous() for name, t in weights.items()}, partial)
    return path


def save_description(config: BertConfig, tokenizer: CharacterTokenizer, path: str | Path) -> Path:
    """Write everything but the weights: `config.json`, `vocab.txt`, `tokenizer_config.json`."""
    path = Path(path)
    path.mkdir(parents=True, exist_ok=True)
    config.architectures = ["RanerModel"]
    config.save_pretrained(path)
    vocabulary = tokenizer.tokenizer.get_vocab()
    (path / "vocab.txt").write_text("".join(f"{t}\n" for t in sorted(vocabulary, key=vocabulary.get)), "utf-8")
    settings = {"do_lower_case": bool(tokenizer.tokenizer.do_lower_case), "tokenizer_class": "BertTokenizer"}
    (path / "tokenizer_config.json").write_text(json.dumps(settings | {"model_max_length": 512}, indent=2), "utf-8")
    return path


def load_raner(source: str | Path = MINI_RANER) -> tuple[RanerModel, CharacterTokenizer]:
    """Load a tagger, in evaluation mode, float32, with eager attention.

    Args:
        source: our own directory, a ModelScope or AdaSeq RaNER directory, a plain
            `BertForTokenClassification` directory (its CRF is then zero: a softmax tagger),
            or an id on the Hugging Face Hub or ModelScope.

    Raises:
        CheckpointError: not there, not BERT, or a tensor is missing, unexpected or misshapen.
    """
    path = resolve(source)
    config = read_config(path)
    tokenizer = _read_tokenizer(path, config)
    return assemble(config, read_tensors(path), path), tokenizer


def _read_tokenizer(path: Path, config: BertConfig) -> CharacterTokenizer:
    try:
        tokenizer = CharacterTokenizer.from_directory(path)
    except FileNotFoundError as error:
        raise CheckpointError(str(error)) from None
    if len(tokenizer) > config.vocab_size:
        raise CheckpointError(f"{path}: vocab.txt has {len(tokenizer)} entries, the embedding only {config.vocab_size}")
    return tokenizer


def assemble(config: BertConfig, tensors: dict[str, Tensor], origin: str | Path = "model") -> RanerModel:
    """A model in evaluation mode around `tensors`, which are used as they are, not copied.

    Args:
        tensors: a whole state dict, by name.
        origin: where the tensors come from, for the error message.

    Raises:
        CheckpointError: a tensor is missing, unexpected or misshapen.
    """
    with torch.device("meta"):
        model = RanerModel(config)
    _check(model, tensors, origin)
    model.load_state_dict(tensors, assign=True)
    restore_buffers(model)
    return model.eval()


def restore_buffers(model: RanerModel) -> None:
    """Fill the position and type numbers of a model that was built on the meta device."""
    embeddings, positions = model.bert.embeddings, model.config.max_position_embeddings
    embeddings.position_ids = torch.arange(positions, device=model.device).expand(1, -1)
    embeddings.token_type_ids = torch.zeros(1, positions, dtype=torch.long, device=model.device)


def resolve(source: str | Path) -> Path:
    """A local directory for a path or an id (`HF_ENDPOINT` is honoured; `iic/` and `damo/` go to ModelScope).

    Raises:
        CheckpointError: no such directory, or the hub cannot be reached.
    """
    if Path(source).is_dir():
        return Path(source)
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", str(source)):
        raise CheckpointError(f"{source}: no such model directory, and not a hub id (owner/name)")
    try:
        return download_model(str(source))
    except HubError as error:
        raise CheckpointError(str(error)) from error


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
    labels = read_labels(path, settings)
    keep = {k: v for k, v in settings.items() if k not in ("id2label", "label2id", "num_labels", "torch_dtype", "type")}
    return BertConfig(
        **keep,
        id2label=dict(enumerate(labels)),
        label2id={label: i for i, label in enumerate(labels)},
        attn_implementation="eager",
    )


def read_labels(path: Path, settings: dict) -> list[str]:
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


_RENAMES = (
    (r"^((module|model)\.)+", ""),
    (r"^head\.", ""),
    (r"^embedder\.transformer_model\.", "bert."),
    (r"^encoder\.(?=embeddings\.|encoder\.|pooler\.)", "bert."),
    (r"^linear\.", "classifier."),
    (r"LayerNorm\.gamma$", "LayerNorm.weight"),
    (r"LayerNorm\.beta$", "LayerNorm.bias"),
)


_UNUSED = re.compile(r"position_ids$|token_type_ids$|^bert\.pooler\.|^cls\.")


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


def _check(model: RanerModel, tensors: dict[str, Tensor], origin: str | Path) -> None:
    wanted = {name: tuple(t.shape) for name, t in model.state_dict().items()}
    found = {name: tuple(t.shape) for name, t in tensors.items()}
    faults = [f"missing {name} {wanted[name]}" for name in wanted.keys() - found.keys()]
    faults += [f"unexpected {name} {found[name]}" for name in found.keys() - wanted.keys()]
    shared = wanted.keys() & found.keys()
    faults += [f"{n} is {found[n]}, config says {wanted[n]}" for n in shared if found[n] != wanted[n]]
    if faults:
        shown = "; ".join(sorted(faults)[:8])
        raise CheckpointError(f"{origin}: {len(faults)} tensors do not fit: {shown}{' …' if len(faults) > 8 else ''}")


def model_digest(model: RanerModel) -> str:
    """SHA-256 of the weights, names and shapes included."""
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    return hashlib.sha256(safetensors.torch.save(weights)).hexdigest()
