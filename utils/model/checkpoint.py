"""A RaNER model as a directory: found by path or id, loaded in full or not at all, saved.

The encoder may be narrower than its config says: `config.kept_heads` and `config.kept_neurons`
(the pruning map, written by `utils.compress.pruning.remove`) name what is left of each layer.
"""

import copy
import hashlib
from pathlib import Path

import safetensors.torch
import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import BertConfig

from utils.files import DATA, CheckpointError, is_hub_id, written_atomically
from utils.model.hub import HubError, download_model
from utils.model.layouts import read_config, read_tensors
from utils.model.raner import RanerModel, piece_limit
from utils.tagger.tokenizer import CharacterTokenizer
from utils.tagger.vocabulary import vocabulary_file, write_tokenizer

MINI_RANER = DATA / "models" / "mini-raner"
"""The embedded model."""


def load_raner(source: str | Path = MINI_RANER) -> tuple[RanerModel, CharacterTokenizer]:
    """Load a tagger, in evaluation mode, float32, with eager attention.

    Args:
        source: our own directory, a ModelScope or AdaSeq RaNER directory, a plain
            `BertForTokenClassification` directory (its CRF is then zero: a softmax tagger; it reads single
            characters, see `utils.tagger.tokenizer`),
            or an id on the Hugging Face Hub or ModelScope.

    Raises:
        CheckpointError: not there, not BERT, a damaged file, or a tensor is missing, unexpected or misshapen.
    """
    path = _directory_of(source)
    config = read_config(path)
    tokenizer = read_characters(path, config)
    return assemble(config, read_tensors(path), path), tokenizer


def read_characters(path: Path, config: BertConfig) -> CharacterTokenizer:
    """The tokenizer of a model directory.

    Raises:
        CheckpointError: no vocabulary, a damaged one, or one larger than the embedding.
    """
    tokenizer = CharacterTokenizer.from_directory(path, piece_limit(config))
    if len(tokenizer) > config.vocab_size:
        found = f"{vocabulary_file(path).name} has {len(tokenizer)} entries"
        raise CheckpointError(f"{path}: {found}, the embedding only {config.vocab_size}")
    return tokenizer


def assemble(config: BertConfig, tensors: dict[str, Tensor], origin: str | Path = "model") -> RanerModel:
    """A model in evaluation mode around `tensors`, which are used as they are, not copied.

    Args:
        tensors: a whole state dict, by name.
        origin: where the tensors come from, for the error message.

    Raises:
        CheckpointError: a config of no network, or a tensor is missing, unexpected or misshapen.
    """
    try:
        with torch.device("meta"):
            model = RanerModel(config)
    except (ValueError, KeyError, AssertionError) as error:
        raise CheckpointError(f"{origin}: config.json describes no BERT ({error})") from None
    _check(model, tensors, origin)
    model.load_state_dict(tensors, assign=True)
    restore_buffers(model)
    return model.eval()


def restore_buffers(model: RanerModel) -> None:
    """Fill the position and type numbers of a model that was built on the meta device."""
    embeddings, positions = model.bert.embeddings, model.config.max_position_embeddings
    embeddings.position_ids = torch.arange(positions, device=model.device).expand(1, -1)
    embeddings.token_type_ids = torch.zeros(1, positions, dtype=torch.long, device=model.device)


def _directory_of(source: str | Path) -> Path:
    """A local directory for a path or an id (`HF_ENDPOINT` is honoured; `iic/` and `damo/` go to ModelScope).

    Raises:
        CheckpointError: no such directory, or the hub cannot be reached.
    """
    if Path(source).is_dir():
        return Path(source)
    if not is_hub_id(str(source)):
        raise CheckpointError(f"{source}: no such model directory, and not a hub id (owner/name; no folder owner here)")
    try:
        return download_model(str(source))
    except HubError as error:
        raise CheckpointError(str(error)) from error


def _check(model: RanerModel, tensors: dict[str, Tensor], origin: str | Path) -> None:
    expected = {name: tuple(t.shape) for name, t in model.state_dict().items()}
    found = {name: tuple(t.shape) for name, t in tensors.items()}
    faults = [f"missing {name} {expected[name]}" for name in expected.keys() - found.keys()]
    faults += [f"unexpected {name} {found[name]}" for name in found.keys() - expected.keys()]
    shared = expected.keys() & found.keys()
    faults += [f"{n} is {found[n]}, config says {expected[n]}" for n in shared if found[n] != expected[n]]
    if faults:
        shown = "; ".join(sorted(faults)[:8])
        raise CheckpointError(f"{origin}: {len(faults)} tensors do not fit: {shown}{' …' if len(faults) > 8 else ''}")


def save_raner(
    model: RanerModel, tokenizer: CharacterTokenizer, path: str | Path, dtype: torch.dtype = torch.float32
) -> Path:
    """Write `model.safetensors`, `config.json` and the vocabulary to a directory, weights last.

    Args:
        dtype: of the stored numbers; float16 halves the file, and is read as float32 again.

    Returns:
        The directory.

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
    """Write everything but the weights: `config.json`, `vocab.txt`, `tokenizer_config.json`.

    Returns:
        The directory, made where it was not there.
    """
    path, config = Path(path), copy.deepcopy(config)
    path.mkdir(parents=True, exist_ok=True)
    config.architectures = ["RanerModel"]
    config.save_pretrained(path)
    write_tokenizer(tokenizer.tokenizer, path, config.max_position_embeddings)
    return path


def model_digest(model: RanerModel) -> str:
    """SHA-256 of the weights, names and shapes included, in hexadecimal."""
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    return hashlib.sha256(safetensors.torch.save(weights)).hexdigest()
