"""The command line: one function a command.

Importing this package is quick. A command's options are read from the source of its function, and
only the command that runs is imported, with what it needs.
"""

import io
import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from pytorchvideo_clone.cli.signatures import Command

__all__ = ["COMMANDS", "main"]

# Name -> what it runs, or the commands of a group.
COMMANDS: dict[str, Command | dict[str, Command]] = {
    "models": Command("cli.models", "models"),
    "predict": Command("cli.models", "predict"),
    "train": Command("cli.models", "train", options="recipes.train.train_classifier"),
    "evaluate": Command("cli.models", "evaluate"),
    "export": Command("cli.models", "export"),
    "benchmark": Command("cli.benchmark", "benchmark"),
    "data": {
        "scan": Command("cli.data", "scan"),
        "show": Command("cli.data", "show"),
        "pack": Command("cli.data", "pack"),
        "unpack": Command("cli.data", "unpack"),
        "verify": Command("cli.data", "verify"),
        "profile": Command("cli.data", "profile"),
    },
    "demo": Command("cli.models", "demo"),
    "doctor": Command("cli.doctor", "doctor"),
}
# Those that torchrun or srun may start several times: they share the work, or only tell something.
SEVERAL = ("train", "evaluate", "models", "doctor")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line. What a user can cause ends in one sentence and status 2.

    Args:
        arguments: without the program's name; None takes those of this process.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name that it cannot show ends nothing
    try:
        try:
            _run(sys.argv[1:] if arguments is None else arguments)
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(1)
    except Exception as error:
        if not _is_expected(error):
            raise
        print(f"error: {_sentence(error)}", file=sys.stderr)
        sys.exit(2)


def _run(arguments: Sequence[str]) -> None:
    from pytorchvideo_clone.cli.checks import check_given
    from pytorchvideo_clone.cli.parser import parse
    from pytorchvideo_clone.recipes.launch import refuse_copies

    command, positional, options = parse(COMMANDS, arguments, check_given)
    if command.function not in SEVERAL:
        refuse_copies(command.function)
    # Lightning tells at every start which devices it sees and what else one could install.
    logging.getLogger("lightning.pytorch.utilities.rank_zero").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="lightning")
    with _interrupt_ends_at_once():
        function: Callable[..., None] = getattr(import_module(command.home), command.function)
    function(*positional, **options)


def _is_expected(error: Exception) -> bool:
    """Whether a user can cause it: errors of ours, and of files, values and missing packages."""
    if isinstance(error, OSError | ValueError | ImportError):
        return True
    return type(error).__module__.startswith(f"{__package__.partition('.')[0]}.")


def _sentence(error: Exception) -> str:
    """What an error says; one of a loader process comes with its traceback, its words last."""
    text = str(error).strip()
    if "Original Traceback" not in text:
        return text
    return text.rpartition("\n")[2].partition(": ")[2]


@contextmanager
def _interrupt_ends_at_once() -> Iterator[None]:
    """End the process on Ctrl-C: within an import other packages may catch what it raises."""
    before = signal.getsignal(signal.SIGINT)
    ours = threading.current_thread() is threading.main_thread()
    if not ours or before is not signal.default_int_handler:
        yield
        return

    def end(*_: Any) -> None:
        os.write(2, b"interrupted\n")
        os._exit(130)

    signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
