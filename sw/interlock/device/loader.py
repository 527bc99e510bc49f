"""What the host sends to have data loaded and programs started (``docs/accelerator.md``, *Loading*)."""

from interlock.model.command import LOADER_HEADER, LoaderOption
from interlock.model.messages import Kind, Message


def load_messages(
    address: int, data: bytes, *, array_size: int = 4, message_bytes: int = 8192
) -> list[bytes]:
    """Messages that write ``data`` from word ``address`` on, its last word filled up with zeros.

    ``message_bytes`` is the largest payload that the Interlock takes.
    """
    word_bytes = 4 * array_size
    step = message_bytes // word_bytes * word_bytes - word_bytes
    return [
        _message(
            LoaderOption.LOAD, address + offset // word_bytes, 0, data[offset : offset + step], word_bytes
        )
        for offset in range(0, len(data), step)
    ]


def start_message(address: int, *, array_size: int = 4) -> bytes:
    """The message that starts the program at ``address``."""
    return _message(LoaderOption.START, 0, address, b"", 4 * array_size)


def data_message(payload: bytes) -> bytes:
    """A message for a program that receives from the host."""
    return Message(Kind.EXTERNAL, 0, payload).encode()


def _message(options: LoaderOption, load: int, start: int, data: bytes, word_bytes: int) -> bytes:
    header = LOADER_HEADER.pack(options, load, start).ljust(word_bytes, b"\0")
    return data_message(header + data)
