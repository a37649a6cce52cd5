"""Claim: no damaged, mislabelled or odd file makes a decoder crash, hang or give a wrong frame.

Writes the files of `tests/data/fault_corpus.py`, tries them with every decoder in a process of its
own, and prints a table, the content of `benchmarks/results/faults.md`.

    python benchmarks/faults.py
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from pytorchvideo_clone.data.decoders import decoder_report

ROOT = Path(__file__).parent.parent
MOST_SECONDS = 300  # for all files of a decoder


def describe(outcome: dict | None) -> str:
    """Say in a few words what a decoder made of a file."""
    if outcome is None:
        return "**crashed or hung**"
    if outcome["wrong"]:
        return f"**wrong: {outcome['wrong'][0]}**"
    windows = outcome["right"] + outcome["refused"] + outcome["ended"]
    if outcome["refused"] == windows == 1:
        return "refused when opened"
    parts = [f"{outcome['right']} of {windows} windows right"]
    if outcome["refused"]:
        parts.append(f"{outcome['refused']} refused")
    if outcome["kept"]:
        parts.append(f"{outcome['kept']} of their frames kept")
    if outcome["ended"]:
        parts.append(f"{outcome['ended']} after its end")
    return ", ".join(parts)


def cause_of(outcome: dict | None) -> str:
    """The first refusal, without the path."""
    cause = outcome["cause"].rpartition("pyav: ")[2] if outcome else ""
    return cause.rpartition("/")[2].replace("|", "/")


def main() -> None:
    """Print the table."""
    names = [status.name for status in decoder_report() if status.loads]
    tables: dict[str, dict[str, dict]] = {}
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder).chmod(0o755)  # one file is tried as another user
            done = subprocess.run(
                [sys.executable, "-m", "tests.data.fault_corpus", folder, name],
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=MOST_SECONDS,
                encoding="utf-8",
            )
        lines = map(json.loads, done.stdout.splitlines())
        tables[name] = {outcome["fault"]: outcome for outcome in lines}
    faults = list(dict.fromkeys(fault for table in tables.values() for fault in table))
    print("| file |", " | ".join(names), "| first refusal of pyav |")
    print("|---|" + "---|" * (len(names) + 1))
    for fault in faults:
        found = [tables[name].get(fault) for name in names]
        print(f"| {fault} |", " | ".join(map(describe, found)), f"| {cause_of(found[0])} |")
    wrong = sum(
        outcome is None or bool(outcome["wrong"])
        for t in tables.values()
        for outcome in map(t.get, faults)
    )
    print(f"\n{len(faults)} files, {len(names)} decoders: {wrong} wrong frames, crashes or hangs.")


if __name__ == "__main__":
    main()
