"""Claim: `[all]` installs without a compiler on every platform that we name.

    .venv/bin/python benchmarks/wheels.py

resolves every extra for each platform and Python from wheels alone, and prints what stands in the
way where that fails. Only metadata are read, nothing is installed. `[all]` holds what the others
do: where it resolves, so do they, and they are asked one by one where it does not.
"""

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
from tests.versions import PYTHONS, declared

# The oldest systems that every wheel runs on: RHEL 8, Debian 11 and Ubuntu 20.04; Ubuntu 22.04 and
# Debian 12 (OpenVINO's wheel for ARM); macOS 14 (PyAV's and torch's).
PLATFORMS = {
    "Linux x86-64, glibc 2.28": "x86_64-manylinux_2_28",
    "Linux aarch64, glibc 2.35": "aarch64-manylinux_2_35",
    "macOS 14 arm64": "aarch64-apple-darwin",
    "Windows x86-64": "x86_64-pc-windows-msvc",
}
MACOS = {"MACOSX_DEPLOYMENT_TARGET": "14.0"}
# Published as source only, of Python alone: it needs no compiler.
PURE_SOURCE = ("antlr4-python3-runtime", "fvcore", "iopath")
NOT_FOR_USERS = {"docs", "test"}


def lacking(requirements: list[str], platform: str, python: str) -> str:
    """Resolve requirements from wheels; give what is in the way, or nothing."""
    command = [Path(sys.executable).with_name("uv"), "pip", "compile", "--quiet", "-"]
    command += ["--python-platform", PLATFORMS[platform], "--python-version", python]
    command += ["--only-binary", ":all:"]
    command += [part for name in PURE_SOURCE for part in ("--no-binary", name)]
    text = "\n".join(requirements)
    done = subprocess.run(
        command, input=text, capture_output=True, encoding="utf-8", env=os.environ | MACOS
    )
    if done.returncode == 0:
        return ""
    without_wheel = re.findall(r"([\w.-]+)[=<>\d.]* has no wheels", done.stderr)
    return ", ".join(sorted(set(without_wheel))) or " ".join(done.stderr.split())


def column(platform: str, python: str) -> dict[str, str]:
    """Give what is in the way of each extra for a platform and a Python."""
    needs = declared()
    extras = {name: list_ for name, list_ in needs.items() if name not in NOT_FOR_USERS}
    if not lacking(needs[""] + needs["all"], platform, python):
        return dict.fromkeys(extras, "")
    return {name: lacking(needs[""] + list_, platform, python) for name, list_ in extras.items()}


def main() -> None:
    """Print a table for each platform."""
    print(date.today())
    for platform in PLATFORMS:
        with ThreadPoolExecutor(2) as pool:
            columns = list(pool.map(column, [platform] * len(PYTHONS), PYTHONS))
        print(f"\n| {platform} | " + " | ".join(PYTHONS) + " |\n|---|" + "---|" * len(PYTHONS))
        for name in columns[0]:
            row = [found[name] for found in columns]
            shown = " | ".join(f"no: {cell}" if cell else "yes" for cell in row)
            print(f"| {f'`{name}`' if name else 'the core'} | {shown} |", flush=True)


if __name__ == "__main__":
    main()
