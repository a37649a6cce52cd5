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
from pytorchvideo_clone.transforms.augmentations import (
    AugmentTransform,
)
from pytorchvideo_clone.transforms.augmix import (
    AugMix,
)
from pytorchvideo_clone.transforms.batch import (
    BatchTransform,
    ClipTransform,
)
from pytorchvideo_clone.transforms.factory import (
    create_video_transform,
)
from pytorchvideo_clone.transforms.masks import (
    RandomTokenMask,
    TubeTokenMask,
)
from pytorchvideo_clone.transforms.mix import (
    CutMix,
    MixUp,
    MixVideo,
)
from pytorchvideo_clone.transforms.preview import (
    preview,
)
from pytorchvideo_clone.transforms.rand_augment import (
    RandAugment,
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
    "AugMix",
    "AugmentTransform",
    "BatchTransform",
    "CenterCrop",
    "ClipTransform",
    "ColorJitter",
    "ConvertFloatToUint8",
    "ConvertUint8ToFloat",
    "CutMix",
    "Div255",
    "LabelAwareFlip",
    "LogMelSpectrogram",
    "MixUp",
    "MixVideo",
    "MoveChannelFront",
    "MoveChannelRear",
    "Normalize",
    "OpSampler",
    "Permute",
    "RandAugment",
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
    "create_video_transform",
    "preview",
]
