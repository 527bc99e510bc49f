"""Programs of the reference accelerator as text: what is in memory, for people."""

import struct
from collections.abc import Iterator, Sequence

from interlock.device.addresses import Region
from interlock.model.command import COMMAND_BYTES, EXTERNAL, LEVELS, Command, Opcode, Operand
from interlock.model.messages import Kind

_LOOP_NAMES = "ijkl"
assert len(_LOOP_NAMES) == LEVELS


def listing(
    commands: Sequence[Command], *, origin: int, array_size: int = 4, regions: Sequence[Region] = ()
) -> str:
    """One line a command: its number, its address and what it does, with the names of ``regions``."""
    step = COMMAND_BYTES // (4 * array_size)
    lines = [
        f"{number + 1:5}  {origin + number * step:5}  {_text(command, regions)}"
        for number, command in enumerate(commands)
    ]
    return "\n".join([*lines, ""])


def _text(command: Command, regions: Sequence[Region]) -> str:
    try:
        opcode = Opcode(command.opcode)
    except ValueError:
        return f"illegal 0x{command.opcode:02x}"
    return " ".join([f"{opcode.name.lower():8}", *_details(opcode, command, regions)]).rstrip()


def _details(opcode: Opcode, command: Command, regions: Sequence[Region]) -> Iterator[str]:
    """What the command's unit looks at, and nothing else."""
    for name, operand in (("y", command.y), ("a", command.a), ("b", command.b)):
        if name in _OPERANDS.get(opcode, ""):
            yield f"{name}={_address(operand, regions)}"
    if command.option & 1 and opcode in _OPTIONS:
        yield _OPTIONS[opcode]
    match opcode:
        case Opcode.NEXT:
            rounds = f"{command.length} times" if command.length else "for ever"
            yield f"{_LOOP_NAMES[command.level % LEVELS]} {rounds} from {command.target}"
        case Opcode.MATMUL:
            yield f"{_tiles(command)} k={2 * command.length}"
        case Opcode.CONVERT:
            yield _tiles(command)
        case Opcode.SEND:
            yield f"{_destination(command)} {command.length} bytes"
        case Opcode.RECEIVE:
            source = "host" if command.peer == EXTERNAL else f"slot {command.peer}"
            yield f"from {source} {command.length} words"
        case Opcode.SCALE:
            yield f"by {_number(command.scalar)} {command.length} words"
        case Opcode.HALT:
            pass
        case _:
            yield f"{command.length} words"


_OPERANDS = {
    Opcode.MATMUL: "yab",
    Opcode.CONVERT: "ya",
    Opcode.SEND: "a",
    Opcode.RECEIVE: "y",
    Opcode.COPY: "ya",
    Opcode.ADD: "yab",
    Opcode.SUB: "yab",
    Opcode.MUL: "yab",
    Opcode.SCALE: "ya",
    Opcode.RELU: "ya",
    Opcode.MASK: "yab",
}
_OPTIONS = {
    Opcode.CONVERT: "transpose",
    **dict.fromkeys((Opcode.ADD, Opcode.SUB, Opcode.MUL, Opcode.MASK), "broadcast"),
}


def _tiles(command: Command) -> str:
    strides = f"strides {command.row_stride}, {command.column_stride}"
    return f"{command.rows} x {command.columns} tiles, {strides}"


def _destination(command: Command) -> str:
    if command.flags == 0 and command.kind == Kind.PEER:
        return f"to slot {command.peer}"
    if command.flags == 0 and command.kind == Kind.EXPORT and command.peer == 0:
        return "to export"
    return f"with kind {command.kind} flags {command.flags} peer {command.peer}"


def _address(operand: Operand, regions: Sequence[Region]) -> str:
    region = next((region for region in regions if region.base <= operand.base < region.end), None)
    if region is None:
        text = str(operand.base)
    else:
        offset = operand.base - region.base
        text = f"{region.name}+{offset}" if offset else region.name
    for name, stride in zip(_LOOP_NAMES, operand.strides, strict=True):
        if stride:
            text += f"+{stride}{name}" if stride < 1 << 15 else f"-{(1 << 16) - stride}{name}"
    return text


def _number(bits: int) -> str:
    return f"{struct.unpack('>f', bits.to_bytes(4))[0]:g}"
