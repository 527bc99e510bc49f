"""Programs of the reference accelerator, written in Python (``docs/accelerator.md``, *Writing programs*)."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from interlock.device.addresses import Address, Counter, Region, Where
from interlock.device.listing import listing
from interlock.device.loader import load_messages, start_message
from interlock.errors import InterlockError
from interlock.model.command import COMMAND_BYTES, EXTERNAL, LEVELS, Command, Opcode, Operand, Option
from interlock.model.messages import Kind

HOST = EXTERNAL
"""The source of what the host sends."""
FOREVER = 0
"""The count of a loop that does not end."""


class ProgramError(InterlockError):
    """A program that cannot be assembled; the text begins with the line of its listing."""


class Program:
    """A program under construction: each method appends a command, which is a line of the listing.

    Addresses and strides count words; ``rows`` and ``columns`` count tiles.  Tiles of a matrix lie row by
    row.  A wrong value raises :class:`ProgramError` at once.

    Parameters
    ----------
    origin : int
        Address of the first command.
    array_size, scratch_words : int
        Of the accelerator that will run it.
    """

    def __init__(self, *, origin: int, array_size: int = 4, scratch_words: int = 16384) -> None:
        self.origin = origin
        self.array_size = array_size
        self.scratch_words = scratch_words
        self.commands: list[Command] = []
        self.regions: list[Region] = []
        self._depth = 0

    def region(self, name: str, words: int) -> Address:
        """Sets aside ``words`` words behind the regions so far."""
        region = Region(name, self.regions[-1].end if self.regions else 0, words)
        if words < 1 or region.end > self.scratch_words:
            self._fail(f"region {name}: {words} words from {region.base} do not lie in memory")
        self.regions.append(region)
        return Address(region.base)

    @property
    def end(self) -> int:
        """Address behind the last command."""
        return self.origin + len(self.commands) * COMMAND_BYTES // (4 * self.array_size)

    @contextmanager
    def loop(self, count: int = FOREVER) -> Iterator[Counter]:
        """Repeats what is in its ``with`` block ``count`` times, at least once, or for ever.

        The block's value is the counter: ``address + 4 * counter`` moves 4 words on in each round.
        """
        if self._depth == LEVELS:
            self._fail(f"loop: loops nest at most {LEVELS} deep")
        level, target = self._depth, self.end
        self._depth += 1
        yield Counter(level)
        self._depth -= 1
        self._append(Opcode.NEXT, level=level, length=count, target=target)

    def halt(self) -> None:
        """Ends the program: the loader takes over again."""
        self._append(Opcode.HALT)

    def matmul(self, *, y: Where, a: Where, b: Where, rows: int, columns: int, k: int) -> None:
        """y = a b: fp32 tiles from ``rows`` row panels and ``columns`` column panels, each of ``k`` steps."""
        if k % 2:
            self._fail(f"matmul: k must be even, for a word holds two steps, not {k}")
        strides = {"row_stride": columns * self.array_size, "column_stride": self.array_size}
        self._append(Opcode.MATMUL, y, a, b, rows=rows, columns=columns, length=k // 2, **strides)

    def row_panels(self, *, y: Where, a: Where, rows: int, columns: int) -> None:
        """bf16 row panels of a matrix: for it as a left factor, or for its transpose as a right one."""
        strides = {"row_stride": columns * self.array_size, "column_stride": self.array_size}
        self._append(Opcode.CONVERT, y, a, option=Option.TRANSPOSE, rows=rows, columns=columns, **strides)

    def column_panels(self, *, y: Where, a: Where, rows: int, columns: int) -> None:
        """bf16 column panels of a matrix: for it as a right factor, or for its transpose as a left one."""
        strides = {"row_stride": self.array_size, "column_stride": columns * self.array_size}
        self._append(Opcode.CONVERT, y, a, rows=columns, columns=rows, **strides)

    def copy(self, *, y: Where, a: Where, words: int) -> None:
        """y = a."""
        self._append(Opcode.COPY, y, a, length=words)

    def add(self, *, y: Where, a: Where, b: Where, words: int, broadcast: bool = False) -> None:
        """y = a + b; with ``broadcast`` every word of a meets the one word at b."""
        self._append(Opcode.ADD, y, a, b, length=words, option=int(broadcast))

    def sub(self, *, y: Where, a: Where, b: Where, words: int, broadcast: bool = False) -> None:
        """y = a - b."""
        self._append(Opcode.SUB, y, a, b, length=words, option=int(broadcast))

    def mul(self, *, y: Where, a: Where, b: Where, words: int, broadcast: bool = False) -> None:
        """y = a * b, element by element."""
        self._append(Opcode.MUL, y, a, b, length=words, option=int(broadcast))

    def scale(self, *, y: Where, a: Where, factor: float, words: int) -> None:
        """y = a * factor, which is rounded to fp32 first."""
        try:
            scalar = int.from_bytes(struct.pack(">f", factor))
        except OverflowError:
            self._fail(f"scale: {factor} is beyond fp32")
        self._append(Opcode.SCALE, y, a, length=words, scalar=scalar)

    def relu(self, *, y: Where, a: Where, words: int) -> None:
        """y = a where a > 0, else 0."""
        self._append(Opcode.RELU, y, a, length=words)

    def mask(self, *, y: Where, a: Where, b: Where, words: int, broadcast: bool = False) -> None:
        """y = a where b > 0, else 0."""
        self._append(Opcode.MASK, y, a, b, length=words, option=int(broadcast))

    def send(self, *, a: Where, slot: int, length: int) -> None:
        """Sends ``length`` bytes to the peer at ``slot``."""
        self._append(Opcode.SEND, a=a, kind=Kind.PEER, peer=slot, length=length)

    def export(self, *, a: Where, length: int) -> None:
        """Sends ``length`` bytes to the host, out of the cluster."""
        self._append(Opcode.SEND, a=a, kind=Kind.EXPORT, length=length)

    def receive(self, *, y: Where, source: int, words: int) -> None:
        """Waits for a message of slot ``source``, or of ``HOST``; what is beyond ``words`` is cut off."""
        self._append(Opcode.RECEIVE, y, peer=source, length=words)

    def assemble(self) -> bytes:
        """The bytes of the program, which must lie in memory and apart from its regions."""
        if self.end > self.scratch_words:
            self._fail(f"the program ends at {self.end}, beyond the {self.scratch_words} words of memory")
        for region in self.regions:
            if region.base < self.end and self.origin < region.end:
                self._fail(f"the program, from {self.origin} to {self.end}, lies on region {region.name}")
        return b"".join(command.encode() for command in self.commands)

    def messages(self, *, message_bytes: int = 8192) -> list[bytes]:
        """Host messages that load the program and start it."""
        program = self.assemble()
        loads = load_messages(self.origin, program, array_size=self.array_size, message_bytes=message_bytes)
        return [*loads, start_message(self.origin, array_size=self.array_size)]

    def listing(self) -> str:
        """The program as text."""
        return listing(self.commands, origin=self.origin, array_size=self.array_size, regions=self.regions)

    def _fail(self, problem: str) -> NoReturn:
        raise ProgramError(f"line {len(self.commands) + 1}: {problem}")

    def _append(self, opcode: Opcode, y: Where = 0, a: Where = 0, b: Where = 0, **fields: int) -> None:
        command = Command(opcode=opcode, y=self._operand(y), a=self._operand(a), b=self._operand(b), **fields)
        try:
            command.encode()
        except struct.error:
            values = ", ".join(f"{name} {value}" for name, value in fields.items())
            self._fail(f"{opcode.name.lower()}: one of {values} does not fit its field")
        self.commands.append(command)

    def _operand(self, where: Where) -> Operand:
        address = where if isinstance(where, Address) else Address(where)
        if any(address.strides[self._depth :]):
            self._fail("an address depends on the counter of a loop that has ended")
        return address.operand()
