"""Tutorial 02: train a classifier on your own folder of videos.

The folder holds one folder for each class. Without one, the embedded motion data set is written:

    python tutorials/02_train_a_classifier.py [FOLDER [EPOCHS]]
"""

import sys
import tempfile

from pytorchvideo_clone.data.motion import write_motion_dataset

folder = sys.argv[1] if len(sys.argv) > 1 else write_motion_dataset(tempfile.mkdtemp())
epochs = int(sys.argv[2]) if len(sys.argv) > 2 else 12


def main() -> None:
    """Train, test and save."""
    # --8<-- [start:core]
    from pytorchvideo_clone.hub import create_model, model_entry, save_bundle
    from pytorchvideo_clone.recipes import ClassificationModule, VideoDataModule, make_trainer

    spec = model_entry("x3d_tiny").input_spec
    data = VideoDataModule(folder, spec, batch_size=16, horizontal_flip_prob=0.0)
    classes = data.class_names

    model = create_model("x3d_tiny", num_classes=len(classes))
    module = ClassificationModule(model, spec, classes, lr=3e-3, warmup_epochs=2)
    trainer = make_trainer(max_epochs=epochs, enable_checkpointing=False)
    trainer.fit(module, datamodule=data)
    trainer.test(module, datamodule=data)

    save_bundle("model.pth", model, "x3d_tiny", input_spec=spec, class_names=classes)
    # --8<-- [end:core]


if __name__ == "__main__":  # loader workers import this file again
    main()
