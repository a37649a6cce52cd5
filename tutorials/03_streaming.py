"""Tutorial 03: classify a live source, window by window.

Frames are read from a file here, one by one, as a camera gives them. Run it with a video of yours,
or without for one that is made on the spot; with a bundle that training wrote, its names appear:

    python tutorials/03_streaming.py [VIDEO [BUNDLE]]
"""

import sys
import tempfile

import torch

from pytorchvideo_clone.data.motion import write_motion_dataset
from pytorchvideo_clone.hub import create_model, load_bundle, model_entry

if len(sys.argv) > 1:
    path = sys.argv[1]
else:
    folder = write_motion_dataset(tempfile.mkdtemp(), train_per_class=0, test_per_class=1)
    path = folder / "test" / "pan_left" / "0000.mp4"
if len(sys.argv) > 2:
    model, bundle = load_bundle(sys.argv[2])
    spec, names = bundle.input_spec, bundle.class_names
else:  # untrained: its answers mean nothing
    torch.manual_seed(0)
    model, spec = create_model("x3d_tiny", num_classes=8), model_entry("x3d_tiny").input_spec
    names = [f"class {i}" for i in range(8)]

# --8<-- [start:core]
import av

from pytorchvideo_clone.accelerator import optimize
from pytorchvideo_clone.recipes import predict_video, stream_predictions
from pytorchvideo_clone.recipes.inputs import example_input

# Any form of the model will do: as it is, optimized, or a file that was exported.
fast = optimize(model, example_input(spec))

# A window every quarter of a second. In a thread, so that taking frames never waits for the model:
# were it slower than the windows come, the newest would wait and older ones be dropped.
results = []
with stream_predictions(fast, spec, hop_sec=0.25, background=True) as live, av.open(path) as camera:
    for frame in camera.decode(video=0):
        # A camera's own clock, in seconds: frames that are missing or late do no harm.
        results += live.push(frame.to_ndarray(format="rgb24"), frame.time)
        live.wait()  # a file comes faster than a camera: without this, windows would be dropped
    results += live.finish()

for result in results:
    best = int(result.output.argmax())
    span = f"{float(result.start_sec):.2f} s to {float(result.end_sec):.2f} s"
    print(f"{span}, {result.num_frames} frames: {names[best]}, {result.output[best]:.2f}")
print(f"{len(results)} windows, {live.dropped} of them dropped")
# --8<-- [end:core]

# Each is what evaluation gives for a clip of that time of the file.
first = predict_video(fast, spec, path, clips=1)
assert torch.equal(first, results[0].output)
print("the file gives the same")
