"""Reproduce a row of the table on a data set that you have.

    python model_zoo/evaluate.py slow_r50 kinetics400 --output results/slow_r50.json

The data is a folder with a folder of videos for each class, as `recipes.evaluate_classifier` takes.
"""

import json
from pathlib import Path
from typing import Any

from pytorchvideo_clone.hub import create_model, model_entry, read_class_names
from pytorchvideo_clone.hub.checkpoints import load_state, read_checkpoint
from pytorchvideo_clone.recipes import evaluate_classifier


def evaluate(
    model: str,
    data_path: str,
    checkpoint: str | None = None,
    class_names: str | None = None,
    clips: int | None = None,
    crops: int | None = None,
    batch_size: int = 16,
    num_workers: int = 2,
    decoder: str = "auto",
    accelerator: str = "auto",
    output: str | None = None,
    progress: bool = True,
) -> dict[str, Any]:
    """Score a data set with a model of the zoo and compare with the published accuracy.

    Args:
        model: name of a classifier of the table.
        data_path: folder of class folders; its `test` or `val` folder is used if there is one.
        checkpoint: path or URL of weights; default the published ones.
        class_names: JSON file or URL, a list of names or a mapping from name to index; default
            those in the checkpoint, if it is a bundle, or else those of the published weights.
        clips: views in time; default the model's.
        crops: views in space, 1 or 3; default the model's.
        batch_size: crops that pass the model at a time.
        num_workers: loader processes.
        decoder: "auto", "pyav", "torchcodec" or "decord".
        accelerator: "auto", "cpu", "gpu", ...
        output: JSON file for the numbers.
        progress: show bars.

    Returns:
        The numbers of `Evaluation.to_dict` and, under "published", those of the table.

    Raises:
        ValueError: for an unknown model, a detector, or class names that are not the data's.
        CheckpointError: if the checkpoint does not fit the model with that many classes.
        FileNotFoundError: if data, checkpoint or class names do not exist.
    """
    entry = model_entry(model)
    if entry.task != "classification":
        raise ValueError(f"{model} is for {entry.task}; this evaluates classifiers.")
    sha256 = None
    if checkpoint is None:
        if entry.weights is None:
            raise ValueError(f"{model} has no published weights; pass checkpoint.")
        checkpoint, sha256 = entry.weights.url, entry.weights.sha256
    contents = read_checkpoint(checkpoint, progress=progress, sha256=sha256)
    if class_names is not None:
        names = _in_order(class_names)
    elif contents.get("class_names") is not None:
        names = list(contents["class_names"])
    elif entry.weights is not None:
        names = _in_order(entry.weights.class_names)
    else:
        raise ValueError(f"nothing says which classes {model} has; pass class_names.")
    network = create_model(model, num_classes=len(names), **entry.logits)
    # Strict, with the head: a list of names of another length is refused.
    load_state(network, contents["model_state"], checkpoint)
    evaluation = evaluate_classifier(
        network,
        entry.input_spec,
        names,
        data_path,
        clips=clips,
        crops=crops,
        batch_size=batch_size,
        num_workers=num_workers,
        decoder=decoder,
        accelerator=accelerator,
        enable_progress_bar=progress,
    )
    published = {} if entry.weights is None else entry.weights.accuracy
    numbers = {"model": model, **evaluation.to_dict(), "published": published}
    if output is not None:
        Path(output).parent.mkdir(parents=True, exist_ok=True)
        Path(output).write_text(json.dumps(numbers, indent=2) + "\n", encoding="utf-8")
    return numbers


def main() -> None:
    """Run `evaluate` with the arguments of the command line and print the accuracy."""
    from jsonargparse import auto_cli

    numbers = auto_cli(evaluate)
    published = numbers["published"]
    print(f"{numbers['model']}: {numbers['videos']} videos, {numbers['views']}")
    for key in ("top1", "top5"):
        print(f"{key} {100 * numbers[key]:.2f} %, published {published.get(key, '-')}")


def _in_order(source: str) -> list[str]:
    names = read_class_names(source)
    if sorted(names) != list(range(len(names))):
        raise ValueError(f"the class indices of {source} are not 0 to {len(names) - 1}.")
    return [names[index] for index in range(len(names))]


if __name__ == "__main__":
    main()
