"""JSON for scripts: one document, or one line an object."""

from collections.abc import Iterable
from typing import Any, Protocol

import orjson


class ByteStream(Protocol):
    """What is written to, such as `sys.stdout.buffer`."""

    def write(self, data: bytes, /) -> object: ...
    def flush(self) -> object: ...


def write_document(value: Any, stream: ByteStream) -> None:
    """Write one array or one object, indented."""
    stream.write(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE, default=str))
    stream.flush()


def write_lines(values: Iterable[Any], stream: ByteStream) -> None:
    """Write one line a value, in whatever portions the stream takes."""
    for value in values:
        stream.write(orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE, default=str))
    stream.flush()
