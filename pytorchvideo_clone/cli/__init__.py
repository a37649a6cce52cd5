"""The command line: one function a command."""

import logging
import re
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from typing import Any

from pytorchvideo_clone import __version__
from pytorchvideo_clone._optional import optional_import
from pytorchvideo_clone.accelerator import ExportError
from pytorchvideo_clone.cli.benchmark import benchmark
from pytorchvideo_clone.cli.data import pack, profile, scan, show, unpack, verify
from pytorchvideo_clone.cli.doctor import doctor
from pytorchvideo_clone.cli.models import demo, evaluate, export, models, predict, train
from pytorchvideo_clone.data import VideoReadError
from pytorchvideo_clone.hub import CheckpointError

__all__ = ["COMMANDS", "main"]

Command = Callable[..., None]
# Name -> what it runs, or the commands of a group.
COMMANDS: dict[str, Command | dict[str, Command]] = {
    "models": models,
    "predict": predict,
    "train": train,
    "evaluate": evaluate,
    "export": export,
    "benchmark": benchmark,
    "data": {
        "scan": scan,
        "show": show,
        "pack": pack,
        "unpack": unpack,
        "verify": verify,
        "profile": profile,
    },
    "demo": demo,
    "doctor": doctor,
}
# Arguments that take several values: those with the default None are options.
_LISTS: dict[Any, type] = {list[str]: str, list[str] | None: str, list[int] | None: int}
_EXPECTED = (OSError, ValueError, ImportError, VideoReadError, CheckpointError, ExportError)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line. What a user can cause ends in one sentence and status 2.

    Args:
        arguments: without the program's name; None takes those of this process.
    """
    # Lightning tells at every start which devices it sees and what else one could install.
    logging.getLogger("lightning.pytorch.utilities.rank_zero").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="lightning")
    try:
        parser = _parser()
        given = sys.argv[1:] if arguments is None else arguments
        # Both --top-k and --top_k.
        spelled = [_underscores(text) if text.startswith("--") else text for text in given]
        settings = parser.parse_args(spelled)
        _run(COMMANDS, settings)
    except _EXPECTED as error:
        print(f"error: {_sentence(error)}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


def _sentence(error: Exception) -> str:
    """What an error says; one of a loader process comes with its traceback, its words last."""
    text = str(error).strip()
    if "Original Traceback" not in text:
        return text
    return text.rpartition("\n")[2].partition(": ")[2]


def _underscores(option: str) -> str:
    name, equals, value = option.partition("=")
    return f"--{name[2:].replace('-', '_')}{equals}{value}"


def _run(commands: Mapping[str, Any], settings: Any) -> None:
    command, chosen = commands[settings.command], settings[settings.command]
    if isinstance(command, Mapping):
        _run(command, chosen)
    else:
        command(**{name: value for name, value in chosen.as_dict().items() if name != "config"})


def _parser() -> Any:
    jsonargparse = optional_import("jsonargparse", extra="train")
    parser = jsonargparse.ArgumentParser(
        prog="pytorchvideo-clone",
        description="Video understanding on PyTorch.",
        version=__version__,
    )
    _add_commands(parser, COMMANDS)
    return parser


def _add_commands(parser: Any, table: Mapping[str, Any]) -> None:
    jsonargparse = optional_import("jsonargparse", extra="train")
    commands = parser.add_subcommands(dest="command")
    for name, function in table.items():
        if isinstance(function, Mapping):
            group = jsonargparse.ArgumentParser(description=f"Commands: {', '.join(function)}.")
            commands.add_subcommand(name, group, help=f"commands: {', '.join(function)}")
            _add_commands(group, function)
            continue
        summary, _, _ = (function.__doc__ or "").partition("\n")
        command = jsonargparse.ArgumentParser(description=summary)
        parameters = signature(function).parameters
        lists = {
            name: _LISTS[p.annotation] for name, p in parameters.items() if p.annotation in _LISTS
        }
        command.add_function_arguments(
            function, as_group=False, as_positional=True, skip=set(lists)
        )
        for argument, kind in lists.items():
            text = re.search(rf"^ +{argument}: (.+(?:\n {{12}}.+)*)$", function.__doc__ or "", re.M)
            option = "--" * (parameters[argument].default is None)
            told = text and " ".join(text[1].split())
            command.add_argument(f"{option}{argument}", nargs="+", type=kind, help=told)
        commands.add_subcommand(name, command, help=summary)
