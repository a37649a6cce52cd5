"""Run the generated Kotlin and Swift without their compilers, line by line as Python.

It knows the few forms that `tutorials/mobile/templates` use, and fails on others. Numbers behave as
on the phone: `float32` rounds to single precision, bytes keep their range.
"""

import math
import re
from types import SimpleNamespace
from typing import Any

import numpy as np

Rules = list[tuple[str, str]]

OPERATORS: Rules = [(r"&&", " and "), (r"\|\|", " or ")]
KOTLIN: Rules = [
    (r"^fun (\w+)\((.*)\): \w+(?:<\w+>)? \{$", r"def \1(\2):"),
    (r"^for \((\w+) in (.+) until (.+)\) \{$", r"for \1 in range(\2, \3):"),
    (r"^if (\(.+\)) \{$", r"if \1:"),
    (r"^(?:const )?va[lr] (\w+) = ", r"\1 = "),
    (r"\b(\w+): (?:Int|ByteArray|FloatArray|List<ByteArray>)(?=[,)])", r"\1"),
    (r" and ", " & "),
    *OPERATORS,
    (r" shr ", " >> "),
    (r" shl ", " << "),
    (r"\b(\w+)\.size\b", r"len(\1)"),
    (r"\b(\d+\.\d+(?:e-?\d+)?)f\b", r"float32(\1)"),
    (r"\b(\d+)L\b", r"\1"),
    (r"\b(?:Int|Double|Float|Byte)Array\(", "zeros("),
    (r"\b(?:floatArrayOf|arrayOf)\((.*)\)$", r"[\1]"),
    (r"\bminOf\(", "min("),
    (r"\bmaxOf\(", "max("),
]
SWIFT: Rules = [
    (r"^static func (\w+)\(\s*(.*?)\s*\) -> \S+ \{$", r"def \1(\2):"),
    (r"^for (\w+) in (.+)\.\.<(.+) \{$", r"for \1 in range(\2, \3):"),
    (r"^if (.+) \{$", r"if \1:"),
    (r"^static let (\w+): \[Float\] = \[(.*)\]$", r"\1 = list(map(float32, [\2]))"),
    (r"^(?:static )?(?:let|var) (\w+) = ", r"\1 = "),
    (r"_ (\w+): (?:Int|UnsafePointer<UInt8>|\[\[UInt8\]\]|\[Float\])", r"\1"),
    *OPERATORS,
    (r"\[(?:Int|Double|Float|UInt8)\]\(repeating: 0, count: ", "zeros("),
    (r"\b(\w+)\.count\b", r"len(\1)"),
    (r"\bUInt8\(", "uint8("),
    (r"\bInt\(", "int("),
    (r"\bDouble\(", "float("),
    (r"\bFloat\(", "float32("),
]
CASTS = {"toInt": "int", "toDouble": "float", "toFloat": "float32", "toByte": "int8"}
TEXT = re.compile(r'"(?:\\.|[^"\\])*"')


def run_source(name: str, source: str) -> SimpleNamespace:
    """The functions and constants of a generated source, called as in Python."""
    python = _to_python(source, KOTLIN if name.endswith(".kt") else SWIFT)
    names: dict[str, Any] = {
        "zeros": lambda count: [0] * count,
        "float32": np.float32,
        "exp": math.exp,
        "uint8": _uint8,
        "int8": lambda value: (value + 128) % 256 - 128,
    }
    exec(compile(python, name, "exec"), names)
    return SimpleNamespace(**names)


def _to_python(source: str, rules: Rules) -> str:
    source = re.sub(r"/\*\*.*?\*/", "", source, flags=re.S)
    source = re.sub(r"^\s*//.*$", "", source, flags=re.M)
    body = re.split(r"^(?:object|enum) ClipProcessing \{$", source, flags=re.M)[1]
    body = re.sub(r"\(\n\s*(.*)\n\s*\)", r"(\1)", body)  # a signature over three lines
    lines, depth = [], 0
    for line in filter(None, map(str.strip, body.splitlines())):
        if line == "}":
            depth -= 1
            continue
        lines.append("    " * depth + _translate(line, rules))
        depth += line.endswith("{")
    assert depth == -1
    return "\n".join(lines)


def _translate(line: str, rules: Rules) -> str:
    texts = [_python_text(text) for text in TEXT.findall(line)]
    line = TEXT.sub("@", line)
    for pattern, replacement in rules:
        line = re.sub(pattern, replacement, line)
    while match := re.search(r"\.(to\w+)\(\)", line):
        start = _operand_start(line, match.start())
        cast = f"{CASTS[match[1]]}({line[start : match.start()]})"
        line = line[:start] + cast + line[match.end() :]
    assert "{" not in line, f"the translator does not know {line!r}"
    return re.sub("@", lambda _: repr(texts.pop(0)), line)


def _operand_start(line: str, end: int) -> int:
    """Where the expression begins that a cast at `end` is applied to."""
    depth, start = 0, end
    while start and (depth or line[start - 1] in ")]" or re.match(r"[\w.]", line[start - 1])):
        start -= 1
        depth += (line[start] in ")]") - (line[start] in "([")
    return start


def _python_text(literal: str) -> str:
    plain = {"n": "\n", "r": "\r", "t": "\t"}
    return re.sub(r"\\(.)", lambda match: plain.get(match[1], match[1]), literal[1:-1])


def _uint8(value: int) -> int:
    assert 0 <= value <= 255, f"{value} would stop the app"
    return value
