"""Reads the registers' one source, ``interlock.rdl``, into plain values."""

import enum
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from systemrdl import RDLCompiler
from systemrdl.node import AddrmapNode, FieldNode, RegNode

SOURCE = Path(__file__).with_name("interlock.rdl")
WORD_BYTES = 4


class Kind(enum.Enum):
    """What a field is to the host."""

    CONSTANT = "constant"
    SHOWN = "read only"
    REQUEST = "write 1 to request"


@dataclass(frozen=True, kw_only=True)
class Field:
    """Some bits of a register.

    Parameters
    ----------
    name, description : str
    low, width : int
    kind : Kind
    value : int
        Of a constant.
    """

    name: str
    description: str
    low: int
    width: int
    kind: Kind
    value: int = 0


@dataclass(frozen=True, kw_only=True)
class Register:
    """One 32-bit word."""

    name: str
    description: str
    address: int
    fields: tuple[Field, ...]

    @property
    def is_request(self) -> bool:
        """Written, not read."""
        return self.fields[0].kind is Kind.REQUEST

    def port(self, field: Field) -> str:
        """Name of the block's port for one of its fields."""
        return f"{self.name}_{field.name}".lower()


@dataclass(frozen=True, kw_only=True)
class RegisterMap:
    """All registers, in the order of their addresses."""

    title: str
    description: str
    registers: tuple[Register, ...]

    @property
    def address_width(self) -> int:
        """Bits of a byte address, for the least power of two that holds them all."""
        return (self.registers[-1].address + WORD_BYTES - 1).bit_length()

    def __getitem__(self, name: str) -> Register:
        return next(register for register in self.registers if register.name == name)


@cache
def read(source: Path = SOURCE) -> RegisterMap:
    """The map in a SystemRDL file.  Raises ``ValueError`` for what the gateware's generator cannot make.

    What is not SystemRDL at all is reported by its compiler, which prints where it is, and raises
    ``systemrdl.RDLCompileError``.
    """
    compiler = RDLCompiler()
    compiler.compile_file(str(source))
    top = compiler.elaborate().top
    registers = [_register(node) for node in top.children(unroll=True)]
    if not registers:
        raise ValueError(f"{source}: no register")
    return RegisterMap(
        title=top.get_property("name"),
        description=_text(top),
        registers=tuple(sorted(registers, key=lambda register: register.address)),
    )


def _register(node: RegNode) -> Register:
    if not isinstance(node, RegNode) or node.get_property("regwidth") != 8 * WORD_BYTES:
        raise ValueError(f"{node.get_path()}: only registers of 32 bits, not in files, memories or maps")
    fields = tuple(_field(field) for field in node.fields())
    if len({field.kind is Kind.REQUEST for field in fields}) != 1:
        raise ValueError(f"{node.get_path()}: a register is readable or a request, as a whole")
    return Register(
        name=node.inst_name,
        description=_text(node),
        address=node.absolute_address,
        fields=fields,
    )


def _field(node: FieldNode) -> Field:
    readable, writable = node.is_sw_readable, node.is_sw_writable
    match readable, writable, node.is_hw_writable, node.get_property("singlepulse"):
        case True, False, True, False:
            kind = Kind.SHOWN
        case True, False, False, False if node.get_property("reset") is not None:
            kind = Kind.CONSTANT
        case False, True, False, True:
            kind = Kind.REQUEST
        case _:
            raise ValueError(f"{node.get_path()}: is neither constant, nor shown, nor a request")
    return Field(
        name=node.inst_name,
        description=_text(node),
        low=node.low,
        width=node.width,
        kind=kind,
        value=node.get_property("reset") if kind is Kind.CONSTANT else 0,
    )


def _text(node: AddrmapNode | RegNode | FieldNode) -> str:
    text = node.get_property("desc")
    if not text:
        raise ValueError(f"{node.get_path()}: has no desc")
    return " ".join(text.split())
