"""Importing any package needs the core alone, and loads nothing slow."""

import pkgutil
import subprocess
import sys

import pytest

import pytorchvideo_clone

PACKAGES = sorted(
    module.name
    for module in pkgutil.walk_packages(pytorchvideo_clone.__path__, "pytorchvideo_clone.")
    if module.ispkg
)
EXTRAS = (
    "decord jsonargparse kornia lightning matplotlib onnx onnxruntime onnxscript ray rich"
    " simplejpeg skimage torchaudio torchcodec torchmetrics"
)


def test_no_package_needs_an_extra_or_loads_torchvision() -> None:
    script = f"""
import importlib, sys
for name in {EXTRAS.split()!r}:
    sys.modules[name] = None  # importing it now fails
for name in {PACKAGES!r}:
    importlib.import_module(name)
slow = {{"torchvision", "fvcore", "onnx", "scipy"}} & {{m for m in sys.modules if sys.modules[m]}}
assert not slow, slow
"""
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True)


@pytest.mark.parametrize("name", ["train_classifier", "VideoDataModule"])
def test_a_recipe_without_its_extra_says_what_to_install(name: str) -> None:
    script = f"""
import sys
sys.modules["lightning"] = None
from pytorchvideo_clone import recipes
try:
    recipes.{name}
except ImportError as error:
    print(error)
"""
    shown = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert "pip install 'pytorchvideo_clone[train]'" in shown.stdout


@pytest.mark.parametrize("name", PACKAGES)
def test_every_listed_name_exists(name: str) -> None:
    module = __import__(name, fromlist=["__all__"])
    missing = [listed for listed in module.__all__ if not hasattr(module, listed)]
    assert not missing
    with pytest.raises(AttributeError):
        module.no_such_name  # noqa: B018 (the access is what is tested)
