"""Turn torchvision's weights of a video model into ours.

    python -m model_zoo.convert.torchvision mvit_v1_b mvit_v1_b-dbeb1030.pth mvit_base_16x4.pth

The result loads with `create_model("mvit_base_16x4", checkpoint="mvit_base_16x4.pth")`, and so does
torchvision's file: `create_model` converts it on the way. This command is for a file with our keys.
"""

import argparse

import torch

from pytorchvideo_clone.hub import LoadReport, create_model, model_entry
from pytorchvideo_clone.hub.checkpoints import load_state, read_checkpoint

# torchvision's name -> ours.
MODELS = {
    "mvit_v1_b": "mvit_base_16x4",
    "mvit_v2_s": "mvit_v2_s",
    "r3d_18": "r3d_18",
    "mc3_18": "mc3_18",
    "r2plus1d_18": "r2plus1d_18",
}
HEADS = ("head.proj.weight", "blocks.5.proj.weight")


def convert(name: str, source: str, target: str) -> LoadReport:
    """Convert a checkpoint and write ours, after it has been loaded into the model.

    Args:
        name: torchvision's name of the model.
        source: path or URL of torchvision's checkpoint.
        target: the file to be written.

    Returns:
        What became of each key.

    Raises:
        ValueError: if no model here corresponds.
        CheckpointError: if the checkpoint is not of that model; nothing is written then.
        FileNotFoundError: if it does not exist.
    """
    if name not in MODELS:
        raise ValueError(f"no model here corresponds to {name!r}; there is {', '.join(MODELS)}.")
    converter = model_entry(MODELS[name]).convert
    assert converter is not None, "each of MODELS has one"
    state = converter(read_checkpoint(source)["model_state"])
    classes = [len(state[key]) for key in HEADS if key in state]
    model = create_model(MODELS[name], num_classes=classes[0] if classes else None)
    report = load_state(model, state, source)
    torch.save({"model_state": model.state_dict()}, target)
    return report


def main() -> None:
    """Convert what the command line says and print the report."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("name", choices=MODELS)
    parser.add_argument("source", help="torchvision's checkpoint, a path or URL")
    parser.add_argument("target", help="file to be written")
    arguments = parser.parse_args()
    print(convert(arguments.name, arguments.source, arguments.target))


if __name__ == "__main__":
    main()
