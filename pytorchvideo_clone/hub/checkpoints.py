"""Weights from a file or a URL into a model, with an account of every key."""

import os
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from pytorchvideo_clone.hub.downloads import CheckpointError, discard, fetch

__all__ = [
    "CheckpointError",
    "LoadReport",
    "compare_states",
    "load_checkpoint",
    "load_state",
    "read_checkpoint",
]

Shape = tuple[int, ...]

_PIECE = 1 << 20  # bytes of a file that are looked at at a time


@dataclass(frozen=True)
class LoadReport:
    """What became of each key of a model and of a checkpoint.

    Attributes:
        loaded: keys that the model took from the checkpoint.
        missing: keys of the model that the checkpoint lacks.
        unexpected: keys of the checkpoint that the model lacks.
        mismatched: keys of both with different shapes: (the model's, the checkpoint's).

    >>> print(LoadReport(loaded=("a", "b"), missing=("c",)))
    2 entries loaded, 1 missing (c)
    """

    loaded: tuple[str, ...]
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    mismatched: Mapping[str, tuple[Shape, Shape]] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether model and checkpoint have the same keys with the same shapes."""
        return not (self.missing or self.unexpected or self.mismatched)

    @property
    def other_class_count(self) -> tuple[int, int] | None:
        """(the model's, the checkpoint's) number of classes, if that is all that differs."""
        shapes = list(self.mismatched.values())
        if self.missing or self.unexpected or not all(ours and theirs for ours, theirs in shapes):
            return None
        counts = {(ours[0], theirs[0]) for ours, theirs in shapes}
        tails_agree = all(ours[1:] == theirs[1:] for ours, theirs in shapes)
        return counts.pop() if tails_agree and len(counts) == 1 else None

    def __str__(self) -> str:
        """One sentence with the counts and the first keys."""
        parts = [f"{len(self.loaded)} entries loaded"]
        for word, keys in (("missing", self.missing), ("unexpected", self.unexpected)):
            if keys:
                parts.append(f"{len(keys)} {word} ({_first(keys)})")
        if self.mismatched:
            shapes = [
                f"{key}: {list(ours)} in the model, {list(theirs)} in the checkpoint"
                for key, (ours, theirs) in self.mismatched.items()
            ]
            parts.append(f"{len(shapes)} mismatched ({_first(shapes)})")
        return ", ".join(parts)


def load_checkpoint(
    model: nn.Module,
    source: str | os.PathLike[str],
    *,
    strict: bool = True,
    head: Literal["keep", "new", "none"] = "keep",
    progress: bool = True,
    sha256: str | None = None,
    convert: Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]] | None = None,
) -> LoadReport:
    """Load weights into `model`, in place.

    Args:
        model: the model.
        source: as in `read_checkpoint`.
        strict: refuse a checkpoint that differs from the model beyond what `head` allows; False
            loads what fits.
        head: "keep" takes the checkpoint's; "new" lets entries whose number of classes differs keep
            the model's values; "none" leaves out what the model does not have.
        progress: as in `read_checkpoint`.
        sha256: as in `read_checkpoint`.
        convert: gives the state dict the model's keys; default: it has them.

    Returns:
        What was loaded and what was not.

    Raises:
        CheckpointError: if the source cannot be read, or does not fit; the model is unchanged then.
        FileNotFoundError: if it does not exist.
    """
    contents = read_checkpoint(source, progress=progress, sha256=sha256)
    made_from = f" (of {contents['model']})" if "model" in contents else ""
    state = contents["model_state"] if convert is None else convert(contents["model_state"])
    return load_state(model, state, f"{source}{made_from}", strict=strict, head=head)


def load_state(
    model: nn.Module,
    state: Mapping[str, Tensor],
    source: str,
    *,
    strict: bool = True,
    head: Literal["keep", "new", "none"] = "keep",
) -> LoadReport:
    """Load a state dict into `model`, in place; arguments and errors as in `load_checkpoint`."""
    _check_tensors(model.state_dict(), state, source)
    state = with_other_names(model, state)
    report = compare_states(model.state_dict(), state)
    allowed = (
        report.complete
        or (head == "new" and report.other_class_count is not None)
        or (head == "none" and not report.missing and not report.mismatched)
    )
    if not report.loaded or (strict and not allowed):
        hint = ""
        if report.other_class_count is not None:
            ours, theirs = report.other_class_count
            hint = (
                f" Pass num_classes={theirs} for the checkpoint's classes, "
                f"or num_classes={ours} for a new head."
            )
        raise CheckpointError(f"{source} does not fit the model: {report}.{hint}")
    # Nothing that was checked above can fail between two entries.
    model.load_state_dict({key: state[key] for key in report.loaded}, strict=False)
    return report


def _check_tensors(ours: Mapping[str, Tensor], state: Mapping[str, Tensor], source: str) -> None:
    """Refuse what is no plain tensor of numbers, of which a model would take a part at most."""
    for key, value in state.items():
        if kind := _odd_kind(value):
            raise CheckpointError(
                f"{source} holds {key!r} as a {kind} tensor; expected a plain one, with its "
                "numbers: save what `dequantize`, `to_dense` or loading to the CPU gives."
            )
        if key in ours and value.is_complex() and not ours[key].is_complex():
            raise CheckpointError(
                f"{source} holds {key!r} in {value.dtype}; expected real numbers."
            )


def _odd_kind(value: Tensor) -> str:
    if value.is_quantized:
        return "quantized"
    if value.is_nested:
        return "nested"
    if value.layout != torch.strided:
        return "sparse"
    return "meta" if value.is_meta else ""


def with_other_names(model: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """`state`, with its entries also under the other names that the model has for them.

    Models that hold a tensor under two names load checkpoints with either, as of PyTorchVideo's
    first MViT models.
    """
    ours = model.state_dict(keep_vars=True)
    named = {id(ours[key]): value for key, value in state.items() if key in ours}
    others = {key: named[id(tensor)] for key, tensor in ours.items() if id(tensor) in named}
    return {**others, **state}


def compare_states(model_state: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> LoadReport:
    """Say which entries of `state` fit those of a model, by key and shape."""
    shared = [key for key in model_state if key in state]
    mismatched = {
        key: (tuple(model_state[key].shape), tuple(state[key].shape))
        for key in shared
        if model_state[key].shape != state[key].shape
    }
    return LoadReport(
        loaded=tuple(key for key in shared if key not in mismatched),
        missing=tuple(key for key in model_state if key not in state),
        unexpected=tuple(key for key in state if key not in model_state),
        mismatched=mismatched,
    )


def read_checkpoint(
    source: str | os.PathLike[str], *, progress: bool = True, sha256: str | None = None
) -> dict[str, Any]:
    """Read a checkpoint onto the CPU; only tensors and plain data are unpickled.

    Args:
        source: a path, a file:// URL, an http(s) URL, which is downloaded once into the cache of
            `torch.hub`, or a URI of a scheme registered with iopath. The file holds
            {"model_state": state dict, ...} or a state dict; or it is a checkpoint of Lightning's
            Trainer that a training of ours wrote.
        progress: show a bar while downloading.
        sha256: the first digits of the file's SHA-256, which is then checked.

    Returns:
        The file's contents, with the state dict as "model_state".

    Raises:
        CheckpointError: if it cannot be fetched, is no checkpoint, or holds tensors without their
            numbers, or sparse or quantized ones, as the state.
        FileNotFoundError: if it does not exist.
    """
    path = fetch(source, progress=progress, sha256=sha256)
    try:
        _check_sums(path)
        contents = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever the bytes make of pickle and zip
        discard(source)
        reason = error if isinstance(error, zipfile.BadZipFile) else type(error).__name__
        raise CheckpointError(
            f"{source} cannot be read as a checkpoint ({reason}); expected a file "
            "that torch.save wrote, with tensors and plain data only."
        ) from error
    if isinstance(contents, dict) and {"bundle", "state_dict"} <= contents.keys():
        contents = {**contents["bundle"], "model_state": _of_module(contents["state_dict"])}
    if not isinstance(contents, dict) or "model_state" not in contents:
        contents = {"model_state": contents}
    state = contents["model_state"]
    if not isinstance(state, Mapping) or not state or not all(map(torch.is_tensor, state.values())):
        held = _first([str(key) for key in state]) if isinstance(state, Mapping) else type(state)
        raise CheckpointError(
            f"{source} holds {held or 'nothing'}; "
            "expected a state dict, or one under 'model_state'."
        )
    _check_tensors({}, state, str(source))
    return contents


def _check_sums(path: Path) -> None:
    """Compare all that is in a file with its CRC-32s, which torch.load does not look at."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            if entry.compress_type != zipfile.ZIP_STORED:  # a small file may hold a large one
                raise zipfile.BadZipFile(f"{entry.filename} is compressed, as torch writes none")
            if entry.CRC:  # torch can be told to write none
                with archive.open(entry) as data:
                    while data.read(_PIECE):
                        pass


def _of_module(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state of the `model` of a LightningModule, of that of the whole."""
    start = "model."
    return {key[len(start) :]: value for key, value in state.items() if key.startswith(start)}


def _first(items: tuple[str, ...] | list[str], count: int = 3) -> str:
    return ", ".join(items[:count]) + (", …" if len(items) > count else "")
