"""Leave out what other packages say about themselves, and let everything else through."""

import logging
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

__all__ = ["quiet_import", "quiet_native"]

# torchao registers an enumeration in a way that torch is about to drop.
_OF_TORCHAO = re.compile("is an Enum subclass and is now natively supported by torch.compile")
# The library that counts cores looks for files that only phones have.
_OF_CPUINFO = re.compile(rb"^\[cpuinfo_utils\.cpp:\d+\] .*\n", re.M)


@contextmanager
def quiet_import() -> Iterator[None]:
    """Import executorch without its warnings, and without those of torch about torchao."""
    registry = logging.getLogger("torch.utils._pytree")
    registry.addFilter(_is_not_of_torchao)
    try:
        with warnings.catch_warnings():
            # It says that it is experimental, and reads its files as Python no longer recommends.
            warnings.simplefilter("ignore")
            yield
    finally:
        registry.removeFilter(_is_not_of_torchao)


@contextmanager
def quiet_native() -> Iterator[None]:
    """Leave out what cpuinfo writes to standard error, past Python, when it counts cores.

    Everything else that is written there meanwhile comes when this ends.
    """
    with ExitStack() as stack:
        try:
            sys.stderr.flush()
            written = stack.enter_context(tempfile.TemporaryFile())
            before = os.dup(2)
        except (OSError, AttributeError):  # there is no standard error, or no room for a file
            yield
            return
        stack.callback(os.close, before)
        os.dup2(written.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(before, 2)
            written.seek(0)
            os.write(2, _OF_CPUINFO.sub(b"", written.read()))


def _is_not_of_torchao(record: logging.LogRecord) -> bool:
    return not _OF_TORCHAO.search(str(record.msg))
