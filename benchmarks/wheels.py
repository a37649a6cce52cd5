"""Claim: `[all]` installs without a compiler on every platform that we name.

    .venv/bin/python benchmarks/wheels.py

resolves every extra for each platform and Python from wheels alone, and prints what stands in the
way where that fails. Only metadata are read, nothing is installed.
"""

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
from tests.versions import PYTHONS, declared

# glibc 2.28 is that of RHEL 8, before those of Debian 11 and Ubuntu 20.04.
PLATFORMS = {
    "Linux x86-64": "x86_64-manylinux_2_28",
    "Linux aarch64": "aarch64-manylinux_2_28",
    "macOS arm64": "aarch64-apple-darwin",
    "Windows x86-64": "x86_64-pc-windows-msvc",
}
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
    done = subprocess.run(command, input=text, capture_output=True, encoding="utf-8")
    if done.returncode == 0:
        return ""
    without_wheel = re.findall(r"([\w.-]+)[=<>\d.]* has no wheels", done.stderr)
    return ", ".join(sorted(set(without_wheel))) or " ".join(done.stderr.split())


def main() -> None:
    """Print a table for each platform."""
    needs = declared()
    extras = {name: list_ for name, list_ in needs.items() if name not in NOT_FOR_USERS}
    cells = [(p, name, python) for p in PLATFORMS for name in extras for python in PYTHONS]
    with ThreadPoolExecutor(2) as pool:
        answers = pool.map(lambda c: lacking(needs[""] + extras[c[1]], c[0], c[2]), cells)
        found = dict(zip(cells, answers, strict=True))
    print(date.today())
    for platform in PLATFORMS:
        print(f"\n| {platform} | " + " | ".join(PYTHONS) + " |\n|---|" + "---|" * len(PYTHONS))
        for name in extras:
            row = [found[platform, name, python] for python in PYTHONS]
            shown = " | ".join(f"no: {cell}" if cell else "yes" for cell in row)
            print(f"| {f'`{name}`' if name else 'the core'} | {shown} |")


if __name__ == "__main__":
    main()
