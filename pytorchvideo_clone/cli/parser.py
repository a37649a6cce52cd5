"""From the words of a command line to a command and its arguments, or one sentence of refusal."""

import difflib
import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter
from pathlib import Path
from typing import Any, NoReturn, get_args

from pytorchvideo_clone import __version__
from pytorchvideo_clone._optional import optional_import
from pytorchvideo_clone.cli.signatures import Argument, Command, arguments_of, summary_of

__all__ = ["parse"]

PROGRAM = "pytorchvideo-clone"
_SWITCH = {"true": True, "yes": True, "false": False, "no": False}
_WORDS = {int: "a whole number", float: "a number", str: "a text", Path: "a path"}
_NUMBERS = list[int] | None
_LISTS = (list[str], list[str] | None, _NUMBERS)


def parse(
    commands: Mapping[str, Any],
    arguments: Sequence[str],
    check: Callable[[Mapping[str, Any]], None] = lambda given: None,
) -> tuple[Command, list[Any], dict[str, Any]]:
    """Find out which command is meant, and with what.

    Ends the process after `--help` and `--version`, and with status 2 and at most five lines where
    the words mean nothing.

    Args:
        commands: name -> command, or a group of commands.
        arguments: without the program's name.
        check: refuses values, by name: first that of the first word, then all.

    Returns:
        The command, its arguments without and those with names.
    """
    name, command, rest = _choose(commands, arguments)
    known = arguments_of(command)
    given = _spell(name, known, rest)
    _refuse_early(name, known, given, check)
    settings = _parse_values(name, command, known, given)
    check(settings)
    optional = [argument for argument in known if _may_lack_name(argument)]
    positional = [settings.pop(argument.name) for argument in optional]
    return command, positional, settings


def _choose(
    commands: Mapping[str, Any], arguments: Sequence[str]
) -> tuple[str, Command, Sequence[str]]:
    """The command that the first words name, with its full name, and the words after it."""
    path, table, rest = PROGRAM, commands, arguments
    while True:
        if not rest:
            _refuse(path, f"a command is missing; choose one of {', '.join(table)}.")
        word, rest = rest[0], rest[1:]
        if word in ("-h", "--help"):
            print(_overview(path, table))
            sys.exit()
        if word == "--version" and path == PROGRAM:
            print(f"{PROGRAM} {__version__}")
            sys.exit()
        if word not in table:
            what = "option" if word.startswith("-") else "command"
            near = _near(word, [*table, "--help", "--version"])
            _refuse(path, f"there is no {what} {word}{near or '; choose of ' + ', '.join(table)}.")
        path, found = f"{path} {word}", table[word]
        if isinstance(found, Command):
            return path, found, rest
        table = found


def _overview(path: str, table: Mapping[str, Any]) -> str:
    """The help of the program or of a group of commands."""
    lines = [f"usage: {path} COMMAND ...", ""]
    if path == PROGRAM:
        lines += ["Video understanding on PyTorch.", ""]
    width = max(map(len, table))
    for name, entry in table.items():
        about = f"commands: {', '.join(entry)}" if isinstance(entry, Mapping) else summary_of(entry)
        lines += textwrap.wrap(
            about,
            min(shutil.get_terminal_size().columns, 100) - 1,
            initial_indent=f"  {name:{width}}  ",
            subsequent_indent=" " * (width + 4),
        )
    lines += ["", f"{path} COMMAND --help shows what a command takes."]
    if path == PROGRAM:
        lines += [f"{path} --version shows the version."]
    return "\n".join(lines)


def _spell(path: str, known: Sequence[Argument], words: Sequence[str]) -> list[str]:
    """The words with options spelled as the parser has them: dashes, `--no-x` for a false one."""
    options = {_option(argument): argument for argument in known if not argument.positional}
    switches = {name for name, argument in options.items() if argument.kind is bool}
    bare = {_option(argument) for argument in known if _may_lack_name(argument)}
    names = [*options, *(f"--no-{name[2:]}" for name in switches), *bare, "--help"]
    spelled: list[str] = []
    words = list(words)
    while words:
        word = words.pop(0)
        if not word.startswith("--") or word == "--":
            spelled.append(word)
            continue
        name, equals, value = word.partition("=")
        name = name.replace("_", "-")
        if name not in names:
            _refuse(path, f"there is no option {word.partition('=')[0]}{_near(name, names)}.")
        if name in bare:  # `--filter x3d` as well as `x3d`
            spelled += [value] if equals else []
        elif name in switches:
            if not equals and words and words[0].lower() in _SWITCH:
                equals, value = "=", words.pop(0)
            if equals and value.lower() not in _SWITCH:
                _refuse(path, f"{name} is {value!r}; it must be true or false.")
            on = not equals or _SWITCH[value.lower()]
            spelled.append(name if on else f"--no-{name[2:]}")
        else:
            spelled.append(f"{name}{equals}{value}")
    return spelled


def _refuse_early(
    path: str,
    known: Sequence[Argument],
    words: Sequence[str],
    check: Callable[[Mapping[str, Any]], None],
) -> None:
    """Refuse what the first word shows, before half a second of jsonargparse."""
    needed = [one for one in known if one.positional and not _may_lack_name(one)]
    if not needed or {"-h", "--help"} & {*words}:
        return
    if all(word.startswith("-") for word in words):
        _refuse(path, f"{needed[0].name} is missing: {needed[0].about}")
    if not words[0].startswith("-"):
        check({needed[0].name: words[0]})


def _parse_values(
    path: str, command: Command, known: Sequence[Argument], words: Sequence[str]
) -> dict[str, Any]:
    """Name of each argument -> its value."""
    jsonargparse = optional_import("jsonargparse", extra="train")
    positional = [_placeholder(argument) for argument in known if argument.positional]
    parser = jsonargparse.ArgumentParser(
        prog=path,
        usage=" ".join([path, *positional, "[options]"]),
        description=summary_of(command),
        exit_on_error=False,
        allow_abbrev=False,
    )
    for argument in known:
        _add(parser, argument, jsonargparse.ActionYesNo)
    try:
        return parser.parse_args(words).as_dict()
    except jsonargparse.ArgumentError as error:
        _refuse(path, _told(str(error), {argument.name: argument for argument in known}))


def _add(parser: Any, argument: Argument, switch: type) -> None:
    options: dict[str, Any] = {"help": argument.about or None}
    if argument.kind in _LISTS:
        options |= {"nargs": "+", "type": int if argument.kind == _NUMBERS else str}
    elif argument.kind is not bool:
        options |= {"type": argument.kind}
    if argument.positional:
        if argument.default is not Parameter.empty:
            options |= {"nargs": "?", "default": argument.default}
        parser.add_argument(argument.name, **options)
        return
    if argument.kind is bool:
        options |= {"action": switch(yes_prefix="", no_prefix="no-")}
    parser.add_argument(_option(argument), default=argument.default, **options)


def _told(message: str, known: Mapping[str, Argument]) -> str:
    """What jsonargparse complains about, in one sentence."""
    found = re.match(r'Parser key "(\w+)"', message)
    if found and found[1] in known:
        argument, value = known[found[1]], message.rpartition("alue: ")[2]
        name = argument.name if argument.positional else _option(argument)
        choices = [word for word in _choices(argument.kind) if isinstance(word, str)]
        return f"{name} is {value!r}; it must be {_kind(argument.kind)}{_near(value, choices)}."
    lacking = re.match(r"the following arguments are required: (.+)", message)
    if lacking:
        names = [name for name in lacking[1].split(", ") if name in known]
        return f"{names[0]} is missing: {known[names[0]].about}" if names else message
    extra = re.match(r"unrecognized arguments: (.+)", message)
    if extra:
        if extra[1].startswith("-"):
            return f"there is no option {extra[1]}."
        takes = " ".join(
            _placeholder(argument) for argument in known.values() if argument.positional
        )
        return f"{extra[1]} is left over; the command takes {takes or 'options alone'}."
    return re.sub(r"^argument (--[\w-]+): expected one argument$", r"\1 needs a value.", message)


def _kind(annotation: Any) -> str:
    """What a value must be, in words."""
    if choices := _choices(annotation):
        return "one of " + ", ".join("null" if one is None else str(one) for one in choices)
    parts = [part for part in get_args(annotation) or (annotation,) if part is not type(None)]
    if annotation in _LISTS:
        return "whole numbers" if annotation == _NUMBERS else "texts"
    null = " or null" * (type(None) in get_args(annotation))
    return " or ".join(_WORDS.get(part, str(part)) for part in parts) + null


def _choices(annotation: Any) -> list[Any]:
    """The values of a `Literal`, also within a union with None."""
    if type(annotation).__name__ == "_LiteralGenericAlias":
        return list(get_args(annotation))
    return [choice for part in get_args(annotation) for choice in _choices(part)]


def _option(argument: Argument) -> str:
    return f"--{argument.name.replace('_', '-')}"


def _may_lack_name(argument: Argument) -> bool:
    return argument.positional and argument.default is not Parameter.empty


def _placeholder(argument: Argument) -> str:
    many = " ..." * (argument.kind in _LISTS)
    text = f"{argument.name}{many}"
    return f"[{text}]" if _may_lack_name(argument) else text


def _near(word: str, names: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, names, n=3, cutoff=0.6)
    begun = [name for name in names if name.startswith(word)]
    found = list(dict.fromkeys([*begun, *near]))[:3]
    return f"; did you mean {' or '.join(found)}?" if found else ""


def _refuse(path: str, sentence: str) -> NoReturn:
    """End with status 2, in at most five lines."""
    lines = textwrap.shorten(sentence.replace("?.", "?"), 400)
    print(f"error: {lines}\n{path} --help shows what can be given.", file=sys.stderr)
    sys.exit(2)
