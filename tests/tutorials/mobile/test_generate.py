"""The arithmetic that is generated for phones gives the numbers that Python's evaluation gives."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict, replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

from pytorchvideo_clone.accelerator import randomize_norms
from pytorchvideo_clone.data import EncodedVideo
from pytorchvideo_clone.hub import InputSpec, create_model, load_bundle, model_entry, save_bundle
from pytorchvideo_clone.recipes.export import export_checkpoint
from pytorchvideo_clone.recipes.inputs import evaluation_transform, keep_frames, normalize_clips
from tests.tutorials.mobile.phone_code import run_source
from tutorials.mobile.generate import main, processing_sources, write_hosts

SPEC = InputSpec(num_frames=4, sampling_rate=3, crop=12, side=14, mean=(0.43, 0.4, 0.37))
SPEC = replace(SPEC, std=(0.225, 0.22, 0.21))
NAMES = ["jump", 'run "fast"', "a $5 \\ bill", "swim", "walk", "größer"]
FILES = ["ClipProcessing.kt", "ClipProcessing.swift"]
ANDROID = Path("android/app/src/main/java/org/pytorchvideo/host")
IOS = Path("ios/ClipHost")
HOSTS = Path(__file__).parents[3] / "tutorials" / "mobile"
HARNESS = Path(__file__).parent / "harness"


def metadata(spec: InputSpec = SPEC, names: list[str] | None = NAMES) -> dict[str, str]:
    return {"input_spec": json.dumps(asdict(spec)), "class_names": json.dumps(names)}


@pytest.fixture(params=FILES)
def phone(request: pytest.FixtureRequest) -> SimpleNamespace:
    return run_source(request.param, processing_sources(metadata())[request.param])


def camera_frames(count: int, height: int, width: int, row_stride: int, red: int) -> Tensor:
    """Random frames as a camera gives them: (count, height * row_stride) uint8."""
    return torch.randint(0, 256, (count, height * row_stride), dtype=torch.uint8)


def as_video(frames: Tensor, height: int, width: int, red: int) -> Tensor:
    """The same frames as a decoder gives them: (3, count, height, width) uint8."""
    pixels = frames.view(len(frames), height, -1)[:, :, : 4 * width].unflatten(2, (width, 4))
    channels = pixels[..., :3] if red == 0 else pixels[..., :3].flip(-1)
    return channels.permute(3, 0, 1, 2)


def assert_same_pixels(found: Tensor, expected: Tensor) -> None:
    if torch.backends.cpu.get_cpu_capability().startswith("AVX"):
        assert torch.equal(found, expected)
    else:  # torch's kernel for bytes differs between CPUs, by one rounding
        assert (found.int() - expected.int()).abs().max() <= 1


@pytest.mark.parametrize("red", [0, 2], ids=["RGBA", "BGRA"])
@pytest.mark.parametrize(
    ("height", "width"), [(30, 40), (41, 23), (28, 28), (14, 14), (9, 13), (97, 45), (15, 14)]
)
def test_frames_are_resized_and_cropped_as_in_evaluation(
    phone: SimpleNamespace, height: int, width: int, red: int
) -> None:
    row_stride = 4 * width + 8
    frames = camera_frames(1, height, width, row_stride, red)
    found = phone.frame(frames[0].tolist(), height, width, row_stride, red)
    expected = evaluation_transform(SPEC, crops=1)(as_video(frames, height, width, red))
    found = torch.tensor(found).remainder(256).to(torch.uint8)
    assert_same_pixels(found, expected.flatten())


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("num_frames", [1, 2, 4, 5, 13, 15, 16, 32])
def test_the_same_frames_are_taken(file: str, num_frames: int) -> None:
    sources = processing_sources(metadata(replace(SPEC, num_frames=num_frames)))
    phone = run_source(file, sources[file])
    for available in range(1, 120):
        expected = keep_frames(list(range(available)), num_frames)
        assert phone.frameIndices(available) == expected


def test_clips_are_normalized_to_the_same_numbers(phone: SimpleNamespace) -> None:
    clip = torch.randint(0, 256, (4, 3, 12, 12), dtype=torch.uint8)
    found = torch.from_numpy(np.array(phone.clip(clip.flatten(1).tolist()), dtype=np.float32))
    expected = normalize_clips(clip.transpose(0, 1)[None], SPEC)
    assert torch.equal(found.view(expected.shape), expected)


def test_scores_become_the_same_probabilities_and_classes(phone: SimpleNamespace) -> None:
    scores = torch.randn(400) * 10
    probabilities = phone.softmax(list(scores.numpy()))
    expected = scores.softmax(0)
    torch.testing.assert_close(torch.tensor(probabilities), expected, rtol=1e-5, atol=1e-8)
    assert phone.topClasses(probabilities, 5) == expected.topk(5).indices.tolist()
    assert phone.topClasses([0.25, 0.5, 0.25], 5) == [1, 0, 2]


def test_constants_are_those_of_the_model() -> None:
    spec = replace(SPEC, sampling_rate=1000, fps=7)  # an hour and more
    sources = processing_sources(metadata(spec))
    kotlin, swift = (run_source(name, sources[name]) for name in FILES)
    assert kotlin.CLASS_NAMES == swift.classNames == NAMES
    assert kotlin.CLIP_NANOSECONDS == swift.clipNanoseconds == int(spec.clip_duration * 10**9)
    assert json.loads(kotlin.METADATA) == json.loads(swift.metadata) == metadata(spec)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"class_names": "[]"}, "does not hold input_spec; write it with pytorchvideo-clone"),
        (metadata(replace(SPEC, alpha=4)), "two pathways .alpha is 4"),
        (metadata(names=None), "no class names; pass class_names to save_bundle"),
        (metadata(replace(SPEC, test_crop=20)), "test_crop is 20; it must fit into side=14"),
    ],
)
def test_what_hosts_cannot_feed_is_refused(given: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        processing_sources(given)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "no exported model at "), (b"x" * 100, "damaged or of another target")],
)
def test_the_command_says_what_is_wrong_with_a_file(
    content: bytes | None, message: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    file = tmp_path / "model.pte"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SystemExit) as end:
        main([str(file)])
    assert end.value.code == 2
    assert message in capsys.readouterr().err


# The small model in every run; others by hand: PHONE_MODELS=x3d_xs,x3d_s python -m pytest ...
@pytest.mark.slow
@pytest.mark.parametrize("name", os.environ.get("PHONE_MODELS", "x3d_tiny").split(","))
def test_the_file_gives_on_the_phone_what_the_model_gives_here(
    name: str, motion_folder: Path, tmp_path: Path
) -> None:
    """From a video's frames to the best classes, in ExecuTorch's runtime on one thread."""
    spec = model_entry(name).input_spec
    names = NAMES + [f"class {i}" for i in range(len(NAMES), 400)]
    options = {"num_classes": len(names)} | ({"depth_factor": 0.2} if name == "x3d_tiny" else {})
    model = randomize_norms(create_model(name, **options))
    save_bundle(tmp_path / "model.pth", model, name, spec, names, model_kwargs=options)
    export_checkpoint(tmp_path / "model.pth", tmp_path / "model.pte")
    for place in (ANDROID, IOS):
        shutil.copytree(HOSTS / place, tmp_path / place)
    kotlin, pte, swift, _ = write_hosts(tmp_path / "model.pte", tmp_path)
    phone = run_source(kotlin.name, kotlin.read_text())

    with EncodedVideo.from_path(motion_folder / "test/pan_left/0000.mp4") as video:
        frames = video.get_clip(0, Fraction(3, 2), video_dtype=torch.uint8)["video"]
    _, count, height, width = frames.shape
    places = phone.frameIndices(count)
    rgba = torch.cat([frames, frames[:1]]).permute(1, 2, 3, 0).flatten(1)
    taken = [phone.frame(rgba[i].tolist(), height, width, 4 * width, 0) for i in places]
    np.save(tmp_path / "clip.npy", np.array(phone.clip(taken), dtype=np.float32))
    script = """
import json, sys, warnings
warnings.simplefilter("ignore")
import numpy, torch
from executorch.extension.pybindings import portable_lib
from executorch.runtime import Runtime
portable_lib._unsafe_reset_threadpool(1)
assert portable_lib._threadpool_get_thread_count() == 1
program = Runtime.get().load_program(sys.argv[1])
clip = torch.from_numpy(numpy.load(sys.argv[2])).view(json.loads(sys.argv[3]))
scores = program.load_method("forward").execute([clip])[0].flatten().tolist()
print(json.dumps([scores, program.load_method("metadata").execute([])[0]]))
"""
    size = [1, 3, spec.num_frames, spec.test_crop, spec.test_crop]
    run = subprocess.run(
        [sys.executable, "-c", script, pte, tmp_path / "clip.npy", json.dumps(size)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    scores, written = json.loads(run.stdout.splitlines()[-1])
    assert phone.METADATA == run_source(swift.name, swift.read_text()).metadata == written

    kept = frames[:, keep_frames(list(range(count)), spec.num_frames)]
    network, _ = load_bundle(tmp_path / "model.pth")
    with torch.no_grad():
        clips = normalize_clips(evaluation_transform(spec, crops=1)(kept), spec)
        expected = network.eval()(clips).softmax(-1)[0]
    probabilities = phone.softmax(list(map(np.float32, scores)))
    torch.testing.assert_close(torch.tensor(probabilities), expected, rtol=1e-3, atol=1e-5)
    assert phone.topClasses(probabilities, 5) == expected.topk(5).indices.tolist()


def compile_kotlin(sources: Path, folder: Path) -> list[str]:
    files = [sources, HOSTS / ANDROID / "ClipBuffer.kt", HARNESS / "Harness.kt"]
    jar = folder / "harness.jar"
    command = ["kotlinc", *map(str, files), "-include-runtime", "-d", str(jar)]
    subprocess.run(command, check=True, capture_output=True)
    return ["java", "-cp", str(jar), "org.pytorchvideo.host.HarnessKt"]


def compile_swift(sources: Path, folder: Path) -> list[str]:
    files = [sources, HOSTS / IOS / "ClipBuffer.swift", HARNESS / "main.swift"]
    # The driver may write beside its inputs.
    copies = [shutil.copy(file, folder / f"source_{file.name}") for file in files[:2]]
    copies.append(shutil.copy(files[2], folder / "main.swift"))
    command = ["swiftc", "-O", *map(str, copies), "-o", str(folder / "harness")]
    subprocess.run(command, check=True, capture_output=True)
    return [str(folder / "harness")]


COMPILERS = {"ClipProcessing.kt": ("kotlinc", compile_kotlin), FILES[1]: ("swiftc", compile_swift)}


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES)
def test_compiled_it_gives_the_same_numbers(file: str, tmp_path: Path) -> None:
    """The generated source and the host's ring buffer, by the language's own compiler."""
    compiler, compile_source = COMPILERS[file]
    if shutil.which(compiler) is None:
        pytest.skip(f"needs {compiler} in PATH (see website/docs/mobile.md)")
    spec = replace(model_entry("x3d_s").input_spec, mean=SPEC.mean, std=SPEC.std)
    (tmp_path / file).write_text(processing_sources(metadata(spec))[file])
    program = compile_source(tmp_path / file, tmp_path)
    window, interval = 78, 10**9 // 30  # 13 frames x 6, at 30 frames a second
    for height, width, red in [(120, 160, 0), (320, 240, 2), (182, 182, 0), (182, 300, 2)]:
        row_stride, count = 4 * width + 12, window + 3
        frames = camera_frames(count, height, width, row_stride, red)
        scores = torch.randn(400) * 10
        numbers = np.array([height, width, row_stride, red, interval, count], ">i4").tobytes()
        numbers += frames.numpy().tobytes() + np.array([400], ">i4").tobytes()
        numbers += scores.numpy().astype(">f4").tobytes()
        run = subprocess.run(program, input=numbers, capture_output=True, check=True)
        found = torch.from_numpy(np.frombuffer(run.stdout[:-20], ">f4").astype(np.float32))
        # An interval of 33333333 ns is a little less than a thirtieth: one frame more fits.
        kept = keep_frames(list(range(count - window - 1, count)), spec.num_frames)
        video = as_video(frames, height, width, red)[:, kept]
        pixels = evaluation_transform(spec, crops=1)(video)
        clip, probabilities = found[:-400].view(pixels.shape), found[-400:]
        std, mean = (torch.tensor(x).view(1, 3, 1, 1, 1) for x in (spec.std, spec.mean))
        levels = ((clip * std + mean) * 255).round().to(torch.uint8)
        assert_same_pixels(levels, pixels)
        assert torch.equal(clip, normalize_clips(levels, spec))
        torch.testing.assert_close(probabilities, scores.softmax(0), rtol=1e-5, atol=1e-8)
        classes = np.frombuffer(run.stdout[-20:], ">i4").tolist()
        assert classes == scores.topk(5).indices.tolist()
