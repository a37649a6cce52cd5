"""Keep PyTorchVideo's module paths alive: an import finder over two tables.

`import pytorchvideo_clone.data.kinetics` gives the very module
`pytorchvideo_clone.data.datasets.kinetics`, so that moving a project is one search-and-replace. And
a module has the names that PyTorchVideo's module of that path had only imported itself: projects
import them from there.
"""

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

__all__ = ["MOVED", "PASSED_ON", "install"]

_PACKAGE = __name__.partition(".")[0]

# PyTorchVideo's module path -> its home here, both below the package.
MOVED: dict[str, str] = {
    "accelerator.deployment": "accelerator",
    "accelerator.deployment.common": "accelerator.mobile_cpu",
    "accelerator.deployment.common.model_transmuter": "accelerator.mobile_cpu.transmute",
    "accelerator.deployment.mobile_cpu.transmuter": "accelerator.mobile_cpu.transmute",
    "accelerator.deployment.mobile_cpu.utils": "accelerator.mobile_cpu",
    "accelerator.deployment.mobile_cpu.utils.model_conversion": "accelerator.mobile_cpu.convert",
    "accelerator.efficient_blocks": "accelerator.mobile_cpu",
    "accelerator.efficient_blocks.efficient_block_base": "accelerator.mobile_cpu.block",
    "accelerator.efficient_blocks.no_op_convert_block": "accelerator.mobile_cpu.block",
    "data.ava": "data.datasets.ava",
    "data.charades": "data.datasets.charades",
    "data.csv_rows": "data.lists.csv_rows",
    "data.dataset_manifest_utils": "data.lists.manifest",
    "data.decoder": "data.decoders",
    "data.domsev": "data.datasets.domsev",
    "data.ego4d": "data.datasets.ego4d",
    "data.ego4d.ego4d_dataset": "data.datasets.ego4d.dataset",
    "data.ego4d.utils": "data.datasets.ego4d.moments",
    "data.hmdb51": "data.datasets.hmdb51",
    "data.epic_kitchen": "data.datasets.epic_kitchen",
    "data.epic_kitchen.epic_kitchen_dataset": "data.datasets.epic_kitchen.dataset",
    "data.epic_kitchen.utils": "data.datasets.epic_kitchen.manifest",
    "data.epic_kitchen_forecasting": "data.datasets.epic_kitchen.forecasting",
    "data.epic_kitchen_recognition": "data.datasets.epic_kitchen.recognition",
    "data.json_dataset": "data.datasets.json_dataset",
    "data.kinetics": "data.datasets.kinetics",
    "data.labeled_video_paths": "data.lists.labeled_video_paths",
    "data.manifest": "data.lists.manifest",
    "data.ssv2": "data.datasets.ssv2",
    "data.ucf101": "data.datasets.ucf101",
    "layers.accelerator": "accelerator",
    "layers.accelerator.mobile_cpu.activation_functions": "accelerator.mobile_cpu.activations",
    "layers.accelerator.mobile_cpu.conv_helper": "accelerator.mobile_cpu.decompose",
    "layers.attention_torchscript": "layers.attention",
    "layers.positional_encoding_torchscript": "layers.positional_encoding",
    "models.accelerator": "accelerator",
    "models.accelerator.mobile_cpu.efficient_x3d": "accelerator.mobile_cpu.x3d",
    "models.accelerator.mobile_cpu.residual_blocks": "accelerator.mobile_cpu.x3d",
    "models.byol": "models.ssl.byol",
    "models.hub": "hub",
    "models.hub.csn": "hub",
    "models.hub.efficient_x3d_mobile_cpu": "hub.mobile",
    "models.hub.r2plus1d": "hub",
    "models.hub.resnet": "hub",
    "models.hub.slowfast": "hub",
    "models.hub.utils": "hub.registry",
    "models.hub.x3d": "hub",
    "models.memory_bank": "models.ssl.memory_bank",
    "models.simclr": "models.ssl.simclr",
    "transforms.transforms_factory": "transforms.factory",
}

# Module -> name that it passes on -> the module that has it, both below the package; `torch` is
# a module itself.
PASSED_ON: dict[str, dict[str, str]] = {
    "data.datasets.ava": {"g_pathmgr": "data.files"},
    "data.datasets.charades": {
        "MultiProcessSampler": "data.sharding",
        "g_pathmgr": "data.files",
    },
    "data.datasets.domsev": {
        "ImageFrameInfo": "data.lists.manifest",
        "g_pathmgr": "data.files",
    },
    "data.datasets.epic_kitchen.dataset": {
        "EncodedVideoInfo": "data.lists.manifest",
        "FrameVideo": "data.frame_video",
        "VideoFrameInfo": "data.lists.manifest",
        "VideoInfo": "data.lists.manifest",
    },
    "data.datasets.epic_kitchen.forecasting": {
        "EncodedVideoInfo": "data.lists.manifest",
        "Video": "data.video",
        "VideoFrameInfo": "data.lists.manifest",
        "VideoInfo": "data.lists.manifest",
    },
    "data.datasets.epic_kitchen.manifest": {"g_pathmgr": "data.files"},
    "data.datasets.epic_kitchen.recognition": {
        "ActionData": "data.datasets.epic_kitchen.dataset",
        "EncodedVideoInfo": "data.lists.manifest",
        "Video": "data.video",
        "VideoFrameInfo": "data.lists.manifest",
        "VideoInfo": "data.lists.manifest",
    },
    "data.datasets.hmdb51": {"g_pathmgr": "data.files"},
    "data.datasets.json_dataset": {"g_pathmgr": "data.files"},
    "data.datasets.ssv2": {
        "MultiProcessSampler": "data.sharding",
        "g_pathmgr": "data.files",
    },
    "data.datasets.ucf101": {
        "ClipSampler": "data.clip_sampling",
        "LabeledVideoDataset": "data.labeled_video_dataset",
        "labeled_video_dataset": "data.labeled_video_dataset",
    },
    "data.encoded_video": {
        "DecoderType": "data.decoders",
        "g_pathmgr": "data.files",
    },
    "data.encoded_video_decord": {
        "Video": "data.video",
        "thwc_to_cthw": "data.video",
    },
    "data.encoded_video_pyav": {
        "pts_to_secs": "data.decoders.timestamps",
        "secs_to_pts": "data.decoders.timestamps",
        "thwc_to_cthw": "data.video",
    },
    "data.encoded_video_torchvision": {
        "Video": "data.video",
        "pts_to_secs": "data.decoders.timestamps",
        "secs_to_pts": "data.decoders.timestamps",
        "thwc_to_cthw": "data.video",
    },
    "data.frame_video": {
        "g_pathmgr": "data.files",
        "optional_threaded_foreach": "data.lists.manifest",
        "thwc_to_cthw": "data.video",
    },
    "data.lists.labeled_video_paths": {"g_pathmgr": "data.files"},
    "data.utils": {"g_pathmgr": "data.files", "torch": "torch"},
    "data.video": {"g_pathmgr": "data.files"},
}


class _MovedFinder(MetaPathFinder, Loader):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        package, _, name = fullname.partition(".")
        if package != _PACKAGE:
            return None
        if name in PASSED_ON:
            return _passing_on(PathFinder.find_spec(fullname, path), PASSED_ON[name])
        home = _home(name)
        if home is None:
            return None
        return ModuleSpec(fullname, self, loader_state=f"{_PACKAGE}.{home}")

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(spec.loader_state)
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has just written the alias over the module's own specification.
        assert module.__spec__ is not None
        module.__spec__ = module.__spec__.loader_state


def _passing_on(spec: ModuleSpec | None, names: dict[str, str]) -> ModuleSpec | None:
    """Give a module's specification, whose module finds these names elsewhere when asked."""
    if spec is None or spec.loader is None:
        return spec
    execute = spec.loader.exec_module

    def exec_module(module: ModuleType) -> None:
        execute(module)
        own = vars(module).get("__getattr__")

        def find(name: str) -> Any:
            if names.get(name) == name:
                return importlib.import_module(name)
            if name in names:
                return getattr(importlib.import_module(f"{_PACKAGE}.{names[name]}"), name)
            if own is not None:
                return own(name)
            raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")

        module.__getattr__ = find  # type: ignore[method-assign]

    spec.loader.exec_module = exec_module  # type: ignore[method-assign]
    return spec


def _home(name: str) -> str | None:
    """Home of a moved module, or of a child of one; None for everything else."""
    if name in MOVED:
        return MOVED[name]
    parent, _, leaf = name.rpartition(".")
    home = _home(parent) if parent else None
    return home and f"{home}.{leaf}"


def install() -> None:
    """Put the finder first on `sys.meta_path`, once.

    Behind the default finder the children of a moved package would load a second time.
    """
    if not any(isinstance(finder, _MovedFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _MovedFinder())
