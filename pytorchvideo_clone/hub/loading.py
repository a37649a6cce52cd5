"""From what a user names — a model, a checkpoint, an exported file, a URL — to a model in use."""

import json
import logging
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import urlparse

import torch
from torch import Tensor, nn

from pytorchvideo_clone.accelerator import EXPORTERS, ExportedModel, ExportError, load_exported
from pytorchvideo_clone.hub.bundles import check_class_names, load_bundle
from pytorchvideo_clone.hub.checkpoints import (
    CheckpointError,
    compare_states,
    load_state,
    read_checkpoint,
    with_other_names,
)
from pytorchvideo_clone.hub.class_names import read_class_names
from pytorchvideo_clone.hub.downloads import cached_path, discard, fetch
from pytorchvideo_clone.hub.registry import (
    MODELS,
    InputSpec,
    ModelEntry,
    Weights,
    create_model,
    model_entry,
)

__all__ = ["LoadedModel", "load_model"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoadedModel:
    """A model with weights, and how to use it.

    Attributes:
        model: a module in evaluation mode on the CPU, or the function of an exported file: clips
            (B, C, T, H, W) -> (B, classes) scores before softmax.
        name: of the model, as for `create_model`.
        input_spec: how it wants its clips.
        class_names: by class index, or None where nothing says them.
    """

    model: nn.Module | ExportedModel
    name: str
    input_spec: InputSpec
    class_names: tuple[str, ...] | None


def load_model(
    source: str | os.PathLike[str],
    checkpoint: str | os.PathLike[str] | None = None,
    *,
    task: str | None = "classification",
) -> LoadedModel:
    """Load a model by whatever says which one is meant.

    Args:
        source: a name of `list_models()`, for its published weights; or a path or URL, as in
            `read_checkpoint`, of a bundle, of the `last.ckpt` of a training, or of a file that
            `pytorchvideo-clone export` wrote. Load files of `aot_inductor` only from those whom
            you trust: they hold machine code.
        checkpoint: of the model that `source` names, instead of the published weights: a bundle, or
            a plain checkpoint with any number of classes.
        task: what the model must be for; None takes any.

    Raises:
        ValueError: if there is no such model, it is for another task or has no published weights,
            or `checkpoint` is of another.
        FileNotFoundError: if there is no such file.
        CheckpointError: if a checkpoint cannot be read, does not fit, or says too little.
        ExportError: if an exported file cannot be read.
        ImportError: if its runtime is missing, with the command that installs it.

    >>> import tempfile
    >>> from pytorchvideo_clone.hub import save_bundle
    >>> path = tempfile.mkdtemp() + "/model.pth"
    >>> model, spec = create_model("x3d_tiny", num_classes=2), model_entry("x3d_tiny").input_spec
    >>> save_bundle(path, model, "x3d_tiny", spec, ["run", "walk"])
    >>> loaded = load_model(path)
    >>> loaded.name, loaded.class_names
    ('x3d_tiny', ('run', 'walk'))
    """
    given = os.fspath(source)
    if given in MODELS:
        _check_task(given, task)  # before a download
        return _by_name(model_entry(given), checkpoint)
    if not is_file_name(given):
        model_entry(given)  # says which names are near
    if checkpoint is not None:
        raise ValueError(
            f"{given} is a file with weights of its own, and checkpoint={os.fspath(checkpoint)!r} "
            "is given too; choose one, or name the model."
        )
    loaded = _exported(given) if _suffix_of(given) else _bundled(given)
    _check_task(loaded.name, task)
    return loaded


def _check_task(name: str, task: str | None) -> None:
    if task is not None and name in MODELS and MODELS[name].task != task:
        raise ValueError(f"{name} is for {MODELS[name].task}; this takes a model for {task}.")


def _bundled(source: str | os.PathLike[str]) -> LoadedModel:
    """A bundle, which says by itself how it is used."""
    model, bundle = load_bundle(source)
    return LoadedModel(model.eval(), bundle.model, bundle.input_spec, bundle.class_names)


def _by_name(entry: ModelEntry, checkpoint: str | os.PathLike[str] | None) -> LoadedModel:
    """A model of the table with published weights, or with those of a checkpoint."""
    if checkpoint is None:
        model = create_model(entry.name, pretrained=True, **entry.logits)
        assert entry.weights is not None  # or create_model would have refused
        return LoadedModel(model.eval(), entry.name, entry.input_spec, _published(entry.weights))
    contents = read_checkpoint(checkpoint)
    if "model" in contents:
        if contents["model"] != entry.name:
            raise ValueError(f"{checkpoint} holds {contents['model']}, not {entry.name}.")
        return _bundled(checkpoint)
    model, classes = _of_state(entry, contents["model_state"], str(checkpoint))
    same = entry.weights is not None and classes in (None, entry.weights.num_classes)
    names = _published(entry.weights) if same and entry.weights else None
    return LoadedModel(model.eval(), entry.name, entry.input_spec, names)


def _of_state(
    entry: ModelEntry, state: Mapping[str, Tensor], source: str
) -> tuple[nn.Module, int | None]:
    """A model with the weights of a state dict, and its number of classes, if that is unusual."""
    if entry.convert is not None:
        state = entry.convert(state)
    with torch.device("meta"):
        usual = entry.build(**entry.logits)
    differ = compare_states(usual.state_dict(), with_other_names(usual, state)).other_class_count
    classes = differ and differ[1]
    model = entry.build(**entry.logits, **({"num_classes": classes} if classes else {}))
    load_state(model, state, source)
    return model, classes


def _published(weights: Weights) -> tuple[str, ...] | None:
    """The class names of published weights; None, and a warning, where they cannot be fetched."""
    try:
        names = read_class_names(weights.class_names, count=weights.num_classes)
    except (CheckpointError, FileNotFoundError) as error:
        cause, _, _ = str(error).partition(";")
        logger.warning("classes are called by their numbers, since %s.", cause)
        return None
    return tuple(names[number] for number in sorted(names))  # AVA's numbers begin at 1


def _exported(source: str) -> LoadedModel:
    """An exported file, which says by itself how it is used."""
    path = fetch(source)
    suffix = _suffix_of(path.name)
    (exporter,) = (one for one in EXPORTERS.values() if one.suffix == suffix)
    for wanted, other in zip(exporter.files(path)[1:], exporter.beside, strict=True):
        if not wanted.exists():  # a download of its own
            shutil.copyfile(fetch(source.removesuffix(suffix) + other), wanted)
    try:
        exported = load_exported(path)
    except ExportError:
        if cached_path(source) is not None:  # a broken download; the next call fetches it again
            for file in exporter.files(path):
                file.unlink(missing_ok=True)
            for other in exporter.beside:
                discard(source.removesuffix(suffix) + other)
        raise
    try:
        told = {key: json.loads(exported.metadata[key]) for key in ("input_spec", "class_names")}
        spec = InputSpec(**{key: _tupled(value) for key, value in told["input_spec"].items()})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(
            f"{source} does not say how it wants its clips and what its classes are called "
            f"({error}); make it by `pytorchvideo-clone export`, or use `load_exported`."
        ) from error
    names = check_class_names(told["class_names"], source)
    name = exported.metadata.get("model", PurePath(source).name)
    return LoadedModel(exported, name, spec, names)


def _tupled(value: Any) -> Any:
    """JSON has lists where a specification has tuples."""
    return tuple(value) if isinstance(value, list) else value


def is_file_name(source: str) -> bool:
    """Whether a text means a file or a URL, not the name of a model."""
    return bool(urlparse(source).scheme or PurePath(source).suffix or os.sep in source) or (
        Path(source).exists()
    )


def _suffix_of(name: str) -> str:
    """How an exported file ends, the longest first: `.aoti.pt2` before `.pt2`; else nothing."""
    suffixes = sorted((one.suffix for one in EXPORTERS.values()), key=len, reverse=True)
    return next((suffix for suffix in suffixes if name.endswith(suffix)), "")
