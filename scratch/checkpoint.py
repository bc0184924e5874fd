"""Checkpoints: a training run in one safetensors file, and weights that travel to torch and back. No pickle.

A run continued from a checkpoint is, bit for bit, the run that was never interrupted.
"""

from __future__ import annotations

import copy
import json
import os
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import safetensors
import safetensors.numpy

from scratch import random
from scratch.module import Module
from scratch.torch_files import bfloat16_to_float32, is_zip, read_torch

_OPTIMIZER = "optimizer/"  # before the names of the optimizer's arrays; no parameter's name has a slash
_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BOOL": "?"} | {
    f"{s}{8 * n}": f"<{s.lower()}{n}" for s in "IU" for n in (1, 2, 4, 8)
}


class Checkpoint(NamedTuple):
    """What `load` gives back beside what it loaded into the model and the others."""

    epoch: int
    extra: Any


def save(path, model: Module, optimizer=None, scheduler=None, *, epoch: int = 0, rng=None, extra=None) -> None:
    """Write model, optimizer, scheduler, epoch and the state of all generators into one safetensors file.

    Parameters
    ----------
    path : the file. It is replaced in one stroke: at any moment it holds the old checkpoint or the new one, whole.
    epoch : how many epochs are done. extra : anything JSON can hold, such as `history.rows`.
    rng : a Generator of your own (the one given to `fit`); the shared one and those held by modules
        (`Dropout(rng=...)`) are saved anyway.

    The weights have their state_dict keys, so `safetensors.torch.load_file` finds them; for a file of nothing else
    see `save_weights`. `load` takes it up again.
    """
    arrays = _weights(model)
    content = {"epoch": epoch, "extra": extra, "generators": _generator_states(model, rng)}
    if optimizer is not None:
        content["optimizer"] = _without_arrays(optimizer.state_dict(), _OPTIMIZER, arrays)
    if scheduler is not None:
        content["scheduler"] = {"class": type(scheduler).__name__, "state": scheduler.state_dict()}
    text = json.dumps(content)
    _write(path, arrays, {"scratch": text, "crc32": str(_checksum(text, arrays))})


def load(path, model: Module, optimizer=None, scheduler=None, *, rng=None) -> Checkpoint:
    """Take up a run where `save` left it: (epoch, extra).

    Raises ValueError, and changes nothing, if the file is damaged or none of `save`'s, or if what it holds does not
    fit the model, the optimizer, the scheduler or the generators.
    """
    arrays, metadata = _read(path)
    if "scratch" not in metadata:
        raise ValueError(f"{path} is no checkpoint of scratch.checkpoint.save; for a file of weights use load_weights")
    if str(_checksum(metadata["scratch"], arrays)) != metadata.get("crc32"):
        raise ValueError(f"{path} is damaged: its checksum is wrong")
    content = json.loads(metadata["scratch"])
    for name, wanted in (("optimizer", optimizer), ("scheduler", scheduler)):
        if wanted is not None and name not in content:
            raise ValueError(f"{path} was saved without {name}")
    changes = []
    if optimizer is not None:
        trial = copy.copy(optimizer)  # load_state_dict gives it a new state and new groups
        trial.load_state_dict(_with_arrays(content["optimizer"], arrays))
        changes.append(lambda: vars(optimizer).update(vars(trial)))
    for generator, state in _matched(path, content["generators"], _generators(model, rng)):
        changes.append(lambda generator=generator, state=state: setattr(generator.bit_generator, "state", state))
    before = None if scheduler is None else scheduler.state_dict()
    try:
        if scheduler is not None:
            _load_scheduler(path, scheduler, content["scheduler"])
        model.load_state_dict({key: a for key, a in arrays.items() if not key.startswith(_OPTIMIZER)})
    except Exception:
        if scheduler is not None:
            scheduler.load_state_dict(before)
        raise
    for change in changes:
        change()
    return Checkpoint(content["epoch"], content["extra"])


def save_weights(path, model: Module) -> None:
    """The model's state_dict alone: `torch_model.load_state_dict(safetensors.torch.load_file(path))`."""
    _write(path, _weights(model), {"format": "pt"})


def load_weights(path, key: str | None = None) -> dict[str, np.ndarray]:
    """The state_dict in a file of weights, for `model.load_state_dict`.

    Reads safetensors files (of `save`, `save_weights`, torch or others) and `torch.save`'s without torch: of the
    latter only dictionaries of tensors, and no code in them is ever run. bfloat16 becomes float32.

    key : the entry that holds the state_dict, where the file has several (`{"model": ..., "epoch": ...}`).

    Raises ValueError if the file is damaged or holds anything else.
    """
    if not is_zip(path):
        arrays, metadata = _read(path)
        if "scratch" in metadata and str(_checksum(metadata["scratch"], arrays)) != metadata.get("crc32"):
            raise ValueError(f"{path} is damaged: its checksum is wrong")
        return {name: a for name, a in arrays.items() if not name.startswith(_OPTIMIZER)}
    found = read_torch(path)
    if key is not None:
        if not isinstance(found, dict) or key not in found:
            raise ValueError(
                f"{path} has no entry {key!r}" + (f" but {list(found)}" if isinstance(found, dict) else "")
            )
        found = found[key]
    if not isinstance(found, dict):
        raise ValueError(f"{path} holds a {type(found).__name__}, no state_dict")
    for name, value in found.items():
        if not isinstance(value, np.ndarray):
            inner = [k for k, v in found.items() if isinstance(v, dict)]
            hint = f"; perhaps load_weights(path, key={inner[0]!r})" if inner else ""
            raise ValueError(f"{path} holds no state_dict: {name!r} is a {type(value).__name__}{hint}")
    return dict(found)


# ---------------------------------------------------------------------- files


def _weights(model: Module) -> dict[str, np.ndarray]:
    arrays = model.state_dict()
    for key in arrays:
        if key.startswith(_OPTIMIZER):
            raise ValueError(f"checkpoint: the name {key!r} cannot be saved: it starts with {_OPTIMIZER!r}")
    return arrays


def _write(path, arrays: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
    """To a new file beside it, onto the disk, then over the old one."""
    content = safetensors.numpy.save({name: _plain_memory(a) for name, a in arrays.items()}, metadata)
    path = Path(os.path.realpath(path))
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """So that the new name survives a power cut too; not all systems can."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)


def _read(path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """(arrays, metadata) of a safetensors file."""
    content = Path(path).read_bytes()
    try:
        entries = safetensors.deserialize(content)
    except safetensors.SafetensorError as error:
        raise ValueError(f"{path} is damaged, cut short, or no safetensors file: {error}") from error
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    arrays = {}
    for name, entry in entries:
        if entry["dtype"] == "BF16":
            array = bfloat16_to_float32(np.frombuffer(entry["data"], "<u2"))
        elif entry["dtype"] in _DTYPES:
            array = np.frombuffer(entry["data"], _DTYPES[entry["dtype"]]).copy()
        else:
            raise ValueError(f"{path}: {name} has dtype {entry['dtype']}, which NumPy has not")
        arrays[name] = array.reshape(entry["shape"])
    return arrays, header.get("__metadata__", {})


def _plain_memory(array):
    """Row by row and in this machine's byte order: safetensors writes the bytes as they lie in memory."""
    return np.asarray(array, array.dtype.newbyteorder("="), order="C")


def _checksum(text: str, arrays: dict[str, np.ndarray]) -> int:
    crc = zlib.crc32(text.encode())
    for name in sorted(arrays):
        array = _plain_memory(arrays[name])
        crc = zlib.crc32(f"{name} {array.dtype.name} {array.shape}".encode(), crc)
        crc = zlib.crc32(array.reshape(-1).view(np.uint8), crc)
    return crc


# ---------------------------------------------------------------------- what a file says in words


def _without_arrays(value, path: str, arrays: dict):
    """value for JSON: arrays go into `arrays` under their path, dictionaries become lists of pairs."""
    if isinstance(value, np.ndarray):
        arrays[path] = value
        return {"array": path}
    if isinstance(value, dict):
        return {
            "pairs": [
                [k, _without_arrays(v, f"{path}{k}" if path.endswith("/") else f"{path}/{k}", arrays)]
                for k, v in value.items()
            ]
        }
    if isinstance(value, (list, tuple)):
        return [_without_arrays(v, f"{path}/{i}", arrays) for i, v in enumerate(value)]
    return value.item() if isinstance(value, np.generic) else value


def _with_arrays(value, arrays: dict):
    """The other way."""
    if isinstance(value, dict):
        if "array" in value:
            return arrays[value["array"]]
        return {k: _with_arrays(v, arrays) for k, v in value["pairs"]}
    return [_with_arrays(v, arrays) for v in value] if isinstance(value, list) else value


def _generators(model: Module, rng) -> dict[str, np.random.Generator]:
    """Every generator the run draws from, by name."""
    found = {"shared": random.generator()}
    if rng is not None:
        if not isinstance(rng, np.random.Generator):
            raise TypeError(f"checkpoint: rng must be a numpy.random.Generator, but is a {type(rng).__name__}")
        found["rng"] = rng
    for path, module in model.named_modules():
        for name, value in vars(module).items():
            if isinstance(value, np.random.Generator):
                found[f"model.{path}.{name}"] = value
    return found


def _generator_states(model: Module, rng) -> dict[str, dict]:
    return {name: _plain(generator.bit_generator.state) for name, generator in _generators(model, rng).items()}


def _plain(value):
    """NumPy's numbers and arrays as Python's, for JSON; a bit generator takes them back as they are."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value


def _matched(path, states: dict[str, dict], generators: dict[str, np.random.Generator]):
    if missing := generators.keys() - states.keys():
        raise ValueError(f"{path} was saved without the generators {sorted(missing)}")
    for name, generator in generators.items():
        kind = generator.bit_generator.state["bit_generator"]
        if states[name]["bit_generator"] != kind:
            raise ValueError(f"{path}: the generator {name} was a {states[name]['bit_generator']}, but is now a {kind}")
    return [(generator, states[name]) for name, generator in generators.items()]


def _load_scheduler(path, scheduler, saved) -> None:
    if saved["class"] != type(scheduler).__name__:
        raise ValueError(f"{path} holds the state of a {saved['class']}, not of a {type(scheduler).__name__}")
    scheduler.load_state_dict(saved["state"])
