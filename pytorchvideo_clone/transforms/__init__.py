"""From a clip to a model's input."""

from pytorchvideo_clone.transforms.appearance import (
    ColorJitter,
    LabelAwareFlip,
    RandomErasing,
    RandomGaussianBlur,
    RandomGrayscale,
)
from pytorchvideo_clone.transforms.audio import (
    LogMelSpectrogram,
    SpecAugment,
)
from pytorchvideo_clone.transforms.batch import (
    BatchTransform,
    ClipTransform,
)
from pytorchvideo_clone.transforms.masks import (
    RandomTokenMask,
    TubeTokenMask,
)
from pytorchvideo_clone.transforms.preview import (
    preview,
)
from pytorchvideo_clone.transforms.transforms import (
    ApplyTransformToKey,
    CenterCrop,
    ConvertFloatToUint8,
    ConvertUint8ToFloat,
    Div255,
    MoveChannelFront,
    MoveChannelRear,
    Normalize,
    OpSampler,
    Permute,
    RandomCrop,
    RandomHorizontalFlip,
    RandomResizedCrop,
    RandomShortSideScale,
    RemoveKey,
    ShortSideScale,
    UniformCropVideo,
    UniformTemporalSubsample,
    UniformTemporalSubsampleRepeated,
)
from pytorchvideo_clone.transforms.trivial_augment import (
    TrivialAugment,
)
from pytorchvideo_clone.transforms.views import (
    RepeatedAugmentation,
    SeveralViews,
)

__all__ = [
    "ApplyTransformToKey",
    "BatchTransform",
    "CenterCrop",
    "ClipTransform",
    "ColorJitter",
    "ConvertFloatToUint8",
    "ConvertUint8ToFloat",
    "Div255",
    "LabelAwareFlip",
    "LogMelSpectrogram",
    "MoveChannelFront",
    "MoveChannelRear",
    "Normalize",
    "OpSampler",
    "Permute",
    "RandomCrop",
    "RandomErasing",
    "RandomGaussianBlur",
    "RandomGrayscale",
    "RandomHorizontalFlip",
    "RandomResizedCrop",
    "RandomShortSideScale",
    "RandomTokenMask",
    "RemoveKey",
    "RepeatedAugmentation",
    "SeveralViews",
    "ShortSideScale",
    "SpecAugment",
    "TrivialAugment",
    "TubeTokenMask",
    "UniformCropVideo",
    "UniformTemporalSubsample",
    "UniformTemporalSubsampleRepeated",
    "preview",
]
