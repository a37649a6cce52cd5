"""One operation of learned augmentation at a time, and the table of how strong each can be.

Frames are (T, C, H, W), float within [0, 1] or uint8; all frames of a clip change alike.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from pytorchvideo_clone.transforms import functional
from pytorchvideo_clone.transforms.base import Transform
from pytorchvideo_clone.transforms.functional.operations import affine

__all__ = ["AUGMIX_LEVELS", "LEVELS", "MAX_LEVEL", "AugmentTransform", "affine"]

MAX_LEVEL = 10

Params = tuple[float, ...]
LevelToArg = Callable[[float, Any], tuple[float, ...]]


class AugmentTransform(Transform):
    """Apply one named operation with a given probability, at a strength that is drawn.

    Args:
        transform_name: of the operation, one of `LEVELS`.
        magnitude: centre (gaussian) or upper end (uniform) of the level, within [0, 10].
        prob: how likely the operation is applied.
        name_to_transform_func: name -> function (frames, *arguments, **transform_hparas); None
            means `functional.OPERATIONS`.
        level_to_arg: name -> function (level, parameters) that gives the arguments, or None for
            none. The level lies within [0, 10]. `LEVELS` has those of other names.
        transform_max_paras: name -> parameters of that function; `LEVELS` has those of other names.
        transform_hparas: keyword arguments of the operation: "fill", the colour of what comes from
            outside the frame, one number or one a channel. None means middle grey.
        sampling_type: how the level is drawn: "gaussian" or "uniform".
        sampling_hparas: for gaussian "sampling_std" (0.5 if left out), for uniform
            "sampling_data_type" ("int" or "float", "int" if left out) and "sampling_min".
        generator: draws; None means torch's own.

    Raises:
        AssertionError: if there is no such operation or sampling, or "sampling_min" is missing.
        ValueError: if the frames have other channels than 1 or 3, such as clips (C, T, H, W), or
            floats go up to 255.

    >>> AugmentTransform("Invert", prob=1.0)(torch.zeros(2, 3, 4, 4)).unique()
    tensor([1.])
    """

    def __init__(
        self,
        transform_name: str,
        magnitude: float = 10,
        prob: float = 0.5,
        name_to_transform_func: Mapping[str, Callable[..., Tensor]] | None = None,
        level_to_arg: Mapping[str, LevelToArg | None] | None = None,
        transform_max_paras: Mapping[str, Params | None] | None = None,
        transform_hparas: Mapping[str, Any] | None = None,
        sampling_type: str = "gaussian",
        sampling_hparas: Mapping[str, Any] | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        names = functional.OPERATIONS if name_to_transform_func is None else name_to_transform_func
        if transform_name not in names:
            raise AssertionError(
                f"There is no operation {transform_name!r}; there are {', '.join(sorted(names))}."
            )
        if sampling_type not in ("gaussian", "uniform"):
            raise AssertionError(
                f'sampling_type is {sampling_type!r}; it must be "gaussian" or "uniform".'
            )
        if sampling_type == "uniform" and "sampling_min" not in (sampling_hparas or {}):
            raise AssertionError('Uniform sampling needs sampling_hparas["sampling_min"].')
        self.transform_name = transform_name
        self.magnitude = magnitude
        self.prob = prob
        self.name_to_transform_func = name_to_transform_func
        self.level_to_arg = level_to_arg
        self.transform_max_paras = transform_max_paras
        self.transform_hparas = transform_hparas
        self.sampling_type = sampling_type
        self.sampling_hparas = sampling_hparas
        self.generator = generator

    def forward(self, video: Tensor) -> Tensor:
        """Change (T, C, H, W), or leave it as it is."""
        if not functional.happens(self.prob, self.generator):
            return video
        return self.change(video, self.draw_level())

    def draw_level(self) -> float:
        """Draw how strong the operation is and in which direction, within [-10, 10]."""
        options = self.sampling_hparas or {}
        if self.sampling_type == "gaussian":
            noise = float(torch.randn((), generator=self.generator))
            level = self.magnitude + options.get("sampling_std", 0.5) * noise
        elif options.get("sampling_data_type", "int") == "int":
            level = functional.random_size(
                options["sampling_min"], int(self.magnitude), self.generator
            )
        else:
            level = functional.random_number(
                options["sampling_min"], self.magnitude, self.generator
            )
        level = min(max(level, 0), MAX_LEVEL)
        return level if functional.happens(0.5, self.generator) else -level

    def change(self, video: Tensor, level: float) -> Tensor:
        """Change (T, C, H, W) by a given level within [-10, 10]."""
        name = self.transform_name
        if self.name_to_transform_func is None and video.shape[-3] not in (1, 3):
            raise ValueError(
                f"The frames have shape {tuple(video.shape)}; they must be (T, C, H, W) with 1 or "
                "3 channels: put Permute((1, 0, 2, 3)) before and after."
            )
        functional.check_unit_range(video)
        function, params = LEVELS.get(name, (_nothing, ()))
        function = (self.level_to_arg or {}).get(name, function) or _nothing
        strength: Any = (self.transform_max_paras or {}).get(name, params)
        grey = 0.5 if video.is_floating_point() else 128
        fill = grey if self.name_to_transform_func is None else (grey,) * 3
        options = {"fill": fill} if self.transform_hparas is None else self.transform_hparas
        operation = (self.name_to_transform_func or functional.OPERATIONS)[name]
        # Functions of others draw the sign themselves, as PyTorchVideo's do.
        arguments = function(level if function is _around else abs(level), strength)
        return operation(video, *arguments, **options)


def _nothing(level: float, params: Params) -> tuple[float, ...]:
    return ()


def _around(level: float, params: Params) -> tuple[float, ...]:
    """A centre, and up to the second parameter more or less, by the sign of the level."""
    return (params[0] + params[1] * level / MAX_LEVEL,)


def _rising(level: float, params: Params) -> tuple[float, ...]:
    """From the first parameter, up to the second more."""
    return (params[0] + params[1] * abs(level) / MAX_LEVEL,)


def _falling(level: float, params: Params) -> tuple[float, ...]:
    """From the first parameter, up to the second less."""
    return (params[0] - params[1] * abs(level) / MAX_LEVEL,)


def _falling_int(level: float, params: Params) -> tuple[float, ...]:
    return (params[0] - int(params[1] * abs(level) / MAX_LEVEL),)


# name -> (function (level, parameters) that gives the operation's arguments, parameters).
LEVELS: dict[str, tuple[LevelToArg, Params]] = {
    "AdjustBrightness": (_around, (1.0, 0.9)),
    "AdjustContrast": (_around, (1.0, 0.9)),
    "AdjustSaturation": (_around, (1.0, 0.9)),
    "AdjustSharpness": (_around, (1.0, 0.9)),
    "AutoContrast": (_nothing, ()),
    "Equalize": (_nothing, ()),
    "Invert": (_nothing, ()),
    "Posterize": (_falling_int, (4, 4)),
    "Rotate": (_around, (0.0, 30.0)),
    "ShearX": (_around, (0.0, 0.3)),
    "ShearY": (_around, (0.0, 0.3)),
    "Solarize": (_falling, (1.0, 1.0)),
    "TranslateX": (_around, (0.0, 0.45)),
    "TranslateY": (_around, (0.0, 0.45)),
}

# AugMix's own strengths, without Invert.
AUGMIX_LEVELS: dict[str, tuple[LevelToArg, Params]] = {
    **{name: entry for name, entry in LEVELS.items() if name != "Invert"},
    **{name: (_rising, (0.1, 1.8)) for name in LEVELS if name.startswith("Adjust")},
    **{name: (_around, (0.0, 1 / 3)) for name in LEVELS if name.startswith("Translate")},
}

# PyTorchVideo's names, which projects extend by operations of their own.
_NAME_TO_TRANSFORM_FUNC = functional.OPERATIONS
_LEVEL_TO_ARG = {name: function for name, (function, _) in LEVELS.items()}
_TRANSFORM_MAX_PARAMS = {name: params for name, (_, params) in LEVELS.items()}
