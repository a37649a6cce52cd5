"""Make the Android and iOS hosts ready for a model.

    pytorchvideo-clone export runs/mine/model.pth model.pte
    python tutorials/mobile/generate.py model.pte

copies the model into both, and writes the arithmetic before and after it, with its numbers, in
Kotlin and in Swift: resizing, cropping, sampling, normalisation, softmax, the best classes.
"""

import argparse
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from pytorchvideo_clone.accelerator import ExportError, load_exported
from pytorchvideo_clone.hub import InputSpec

HERE = Path(__file__).parent
PLACE = "    // <constants>\n"
# Generated source -> its folder, and the model's, below the folder of the hosts.
HOSTS = {
    "ClipProcessing.kt": (
        "android/app/src/main/java/org/pytorchvideo/host",
        "android/app/src/main/assets",
    ),
    "ClipProcessing.swift": ("ios/ClipHost", "ios/ClipHost"),
}

Value = int | str | list[float] | list[str]


def processing_sources(metadata: Mapping[str, str]) -> dict[str, str]:
    """Write what happens before and after a model, in Kotlin and in Swift.

    Args:
        metadata: of the .pte file, as `export_checkpoint` writes it.

    Returns:
        File name -> source: functions from camera frames to the model's input, and from its scores
        to the best classes, with the numbers of this model.

    Raises:
        ValueError: if the file does not say what it takes, or takes more than one clip.
    """
    constants = _constants(metadata)
    kotlin = "".join(f"    {_kotlin(name, value)}\n" for name, value in constants.items())
    swift = "".join(f"    {_swift(name, value)}\n" for name, value in constants.items())
    written = {"ClipProcessing.kt": kotlin, "ClipProcessing.swift": swift}
    return {
        name: (HERE / "templates" / name).read_text(encoding="utf-8").replace(PLACE, lines)
        for name, lines in written.items()
    }


def write_hosts(model: Path, folder: Path = HERE) -> list[Path]:
    """Write the generated sources and copies of the model to where the hosts look for them.

    Args:
        model: a .pte file.
        folder: where `android` and `ios` are.

    Returns:
        All files written.

    Raises:
        FileNotFoundError: if there is no such file.
        ExportError: if it is damaged, or no .pte file.
        ValueError: as in `processing_sources`.
    """
    sources = processing_sources(load_exported(model, "executorch").metadata)
    files = []
    for name, (source_folder, model_folder) in HOSTS.items():
        source, copy = folder / source_folder / name, folder / model_folder / "model.pte"
        for file in (source, copy):
            file.parent.mkdir(parents=True, exist_ok=True)
        source.write_text(sources[name], encoding="utf-8")
        shutil.copyfile(model, copy)
        files += [source, copy]
    return files


def main(arguments: Sequence[str] | None = None) -> None:
    """Do so for the file that the command line names."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="a .pte file of pytorchvideo-clone export")
    try:
        print(*write_hosts(parser.parse_args(arguments).model), sep="\n")
    except (ExportError, FileNotFoundError, ImportError, ValueError) as error:
        parser.error(str(error))


def _constants(metadata: Mapping[str, str]) -> dict[str, Value]:
    lacking = [key for key in ("input_spec", "class_names") if key not in metadata]
    if lacking:
        raise ValueError(
            f"the model's file does not hold {' and '.join(lacking)}; write it with "
            "pytorchvideo-clone export."
        )
    spec = InputSpec(**json.loads(metadata["input_spec"]))
    names = json.loads(metadata["class_names"])
    if spec.alpha is not None:
        raise ValueError(
            f"the model takes two pathways (alpha is {spec.alpha}); the hosts feed one clip. "
            "Export a model of one pathway, such as x3d_s."
        )
    if not names:
        raise ValueError("the model has no class names; pass class_names to save_bundle.")
    if spec.test_crop > spec.side:
        raise ValueError(f"test_crop is {spec.test_crop}; it must fit into side={spec.side}.")
    return {
        "num_frames": spec.num_frames,
        "side": spec.side,
        "crop": spec.test_crop,
        "clip_nanoseconds": int(spec.clip_duration * 10**9),
        "mean": list(map(float, spec.mean)),
        "std": list(map(float, spec.std)),
        "class_names": names,
        # What the method "metadata" of the file gives, to notice a file of another model.
        "metadata": json.dumps(dict(metadata)),
    }


def _kotlin(name: str, value: Value) -> str:
    name = name.upper()
    match value:
        case int():
            return f"const val {name} = {value}" + ("L" if value > 2**31 - 1 else "")
        case str():
            return f"const val {name} = {_quoted(value, '$')}"
        case [float(), *_]:
            return f"val {name} = floatArrayOf({', '.join(f'{x!r}f' for x in value)})"
    return f"val {name} = arrayOf({', '.join(_quoted(text, '$') for text in value)})"


def _swift(name: str, value: Value) -> str:
    first, *rest = name.split("_")
    name = first + "".join(map(str.capitalize, rest))
    match value:
        case int():
            return f"static let {name} = {value}"
        case str():
            return f"static let {name} = {_quoted(value)}"
        case [float(), *_]:
            return f"static let {name}: [Float] = [{', '.join(map(repr, value))}]"
    return f"static let {name} = [{', '.join(map(_quoted, value))}]"


def _quoted(text: str, also: str = "") -> str:
    """A literal of a text; backslash, quote and the characters of `also` are escaped."""
    for character in "\\" + '"' + also:
        text = text.replace(character, "\\" + character)
    return '"' + text.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t") + '"'


if __name__ == "__main__":
    main()
