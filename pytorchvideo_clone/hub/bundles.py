"""A trained model in one file, with all that is needed to use it."""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pytorchvideo_clone._whole import written_whole
from pytorchvideo_clone.hub.checkpoints import (
    CheckpointError,
    compare_states,
    load_state,
    read_checkpoint,
    with_other_names,
)
from pytorchvideo_clone.hub.registry import InputSpec, create_model, model_entry

__all__ = ["Bundle", "load_bundle", "save_bundle"]

# Arguments of create_model that open or fetch what they name.
_FETCHING = frozenset({"checkpoint", "pretrained"})


@dataclass(frozen=True)
class Bundle:
    """What a bundle holds besides the weights.

    Attributes:
        model: name of the model, as for `create_model`.
        model_kwargs: arguments with which `create_model` made it.
        input_spec: how it wants its clips.
        class_names: by class index, or None.
        extra: whatever else was saved.
    """

    model: str
    model_kwargs: dict[str, Any]
    input_spec: InputSpec
    class_names: tuple[str, ...] | None
    extra: dict[str, Any]


def save_bundle(
    path: str | os.PathLike[str],
    model: nn.Module,
    name: str,
    input_spec: InputSpec,
    class_names: Sequence[str] | None = None,
    *,
    model_kwargs: dict[str, Any] | None = None,
    **extra: Any,
) -> None:
    """Write a model's weights with what is needed to use them.

    The file is a checkpoint as well: `create_model(name, checkpoint=path, ...)` takes it.

    Args:
        path: the file; its folder is made if need be.
        model: the model.
        name: its name, as for `create_model`.
        input_spec: how it wants its clips.
        class_names: by class index.
        model_kwargs: arguments with which `create_model` makes it; default `num_classes`, the
            number of class names.
        extra: plain data or tensors to save with it, e.g. `accuracy={"top1": 91.0}`.

    Raises:
        ValueError: if `name` and `model_kwargs` make another model, there are more or fewer class
            names than classes, or something is not plain data.

    >>> import tempfile
    >>> from pytorchvideo_clone.hub import model_entry
    >>> model = create_model("x3d_tiny", num_classes=2)
    >>> spec = model_entry("x3d_tiny").input_spec
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_bundle(f"{folder}/model.pth", model, "x3d_tiny", spec, ["run", "walk"])
    ...     again, bundle = load_bundle(f"{folder}/model.pth")
    >>> bundle.class_names
    ('run', 'walk')
    """
    if model_kwargs is None:
        model_kwargs = {} if class_names is None else {"num_classes": len(class_names)}
    if fetching := _FETCHING & model_kwargs.keys():
        raise ValueError(
            f"model_kwargs has {min(fetching)!r}; the bundle has the weights, and fetches none."
        )
    counted = model_kwargs.get("num_classes")
    if class_names is not None and len(class_names) != (counted or len(class_names)):
        raise ValueError(f"there are {len(class_names)} class_names for {counted} classes.")
    fields = {**extra, **bundle_fields(name, input_spec, class_names, model_kwargs)}
    for key, value in fields.items():
        if not _is_plain(value):
            raise ValueError(
                f"{key} is {value!r}; expected plain data (numbers, strings, tensors, lists, "
                "tuples and dicts of them), since only that is read back."
            )
    with torch.device("meta"):
        rebuilt = create_model(name, **model_kwargs)
    report = compare_states(rebuilt.state_dict(), model.state_dict())
    if not report.complete:
        raise ValueError(
            f"create_model({name!r}, **{model_kwargs}) does not make this model: {report}. "
            "Give the model_kwargs that do."
        )
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as unfinished:
        torch.save({"model_state": model.state_dict(), **fields}, unfinished)


def bundle_fields(
    name: str,
    input_spec: InputSpec,
    class_names: Sequence[str] | None,
    model_kwargs: dict[str, Any],
) -> dict[str, Any]:
    """Give what a bundle holds besides the weights, as plain data; arguments as `save_bundle`.

    A checkpoint of Lightning's Trainer with this under "bundle" is read as a bundle too, if its
    module has the model as its `model`.
    """
    return {
        "model": name,
        "model_kwargs": model_kwargs,
        "input_spec": asdict(input_spec),
        "class_names": None if class_names is None else list(class_names),
    }


def load_bundle(path: str | os.PathLike[str]) -> tuple[nn.Module, Bundle]:
    """Rebuild a model from its bundle.

    Args:
        path: as `source` in `read_checkpoint`; also the `last.ckpt` of a training.

    Returns:
        The model, in training mode as modules are, on the CPU; and what was saved with it.

    Raises:
        CheckpointError: if it is no bundle, describes no model or input, or its weights do not fit
            its model.
        FileNotFoundError: if it does not exist.
        ValueError: if its model is not registered.
    """
    contents = read_checkpoint(path)
    lacking = [key for key in ("model", "model_kwargs", "input_spec") if key not in contents]
    if lacking:
        raise CheckpointError(
            f"{path} is a checkpoint, but no bundle: it lacks {', '.join(lacking)}. "
            "Use create_model(name, checkpoint=path); on the command line name the model, and give "
            "the file as --checkpoint."
        )
    try:
        input_spec = InputSpec(**contents["input_spec"])
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{path} describes its input in other words: {error}") from error
    names = check_class_names(contents.get("class_names"), path)
    name, model_kwargs = contents["model"], contents["model_kwargs"]
    if not isinstance(name, str):
        raise CheckpointError(f"{path} has a model {name!r:.80}; expected a name.")
    if not isinstance(model_kwargs, dict) or not all(map(_is_text, model_kwargs)):
        raise CheckpointError(f"{path} has model_kwargs {model_kwargs!r:.80}; expected a dict.")
    if fetching := _FETCHING & model_kwargs.keys():
        raise CheckpointError(
            f"{path} has {min(fetching)!r} in its model_kwargs, by which a file would decide what "
            "is opened or fetched; save the bundle without it."
        )
    bundle = Bundle(
        model=name,
        model_kwargs=model_kwargs,
        input_spec=input_spec,
        class_names=names,
        extra={
            key: value
            for key, value in contents.items()
            if key not in ("model_state", "model", "model_kwargs", "input_spec", "class_names")
        },
    )
    model_entry(name)  # says which names are near
    state, counted = contents["model_state"], model_kwargs.get("num_classes")
    if names is not None and counted is not None and len(names) != counted:
        raise CheckpointError(f"{path} has {len(names)} class_names for {counted} classes.")
    try:
        with torch.device("meta"):  # before memory is taken for what the file says
            rebuilt = create_model(name, **model_kwargs)
        report = compare_states(rebuilt.state_dict(), with_other_names(rebuilt, state))
        if report.complete:
            model = create_model(name, **model_kwargs)
    except Exception as error:  # whatever a builder makes of arguments that are none
        raise CheckpointError(
            f"{path} has model_kwargs that do not make {name}: {error or type(error).__name__}"
        ) from error
    if not report.complete:
        raise CheckpointError(f"{path} does not fit {name} with its model_kwargs: {report}.")
    load_state(model, state, str(path))
    return model, bundle


def check_class_names(names: Any, source: str | os.PathLike[str]) -> tuple[str, ...] | None:
    """Give the class names that a file holds, or None.

    Raises:
        CheckpointError: if they are something else than texts.
    """
    if names is None:
        return None
    if not (isinstance(names, list | tuple) and all(map(_is_text, names))):
        raise CheckpointError(f"{source} has class_names {names!r:.80}; expected a list of texts.")
    return tuple(names)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_is_plain, [*value.keys(), *value.values()]))
    if type(value) in (list, tuple):
        return all(map(_is_plain, value))
    return torch.is_tensor(value) or type(value) in (type(None), bool, int, float, str)
