"""Keep PyTorchVideo's module paths alive: an import finder over one table.

`import pytorchvideo_clone.data.kinetics` gives the very module
`pytorchvideo_clone.data.datasets.kinetics`, so that moving a project is one search-and-replace.
"""

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

__all__ = ["MOVED", "install"]

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
    "data.encoded_video_decord": "data.encoded_video",
    "data.encoded_video_pyav": "data.encoded_video",
    "data.encoded_video_torchvision": "data.encoded_video",
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


class _MovedFinder(MetaPathFinder, Loader):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        package, _, name = fullname.partition(".")
        home = _home(name) if package == _PACKAGE else None
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
