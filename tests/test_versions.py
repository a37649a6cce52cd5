"""Which environments `make test-versions` runs; those are not run here."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
# What is not installed anywhere: a Python other than the one that runs this.
MISSING = "3.14" if sys.version_info[:2] != (3, 14) else "3.13"


def versions(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """As on a machine that has no other Python."""
    command = [sys.executable, ROOT / "tests/versions.py", *arguments]
    environment = {**os.environ, "PATH": str(folder), "PYENV_ROOT": str(folder)}
    return subprocess.run(command, env=environment, capture_output=True, encoding="utf-8")


def test_a_missing_python_that_is_named_is_an_error(tmp_path: Path) -> None:
    shown = versions(tmp_path, f"{MISSING}-newest")
    assert shown.returncode == 1
    assert shown.stderr == (
        f"{MISSING}-newest: no Python {MISSING} is found in PATH or of pyenv. Install it, or leave "
        "it out by --if-found.\n"
    )


def test_a_python_that_may_be_missing_is_said_and_left_out(tmp_path: Path) -> None:
    shown = versions(tmp_path, "--if-found", f"{MISSING}-newest")
    assert shown.returncode == 0, shown.stderr
    first = shown.stdout.splitlines()[0]
    assert first == f"{MISSING}-newest: no Python {MISSING} is found in PATH or of pyenv; left out."


def test_a_misspelt_environment_is_an_error_all_the_same(tmp_path: Path) -> None:
    shown = versions(tmp_path, "--if-found", "3.13-newst")
    assert shown.returncode == 1
    assert "3.13-newst is no environment; choose of 3.11-newest, 3.11-oldest" in shown.stderr
