import importlib
import inspect

import pytest

from pytorchvideo_clone.cli import COMMANDS
from pytorchvideo_clone.cli.signatures import Command, arguments_of, read_function, summary_of


def commands(table=COMMANDS) -> list[Command]:
    found = []
    for entry in table.values():
        found += [entry] if isinstance(entry, Command) else commands(entry)
    return found


@pytest.mark.parametrize("command", commands(), ids=lambda command: command.function)
def test_what_is_read_from_the_source_is_what_python_imports(command: Command) -> None:
    real = getattr(importlib.import_module(command.home), command.function)
    read = read_function(command.home, command.function)
    assert inspect.signature(read) == inspect.signature(real)
    assert read.__doc__ == real.__doc__
    assert summary_of(command).endswith(".")


def test_the_options_of_train_are_those_of_its_recipe() -> None:
    from pytorchvideo_clone.recipes import train_classifier

    found = {argument.name: argument for argument in arguments_of(COMMANDS["train"])}
    parameters = inspect.signature(train_classifier).parameters
    assert list(found) == list(parameters)
    assert found["epochs"].default == parameters["epochs"].default
    assert found["data_path"].positional and not found["epochs"].positional


@pytest.mark.parametrize("command", commands(), ids=lambda command: command.function)
def test_every_argument_is_described(command: Command) -> None:
    assert [argument.name for argument in arguments_of(command) if not argument.about] == []
