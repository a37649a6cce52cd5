"""Metadata, extras and the console script of pytorchvideo_clone."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(
    r'^__version__ = "(.+)"',
    (HERE / "pytorchvideo_clone/__init__.py").read_text(encoding="utf-8"),
    re.M,
).group(1)

# Every lower bound is the oldest that `make test-versions` runs, but for torch of `onnx` and
# `mobile`, the oldest with which their tests passed; a bound above stands where a newer
# one is known not to work. torchaudio 2.11 is its last release and refuses the CUDA of torch 2.15.
EXTRAS = {
    "torchcodec": ["torchcodec>=0.12"],
    # decord's successor, under the same module name: decord 0.6 has no wheels for ARM.
    "decord": ["decord2>=3.4"],
    "audio": ["torchaudio>=2.11", "torch>=2.11,<2.15"],
    "kornia": ["kornia>=0.8"],
    "train": [
        "lightning>=2.6",
        "torchmetrics>=1.8",
        "jsonargparse[signatures]>=4.40",
        "rich>=13",
    ],
    "onnx": ["torch>=2.14", "onnx>=1.18", "onnxscript>=0.5", "onnxruntime>=1.23"],
    # Export for phones; torchao quantises what is exported.
    "mobile": ["torch>=2.13", "executorch>=1.5", "torchao>=0.18"],
    "openvino": ["openvino>=2026.2"],
    # The JPEG kind of packed stores.
    "packed": ["simplejpeg>=1.8.2"],
    # Packing over a cluster.
    "ray": ["ray[data]>=2.51"],
    # HTTP; other stores need fsspec's own package, such as s3fs or gcsfs.
    "remote": ["fsspec[http]>=2025.5"],
    # Photographs for the embedded motion data set, and the plots of its report.
    "demo": ["scikit-image>=0.24", "matplotlib>=3.9"],
    "docs": ["mkdocs-material>=9.8", "mkdocstrings[python]>=1.0"],
}
EXTRAS["all"] = sorted({need for needs in EXTRAS.values() for need in needs})
EXTRAS["test"] = [
    "pytest>=8",
    "pytest-xdist>=3.6",
    "ruff>=0.17",
    "mypy>=2.4",
    "uv>=0.9",  # the environments of `make test-versions`
    "torchdata>=0.11",  # its StatefulDataLoader works with EpochSampler
    *EXTRAS["all"],
]

setup(
    name="pytorchvideo_clone",
    version=VERSION,
    description="Video understanding on PyTorch: data, transforms, models and deployment.",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.11",
    packages=find_packages(include=["pytorchvideo_clone", "pytorchvideo_clone.*"]),
    package_data={"pytorchvideo_clone": ["py.typed", "recipes/*.html"]},
    install_requires=[
        "torch>=2.11",
        "torchvision>=0.26",
        "numpy>=2.0",
        "av>=18.1,<20",  # each of its releases drops names
        "iopath>=0.1.10",
        "fvcore>=0.1.5.post20221221",
    ],
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["pytorchvideo-clone = pytorchvideo_clone.cli:main"]},
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Science/Research",
        "Operating System :: MacOS",
        "Operating System :: Microsoft :: Windows",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
)
