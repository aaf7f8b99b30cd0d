"""Models by id: from ModelScope for `iic/...` and `damo/...`, from the Hugging Face Hub for the rest.

ModelScope is spoken to over plain HTTP: one request lists a repository's files with their sizes
and SHA-256 sums, one request a file brings its bytes. A file arrives under the name `*.partial`,
is checked, and only then gets its own name; what is left of an interrupted download is continued.
The Hugging Face Hub is left to `huggingface_hub`, which knows its own mirrors, tokens and cache.
"""

import json
import os
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from huggingface_hub import is_offline_mode, snapshot_download
from huggingface_hub.errors import HTTPError as HubHTTPError
from platformdirs import user_cache_path
from tqdm.auto import tqdm

from utils.files import sha256

MODELSCOPE_OWNERS = ("iic", "damo")

CONFIG_FILES = (
    "config.json", "configuration.json", "label_mapping.json",
    "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "tokenizer.json", "vocab.txt",
)  # fmt: skip

WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")
"""In order of preference; one is downloaded, after all of `CONFIG_FILES`."""

_TIMEOUT = 30
"""Seconds without a byte."""

_CHUNK = 1 << 20
"""Bytes between two steps of the progress bar."""


class HubError(OSError):
    """A model that could not be downloaded; the message says what to do."""


def download_model(identifier: str) -> Path:
    """The directory of a downloaded model; without a network, that of an earlier download.

    `HF_ENDPOINT` and `MODELSCOPE_ENDPOINT` name mirrors; `HF_HUB_OFFLINE=1` forbids the network.

    Args:
        identifier: `owner/name`.

    Raises:
        HubError: not cached and the hub cannot be reached, no such model, or a damaged transfer.
    """
    if identifier.split("/")[0] in MODELSCOPE_OWNERS:
        return _from_modelscope(identifier)
    return _from_hugging_face(identifier)


def _from_hugging_face(identifier: str) -> Path:
    try:
        for weights in WEIGHT_FILES:
            directory = Path(snapshot_download(identifier, allow_patterns=[*CONFIG_FILES, weights]))
            if (directory / weights).is_file():
                return directory
    except (OSError, ValueError, HubHTTPError) as error:
        raise _unreachable(identifier, "the Hugging Face Hub", error, "HF_ENDPOINT") from error
    raise HubError(f"{identifier}: holds neither {' nor '.join(WEIGHT_FILES)}")


def _from_modelscope(identifier: str) -> Path:
    directory = cache_directory() / identifier
    if any((directory / weights).is_file() for weights in WEIGHT_FILES):
        return directory
    try:
        if is_offline_mode():
            raise OSError("HF_HUB_OFFLINE is set")
        listed = _list_files(identifier)
        for name in _files_of(identifier, listed):
            _fetch(identifier, listed[name], directory / name)
    except HubError:
        raise
    except (OSError, HTTPException, ValueError, KeyError, TypeError) as error:
        raise _unreachable(identifier, "ModelScope", error, "MODELSCOPE_ENDPOINT") from error
    return directory


def cache_directory() -> Path:
    """Where ModelScope's files are kept: `raner-course` in the user's cache, wherever the system has it."""
    return user_cache_path("raner-course", appauthor=False)


def _unreachable(identifier: str, hub: str, error: Exception, variable: str) -> HubError:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return HubError(
        f"{identifier}: no such directory here, and not downloaded from {hub} ({reason}). Set {variable} to a mirror "
        "that you can reach, or download the model elsewhere and pass its directory"
    )


def _url(identifier: str, path: str, **query: str) -> str:
    """An address of ModelScope's API, at the mirror that `MODELSCOPE_ENDPOINT` names; no other place reads that."""
    endpoint = os.environ.get("MODELSCOPE_ENDPOINT", "https://www.modelscope.cn").rstrip("/")
    return f"{endpoint}/api/v1/models/{identifier}/{path}?{urlencode({'Revision': 'master'} | query)}"


def _list_files(identifier: str) -> dict[str, dict]:
    """ModelScope's entries by path; `Size` in bytes, `Sha256` may be absent."""
    with urlopen(_url(identifier, "repo/files", Recursive="True"), timeout=_TIMEOUT) as response:
        answer = json.load(response)
    if not answer.get("Success"):
        raise OSError(answer.get("Message", "the answer says no success"))
    return {entry["Path"]: entry for entry in answer["Data"]["Files"] if entry["Type"] != "tree"}


def _files_of(identifier: str, listed: dict[str, dict]) -> list[str]:
    """Settings first, weights last: a directory that has weights is complete."""
    weights = [name for name in WEIGHT_FILES if name in listed][:1]
    if not weights:
        raise HubError(f"{identifier}: holds neither {' nor '.join(WEIGHT_FILES)}")
    return [name for name in CONFIG_FILES if name in listed] + weights


def _fetch(identifier: str, entry: dict, target: Path) -> None:
    if target.is_file():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.partial")
    _continue(_url(identifier, "repo", FilePath=entry["Path"]), partial, entry["Size"])
    if partial.stat().st_size < entry["Size"]:
        raise HubError(f"{identifier}: {target.name} broke off; give the same command again to continue")
    if not _is_intact(partial, entry):
        partial.unlink()
        raise HubError(f"{identifier}: {target.name} arrived damaged and was removed; try again")
    os.replace(partial, target)


def _continue(url: str, partial: Path, size: int) -> None:
    """Append the missing bytes; a server that ignores `Range` sends the file from its start."""
    have = partial.stat().st_size if partial.is_file() else 0
    if have >= size > 0:
        return
    request = Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    with urlopen(request, timeout=_TIMEOUT) as response, open(partial, "ab") as file:
        if response.status != 206:
            have = file.truncate(0)
        with tqdm(total=size, initial=have, desc=partial.stem, unit="B", unit_scale=True) as bar:
            while chunk := response.read(_CHUNK):
                file.write(chunk)
                bar.update(len(chunk))


def _is_intact(file: Path, entry: dict) -> bool:
    if file.stat().st_size != entry["Size"]:
        return False
    return not entry.get("Sha256") or sha256(file) == entry["Sha256"]
