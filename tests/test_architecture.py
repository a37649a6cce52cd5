"""The rules of the tree: who imports whom, how long a file is, where its test stands."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "pytorchvideo_clone"
MODULES = sorted(PACKAGE.rglob("*.py"))

EVERYWHERE = {"torch", "numpy"}
# Package or top-level module -> (what of ours, what else) it may import.
RULES: dict[str, tuple[set[str], set[str]]] = {
    "__init__": ({"_moved"}, set()),
    "_optional": (set(), set()),
    "_moved": (set(), set()),
    "_whole": (set(), set()),
    # Pillow reads the image files of frame videos; torchvision requires it anyway, as torch does
    # fsspec, which reads remote files.
    "data": ({"_optional", "_whole"}, {"av", "torchcodec", "decord", "iopath", "fsspec", "PIL"}),
    # Pillow draws the contact sheets.
    "transforms": ({"_optional"}, {"torchvision", "kornia", "torchaudio", "PIL"}),
    "layers": (set(), {"fvcore"}),
    "losses": (set(), {"fvcore"}),
    "models": ({"layers", "losses"}, {"torchvision", "fvcore"}),
    "accelerator": ({"layers", "_optional"}, {"executorch", "torchao", "onnx", "openvino"}),
    "hub": ({"models", "accelerator", "_whole"}, {"iopath"}),
    "recipes": (
        {"data", "transforms", "models", "losses", "hub", "accelerator", "_optional", "_whole"},
        {"lightning", "torchmetrics", "jinja2", "PIL"},
    ),
    "cli": (
        {
            "__init__",
            "_optional",
            "_whole",
            "data",
            "transforms",
            "models",
            "accelerator",
            "hub",
            "recipes",
        },
        {"jsonargparse", "rich"},
    ),
}
STANDARD = __import__("sys").stdlib_module_names


def part_of(path: Path) -> str:
    """The package or top-level module that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(path: Path) -> set[str]:
    """Every module that a file imports, as a dotted name."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import; write the full name"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_module_imports_only_what_its_package_may(path: Path) -> None:
    part = part_of(path)
    ours, others = RULES[part]
    for name in imports_of(path):
        top, _, rest = name.partition(".")
        if top == PACKAGE.name:
            target = rest.partition(".")[0] or "__init__"
            if not (PACKAGE / target).exists() and not (PACKAGE / f"{target}.py").exists():
                target = "__init__"  # a name of the package itself, such as __version__
            assert target in ours | {part}, f"{part} may not import {name}"
        else:
            assert top in STANDARD | EVERYWHERE | others, f"{part} may not import {name}"


@pytest.mark.parametrize(
    "path",
    [
        path
        for folder in ("pytorchvideo_clone", "tests", "tutorials", "model_zoo", "benchmarks")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if "reference" not in path.parts
    ],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_file_is_short(path: Path) -> None:
    limit = 120 if path.parent.name == "tutorials" else 400
    assert len(path.read_text().splitlines()) <= limit


@pytest.mark.parametrize(
    "path",
    [path for path in MODULES if path.name != "__init__.py"],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_module_has_its_mirrored_test(path: Path) -> None:
    relative = path.relative_to(PACKAGE)
    test = ROOT / "tests" / relative.with_name(f"test_{path.name.lstrip('_')}")
    assert test.exists(), f"write {test.relative_to(ROOT)}"


@pytest.mark.parametrize(
    "path",
    [path for path in MODULES if path.name == "__init__.py" and path.parent != PACKAGE],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_package_lists_its_names_sorted(path: Path) -> None:
    tree = ast.parse(path.read_text())
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            names = ast.literal_eval(node.value)
            assert names == sorted(names)
            return
    pytest.fail(f"{path.relative_to(ROOT)} has no __all__")


def texts_without_encoding(path: Path) -> list[int]:
    """Lines of a file that open text in the encoding of whoever runs it: no names of videos survive
    that on Windows."""
    lines = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        owner = ast.unparse(node.func).rpartition(".")[0]
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        if name == "open" and owner not in NO_TEXT:
            modes = [given["mode"]] if "mode" in given else node.args[0 if owner else 1 :][:1]
            text = not any(
                "b" in ast.unparse(mode) or "mode" in ast.unparse(mode) for mode in modes
            )
        elif name in ("read_text", "write_text"):
            text = len(node.args) < (1 if name == "read_text" else 2)
        else:
            text = name == "TextIOWrapper" and len(node.args) < 2
            text = text or ("text" in given and owner == "subprocess")
        if text and "encoding" not in given:
            lines.append(node.lineno)
    return lines


NO_TEXT = {
    "_manager(path)",
    "archive",
    "av",
    "fs",
    "os",
    "Image",
    "webbrowser",
    "wave",
    "tarfile",
    "zipfile",
}


@pytest.mark.parametrize(
    "path",
    [
        path
        for folder in ("pytorchvideo_clone", "tutorials", "model_zoo", "benchmarks")
        for path in sorted((ROOT / folder).rglob("*.py"))
    ]
    + [ROOT / "setup.py"],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_text_has_an_encoding(path: Path) -> None:
    assert not texts_without_encoding(path), "say encoding='utf-8'"


def test_text_without_an_encoding_is_seen(tmp_path: Path) -> None:
    wrong = ["open(x)", "open(x, 'w')", "x.open()", "x.read_text()", "x.write_text(y)"]
    wrong += ["io.TextIOWrapper(x)", "subprocess.run(x, text=True)", "x.open(mode='a')"]
    right = ["open(x, 'rb')", "av.open(x)", "x.read_text('utf-8')", "x.open(encoding='ascii')"]
    file = tmp_path / "code.py"
    file.write_text("\n".join([*wrong, *right]), encoding="utf-8")
    assert texts_without_encoding(file) == list(range(1, len(wrong) + 1))
