"""Run the tests that tell most in fresh environments: each Python, newest and oldest dependencies.

    make test-versions                                      # every interpreter that is found
    make test-versions VERSIONS="3.11-oldest 3.13-newest"
    make test-versions VERSIONS="--if-found 3.11-oldest 3.13-newest"   # where one may be missing

A named Python that is not found is an error; after --if-found it is said and left out. An
environment lies in `.venvs` and is used again until the requirements of setup.py change. "Oldest"
takes the lower bound of each of them, or the first release above it that has a wheel for this
Python; of torch that of the core, and what needs a newer one skips there. uv installs: it links
what environments share, and resolves to the oldest.
"""

import hashlib
import os
import runpy
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / ".venvs"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
BOUNDS = ("newest", "oldest")
SHOWN = ("av", "torch", "numpy", "lightning")

TESTS = [
    # Reading.
    "tests/data/decoders/test_av_files.py",
    "tests/data/decoders/test_contract.py",
    "tests/data/decoders/test_audio_samples.py",
    "tests/data/decoders/test_damage.py",
    "tests/data/decoders/test_decord.py",
    "tests/data/test_encoded_video.py",
    "tests/data/test_frame_video.py",
    "tests/data/test_remote.py",
    # Writing and packing, Ray among it.
    "tests/data/test_writer.py",
    "tests/data/test_motion.py",
    "tests/data/packed/test_encode.py",
    "tests/data/packed/test_reader.py",
    "tests/data/packed/test_unpack.py",
    "tests/data/packed/test_writer.py::test_ray_makes_the_same_bytes",
    # The hub, and numbers that PyTorchVideo gave.
    "tests/hub/test_bundles.py",
    "tests/hub/test_checkpoints.py",
    "tests/hub/test_registry.py",
    "tests/hub/test_every_model.py::test_it_is_captured_as_one_graph[x3d_tiny]",
    "tests/data/test_goldens.py",
    "tests/layers/test_goldens.py",
    "tests/models/test_goldens.py",
    "tests/transforms/test_goldens.py",
    # Two steps of training, and the other extras.
    "tests/recipes/test_train.py",
    "tests/cli/test_doctor.py",
    "tests/transforms/test_batch.py",
    "tests/transforms/test_audio.py",
    "tests/recipes/test_export.py::test_every_target_carries_classes_and_input",
]
# Those of the hub have the same layers and weights, on smaller clips.
GOLDEN = "tests/models/test_goldens.py::test_model_gives_the_recorded_numbers"
LEFT_OUT = [f"{GOLDEN}[{name}" for name in ("native/", "hub/x3d_m", "hub/x3d_l")]


def declared() -> dict[str, list[str]]:
    """Give the requirements of setup.py for each extra; those of all are under ""."""
    given: dict[str, Any] = {}
    fake = SimpleNamespace(setup=given.update, find_packages=lambda **_: [])
    with mock.patch.dict(sys.modules, setuptools=fake):
        runpy.run_path(str(ROOT / "setup.py"))
    return {"": given["install_requires"], **given["extras_require"]}


def interpreters() -> dict[str, str]:
    """Find an interpreter that can make environments for each Python, in PATH or of pyenv."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = {}
    for version in PYTHONS:
        paths = [shutil.which(f"python{version}"), sys.executable]
        paths += [str(path) for path in sorted(pyenv.glob(f"{version}.*/bin/python"), reverse=True)]
        check = f"import sys, venv; sys.exit('{version}' != '%d.%d' % sys.version_info[:2])"
        for path in filter(None, paths):
            if subprocess.run([path, "-c", check], capture_output=True).returncode == 0:
                found[version] = path
                break
    return found


def prepare(interpreter: str, environment: Path, bounds: str) -> None:
    """Make an environment and install into it, unless that was done for these requirements."""
    needs = declared()
    listed = needs[""] + needs["test"]
    if bounds == "oldest":
        core = next(need for need in needs[""] if need.startswith("torch>="))
        listed = [core, *(need for need in listed if not need.startswith("torch>="))]
    requirements = "\n".join(listed)
    stamp, state = environment / "installed", hashlib.sha256(requirements.encode()).hexdigest()
    if stamp.exists() and stamp.read_text("utf-8") == state:
        return
    shutil.rmtree(environment, ignore_errors=True)
    subprocess.run([interpreter, "-m", "venv", "--without-pip", environment], check=True)
    (environment / "requirements.txt").write_text(requirements, encoding="utf-8")
    # Each test process, and each that it starts, would compile torch again.
    install = [Path(sys.executable).with_name("uv"), "pip", "install", "--compile-bytecode"]
    install += ["--quiet", "--python", environment / "bin/python"]
    choice = ["--resolution", "lowest-direct"] if bounds == "oldest" else []
    subprocess.run([*install, *choice, "-r", environment / "requirements.txt"], check=True)
    subprocess.run([*install, "--no-deps", "--editable", ROOT], check=True)
    stamp.write_text(state, encoding="utf-8")


def run(name: str, interpreter: str) -> tuple[str, ...]:
    """Prepare an environment and run the tests there; give a row of the table."""
    environment, begin = FOLDER / name, time.monotonic()
    prepare(interpreter, environment, name.partition("-")[2])
    prepared, python = time.monotonic(), environment / "bin/python"
    show = f"from importlib.metadata import version; print(*map(version, {SHOWN}))"
    versions = subprocess.run(
        [python, "-c", show], check=True, capture_output=True, encoding="utf-8"
    )
    print(name, dict(zip(SHOWN, versions.stdout.split(), strict=True)), flush=True)
    command = [python, "-m", "pytest", "-q", "-n", "2", "--dist", "worksteal", *TESTS]
    command += [f"--deselect={name}" for name in LEFT_OUT]
    if name.endswith("oldest"):  # what is old warns of what it stands on
        command += ["-o", "filterwarnings=default"]
    passed = subprocess.run([*command, "-p", "no:cacheprovider"], cwd=ROOT).returncode == 0
    times = (f"{prepared - begin:.0f} s", f"{time.monotonic() - prepared:.0f} s")
    return name, *versions.stdout.split(), *times, "passed" if passed else "FAILED"


def chosen(arguments: list[str], found: Iterable[str]) -> list[str]:
    """Give the environments that are named, or all; of Pythons not found none after --if-found."""
    found = list(found)
    if not arguments:
        return [f"{version}-{bounds}" for version in found for bounds in BOUNDS]
    known = [f"{version}-{bounds}" for version in PYTHONS for bounds in BOUNDS]
    names = []
    for name in arguments:
        version = name.partition("-")[0]
        if name == "--if-found":
            continue
        if name not in known:
            sys.exit(f"{name} is no environment; choose of {', '.join(known)}.")
        if version in found:
            names.append(name)
            continue
        missing = f"{name}: no Python {version} is found in PATH or of pyenv"
        if "--if-found" not in arguments:
            sys.exit(f"{missing}. Install it, or leave it out by --if-found.")
        print(f"{missing}; left out.", flush=True)
    return names


def main() -> None:
    """Run the environments that are named, or all, and print what came of each."""
    found = interpreters()
    names = chosen(sys.argv[1:], found)
    rows = [run(name, found[name.partition("-")[0]]) for name in names]
    print("| environment | " + " | ".join([*SHOWN, "install", "tests", "result"]) + " |")
    print("|---" * (len(SHOWN) + 4) + "|")
    for row in rows:
        print("| " + " | ".join(row) + " |")
    sys.exit(any(row[-1] == "FAILED" for row in rows))


if __name__ == "__main__":
    main()
