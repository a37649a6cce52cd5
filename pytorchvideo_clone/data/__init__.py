"""From a path to samples: videos, decoders, clip samplers and data sets."""

from pytorchvideo_clone.data.clip_dataset import ClipDataset
from pytorchvideo_clone.data.clip_sampling import (
    ClipInfo,
    ClipInfoList,
    ClipSampler,
    ConstantClipsPerVideoSampler,
    RandomClipSampler,
    RandomMultiClipSampler,
    UniformClipSampler,
    make_clip_sampler,
)
from pytorchvideo_clone.data.collate import collate_clips
from pytorchvideo_clone.data.datasets import (
    Ava,
    Charades,
    DomsevFrameDataset,
    DomsevVideoDataset,
    EpicKitchenForecasting,
    EpicKitchenRecognition,
    Hmdb51,
    Kinetics,
    SSv2,
    Ucf101,
)
from pytorchvideo_clone.data.encoded_video import EncodedVideo
from pytorchvideo_clone.data.faults import FaultReport, Faults
from pytorchvideo_clone.data.flow_video import FlowVideo
from pytorchvideo_clone.data.frame_video import FrameVideo
from pytorchvideo_clone.data.labeled_video_dataset import LabeledVideoDataset, labeled_video_dataset
from pytorchvideo_clone.data.lists.labeled_video_paths import LabeledVideoPaths
from pytorchvideo_clone.data.loader import each_clip, make_loader
from pytorchvideo_clone.data.profile import LoaderProfile, profile_loader
from pytorchvideo_clone.data.remote import register_remote
from pytorchvideo_clone.data.resumable_loader import ResumableLoader
from pytorchvideo_clone.data.sharding import EpochSampler
from pytorchvideo_clone.data.video import Video, VideoPathHandler, VideoReadError
from pytorchvideo_clone.data.writer import export_video_array

__all__ = [
    "Ava",
    "Charades",
    "ClipDataset",
    "ClipInfo",
    "ClipInfoList",
    "ClipSampler",
    "ConstantClipsPerVideoSampler",
    "DomsevFrameDataset",
    "DomsevVideoDataset",
    "EncodedVideo",
    "EpicKitchenForecasting",
    "EpicKitchenRecognition",
    "EpochSampler",
    "FaultReport",
    "Faults",
    "FlowVideo",
    "FrameVideo",
    "Hmdb51",
    "Kinetics",
    "LabeledVideoDataset",
    "LabeledVideoPaths",
    "LoaderProfile",
    "RandomClipSampler",
    "RandomMultiClipSampler",
    "ResumableLoader",
    "SSv2",
    "Ucf101",
    "UniformClipSampler",
    "Video",
    "VideoPathHandler",
    "VideoReadError",
    "collate_clips",
    "each_clip",
    "export_video_array",
    "labeled_video_dataset",
    "make_clip_sampler",
    "make_loader",
    "profile_loader",
    "register_remote",
]
