"""The table of models: what each is fed, where its weights are, and how to get it."""

import difflib
import functools
import logging
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from fractions import Fraction
from numbers import Integral, Real
from typing import Any, Literal, Protocol, get_args

from torch import Tensor, nn

from pytorchvideo_clone.hub.checkpoints import load_checkpoint

__all__ = [
    "MAX_INPUT",
    "MODELS",
    "InputSpec",
    "ModelEntry",
    "Weights",
    "create_model",
    "hub_model_builder",
    "list_models",
    "model_entry",
    "register",
]

logger = logging.getLogger(__name__)

Converter = Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]]

# Largest count of frames, pixels or clips that an InputSpec may ask for; a file may hold one.
MAX_INPUT = 1 << 14
Placement = Literal["endpoints", "division"]
_PLACEMENTS: tuple[str, ...] = get_args(Placement)
_WHOLE = ("num_frames", "crop", "side", "test_clips", "test_crops")

HUB_ARGUMENTS = """

    Args:
        pretrained: load the published weights.
        progress: show a bar while downloading.
        kwargs: `num_classes`, `checkpoint`, and arguments of the builder, as for `create_model`.
    """


@dataclass(frozen=True)
class InputSpec:
    """How a model wants its clips, in training and in testing.

    Attributes:
        num_frames: frames of a clip.
        sampling_rate: frames of the video per frame of the clip, at `fps`.
        crop: side of the square crop in training, in pixels.
        side: short side to which a test video is scaled, in pixels.
        test_crop: side of the square test crop, in pixels; default `crop`.
        train_side: the range from which the short side is drawn in training; default `side` alone.
        mean: of each channel, after division by 255.
        std: of each channel, after division by 255.
        fps: the time base of `sampling_rate`, frames a second.
        alpha: frames of the fast pathway per frame of the slow one, or None for one pathway.
        test_clips: clips of a test video.
        test_crops: crops of each of them, along the longer side: 1 (centre) or 3.
        clip_placement: where clip i of n starts in a video with `rest` seconds besides one clip:
            "endpoints" at rest * i / (n - 1), "division" at rest * i / n; a single clip at 0.

    >>> InputSpec(num_frames=8, sampling_rate=8, crop=224, side=256).clip_duration
    Fraction(32, 15)
    """

    num_frames: int
    sampling_rate: int
    crop: int
    side: int
    test_crop: int = 0
    train_side: tuple[int, int] = (0, 0)
    mean: tuple[float, float, float] = (0.45, 0.45, 0.45)
    std: tuple[float, float, float] = (0.225, 0.225, 0.225)
    fps: int = 30
    alpha: int | None = None
    test_clips: int = 10
    test_crops: int = 3
    clip_placement: Placement = "endpoints"

    def __post_init__(self) -> None:
        """Check the fields, which may come from a file, and fill in what depends on others."""
        for name in _WHOLE:
            _check_number(name, getattr(self, name), Integral)
        for name in ("sampling_rate", "fps"):
            _check_number(name, getattr(self, name), Real)
        if self.alpha is not None:
            _check_number("alpha", self.alpha, Integral)
        if self.test_crop:
            _check_number("test_crop", self.test_crop, Integral)
        for name in ("mean", "std", "train_side"):
            value = getattr(self, name)
            if not isinstance(value, tuple | list) or not value:
                raise ValueError(f"{name} is {value!r}; expected a tuple of numbers.")
            if not all(isinstance(one, Real) and math.isfinite(one) for one in value):
                raise ValueError(f"{name} is {value!r}; expected finite numbers.")
        if self.clip_placement not in _PLACEMENTS:
            known = ", ".join(_PLACEMENTS)
            raise ValueError(f"clip_placement is {self.clip_placement!r}; choose one of {known}.")
        if len(self.mean) != len(self.std):
            raise ValueError(f"mean has {len(self.mean)} channels, std {len(self.std)}.")
        if not self.test_crop:
            object.__setattr__(self, "test_crop", self.crop)
        if not any(self.train_side):
            object.__setattr__(self, "train_side", (self.side, self.side))

    @property
    def clip_duration(self) -> Fraction:
        """Seconds that a clip spans: num_frames * sampling_rate / fps."""
        return Fraction(self.num_frames * self.sampling_rate) / Fraction(self.fps)

    @property
    def input_shape(self) -> tuple[int, int, int, int]:
        """Shape of a training clip: (C, T, H, W)."""
        return len(self.mean), self.num_frames, self.crop, self.crop


def _check_number(name: str, value: Any, kind: type[Any]) -> None:
    if not isinstance(value, kind) or isinstance(value, bool) or not 0 < float(value) <= MAX_INPUT:
        whole = "a whole number" if kind is Integral else "a number"
        raise ValueError(f"{name} is {value!r}; expected {whole} above 0, at most {MAX_INPUT}.")


@dataclass(frozen=True)
class Weights:
    """Published weights.

    Attributes:
        url: where they are.
        dataset: what they were trained on.
        num_classes: number of classes.
        class_names: URL of the class names.
        accuracy: published numbers in per cent, e.g. {"top1": 74.58, "top5": 91.63}.
        gflops: of one view, in 10^9 multiply-adds.
        params: number of parameters.
        paper: URL of the paper.
        licence: under which they were published, as far as is known.
        pretraining: data set of an earlier training, or None.
        sha256: first digits of the file's SHA-256, or None where it is not known.
    """

    url: str
    dataset: str
    num_classes: int
    class_names: str
    accuracy: dict[str, float] = field(hash=False)
    gflops: float | None
    params: int
    paper: str
    licence: str
    pretraining: str | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class ModelEntry:
    """A line of the table `MODELS`.

    Attributes:
        name: the model's name.
        build: makes it with random weights; takes `num_classes` and the builder's arguments.
        input_spec: how it wants its clips.
        weights: its published weights, or None.
        task: "classification" or "detection".
        logits: arguments of `build` that make it give scores before softmax, as training and
            evaluation want them; empty where it gives them anyway.
        convert: turns the state dict of a checkpoint with another project's keys into one with
            ours, and leaves ours as it is; None if the published weights have ours.
    """

    name: str
    build: Callable[..., nn.Module]
    input_spec: InputSpec
    weights: Weights | None
    task: str
    logits: dict[str, Any] = field(default_factory=dict, hash=False)
    convert: Converter | None = None


class HubFunction(Protocol):
    """The signature of every model of the table, as PyTorchVideo's and torch.hub's."""

    __name__: str

    def __call__(self, pretrained: bool = False, progress: bool = True, **kwargs: Any) -> nn.Module:
        """Make the model, as `create_model` does."""


MODEL_ZOO_ROOT_DIR = "https://dl.fbaipublicfiles.com/pytorchvideo/model_zoo"

MODELS: dict[str, ModelEntry] = {}


def register(
    input_spec: InputSpec,
    weights: Weights | None = None,
    task: str = "classification",
    logits: dict[str, Any] | None = None,
    convert: Converter | None = None,
) -> Callable[[Callable[..., nn.Module]], HubFunction]:
    """Enter a function that builds a model into the table, under its name.

    The function takes `num_classes` with a default, and other keyword arguments if it likes; it
    becomes one with the signature (pretrained=False, progress=True, **kwargs).

    Args:
        input_spec: how the model wants its clips.
        weights: its published weights, or None.
        task: "classification", or "detection" if the model takes boxes besides the clip.
        logits: as in `ModelEntry`.
        convert: as in `ModelEntry`.

    Raises:
        ValueError: if another module has registered the name.

    >>> from pytorchvideo_clone.models import create_x3d
    >>> spec = InputSpec(num_frames=4, sampling_rate=12, crop=112, side=128)
    >>> @register(spec)
    ... def x3d_mine(num_classes=400, **kwargs):
    ...     return create_x3d(model_num_class=num_classes, input_clip_length=4, **kwargs)
    >>> create_model("x3d_mine", num_classes=3).blocks[5].proj.out_features
    3
    >>> del MODELS["x3d_mine"]
    """

    def decorate(build: Callable[..., nn.Module]) -> HubFunction:
        name = build.__name__
        if name in MODELS and MODELS[name].build.__module__ != build.__module__:
            raise ValueError(f"{name} is already registered by {MODELS[name].build.__module__}.")
        MODELS[name] = ModelEntry(name, build, input_spec, weights, task, logits or {}, convert)

        @functools.wraps(build)
        def hub_function(
            pretrained: bool = False, progress: bool = True, **kwargs: Any
        ) -> nn.Module:
            return create_model(name, pretrained=pretrained, progress=progress, **kwargs)

        hub_function.__doc__ = f"{build.__doc__}{HUB_ARGUMENTS}"
        del hub_function.__wrapped__  # the published signature is the hub's, not the builder's
        return hub_function

    return decorate


def list_models(filter: str = "") -> list[str]:
    """Name the models of the table.

    Args:
        filter: part of the name; * stands for anything.

    >>> list_models("slow_r50")
    ['slow_r50', 'slow_r50_detection']
    """
    return [name for name in MODELS if fnmatch(name, f"*{filter.lower()}*")]


def model_entry(name: str) -> ModelEntry:
    """Look up a model.

    Raises:
        ValueError: if there is none of this name, with those that are nearest.

    >>> model_entry("slow_r50").input_spec.num_frames
    8
    """
    if name not in MODELS:
        near = difflib.get_close_matches(name, MODELS, n=3, cutoff=0.4) or list(MODELS)
        raise ValueError(
            f"there is no model {name!r}; did you mean {' or '.join(near)}? "
            "list_models() names them all."
        )
    return MODELS[name]


def create_model(
    name: str,
    pretrained: bool = False,
    checkpoint: str | os.PathLike[str] | None = None,
    num_classes: int | None = None,
    progress: bool = True,
    **kwargs: Any,
) -> nn.Module:
    """Make a model by name, with random, published or own weights.

    With weights and `num_classes` given, a head for another number of classes stays new and
    everything else is loaded: the start of a fine-tuning. With `head=None` the model gives
    features, and the head's weights are left out. What was loaded stands in the model's
    `load_report`; if that is not everything, it is logged as a warning.

    Args:
        name: one of `list_models()`.
        pretrained: load the published weights.
        checkpoint: load these, from a path or URL as in `read_checkpoint`.
        num_classes: number of classes; default that of the published weights if they are loaded,
            else that of the builder.
        progress: show a bar while downloading.
        kwargs: arguments of the builder, which win over those of the published model.

    Returns:
        The model, in training mode as modules are: call `.eval()` before predicting.

    Raises:
        ValueError: for an unknown name, a bad number of classes, weights that do not exist.
        CheckpointError: as in `load_checkpoint`.
        FileNotFoundError: if `checkpoint` does not exist.

    >>> model = create_model("x3d_xs", num_classes=5)
    >>> model.blocks[5].proj
    Linear(in_features=2048, out_features=5, bias=True)
    """
    entry = model_entry(name)
    if num_classes is not None:
        if not isinstance(num_classes, int) or isinstance(num_classes, bool) or num_classes < 1:
            raise ValueError(f"num_classes is {num_classes!r}; expected a whole number above 0.")
        for name_too in ("model_num_class", "head_num_classes"):
            if name_too in kwargs:
                raise ValueError(f"num_classes and {name_too} are both given; choose one.")
        kwargs = {**kwargs, "num_classes": num_classes}
    sha256 = None
    if pretrained:
        if checkpoint is not None:
            raise ValueError(
                f"pretrained=True and checkpoint={str(checkpoint)!r} are both given; choose one."
            )
        if entry.weights is None:
            known = ", ".join(other.name for other in MODELS.values() if other.weights)
            raise ValueError(
                f"{name} has no published weights; pass checkpoint=, or choose one of {known}."
            )
        checkpoint, sha256 = entry.weights.url, entry.weights.sha256
        kwargs = {"num_classes": entry.weights.num_classes, **kwargs}
    model = entry.build(**kwargs)
    if checkpoint is not None:
        head: Literal["keep", "new", "none"] = "keep" if num_classes is None else "new"
        if "head" in kwargs and kwargs["head"] is None:
            head = "none"
        report = load_checkpoint(
            model, checkpoint, head=head, progress=progress, sha256=sha256, convert=entry.convert
        )
        model.load_report = report  # type: ignore[assignment]  # not a module
        if not report.complete:
            logger.warning("%s from %s: %s.", name, checkpoint, report)
    return model


def hub_model_builder(
    model_builder_func: Callable[..., nn.Module],
    pretrained: bool = False,
    progress: bool = True,
    checkpoint_path: str = "",
    default_config: Mapping[str, Any] | None = None,
    **kwargs: Any,
) -> nn.Module:
    """Make a model from a builder and a dictionary of its arguments, as PyTorchVideo's MViT are.

    Models of one's own have a name, an input and more ways to load weights with `register`.

    Args:
        model_builder_func: makes the model.
        pretrained: load `checkpoint_path`.
        progress: show a bar while downloading.
        checkpoint_path: as `source` in `read_checkpoint`.
        default_config: arguments of the builder.
        kwargs: more of them, which win over those, unless they are None.

    Raises:
        ValueError: if weights are asked for without an address.
        CheckpointError: as in `load_checkpoint`.

    >>> model = hub_model_builder(nn.Linear, default_config={"in_features": 2}, out_features=3)
    >>> model
    Linear(in_features=2, out_features=3, bias=True)
    """
    given = {name: value for name, value in kwargs.items() if value is not None}
    model = model_builder_func(**{**kwargs, **(default_config or {}), **given})
    if pretrained:
        if not checkpoint_path:
            raise ValueError("pretrained is True but checkpoint_path is empty; give a path or URL.")
        load_checkpoint(model, checkpoint_path, progress=progress)
    return model
