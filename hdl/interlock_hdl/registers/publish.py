"""Pages and accessors from the registers' source.

``python -m interlock_hdl.registers.publish`` writes the table of docs/registers.md and the Python accessors
of a working copy again; a test fails when either is stale.
"""

from pathlib import Path
from textwrap import wrap

from interlock_hdl.registers.map import Kind, Register, RegisterMap, read

BEGIN = "<!-- begin: python -m interlock_hdl.registers.publish -->\n"
END = "<!-- end -->"
PAGE = Path("docs/registers.md")
ACCESSORS = Path("sw/interlock/device/register_map.py")


def table(map: RegisterMap) -> str:
    """All registers and fields as a table in Markdown."""
    lines = ["| address | register | bits | field | the host may | meaning |", "|---|---|---|---|---|---|"]
    for register in map.registers:
        address = f"0x{register.address:02X}"
        lines.append(f"| {address} | **{register.name}** | | | | {register.description} |")
        for field in register.fields:
            bits = f"{field.low + field.width - 1}:{field.low}" if field.width > 1 else str(field.low)
            may = "write 1" if field.kind is Kind.REQUEST else "read"
            value = f" Always 0x{field.value:X}." if field.kind is Kind.CONSTANT else ""
            lines.append(f"| | | {bits} | {field.name} | {may} | {field.description}{value} |")
    return "\n".join([*lines, ""])


def renewed(page: str, map: RegisterMap) -> str:
    """A page with the table between its marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"no region between {BEGIN.strip()} and {END}")
    return f"{before}{begin}{table(map)}{end}{after}"


def accessors(map: RegisterMap) -> str:
    """A Python module with the address of each register, and a class for each that can be read or asked."""
    addresses = "".join(f"    {register.name} = 0x{register.address:02X}\n" for register in map.registers)
    parts = [
        f'"""{map.title}: addresses and fields.\n\n'
        "Made from interlock.rdl by ``python -m interlock_hdl.registers.publish``: do not edit.\n"
        '"""\n\nfrom dataclasses import dataclass\nfrom enum import IntEnum, IntFlag\n'
        "from typing import Self\n",
        f"\nclass Address(IntEnum):\n{_docstring('Byte addresses of the registers.')}\n{addresses}",
    ]
    for register in map.registers:
        parts.append(_requests(register) if register.is_request else _reading(register))
    return "\n".join(parts)


def _requests(register: Register) -> str:
    lines = "".join(f"    {field.name} = 1 << {field.low}\n" for field in register.fields)
    return f"\nclass {_name(register)}(IntFlag):\n{_docstring(register.description)}\n{lines}"


def _reading(register: Register) -> str:
    members, decoded = "", ""
    for field in register.fields:
        shifted = f"word >> {field.low}" if field.low else "word"
        is_flag = field.width == 1
        members += f"    {field.name.lower()}: {'bool' if is_flag else 'int'}\n"
        bits = f"{shifted} & 0x{(1 << field.width) - 1:X}"
        decoded += f"            {field.name.lower()}={f'bool({bits})' if is_flag else bits},\n"
    return (
        f"\n@dataclass(frozen=True, slots=True)\nclass {_name(register)}:\n"
        f"{_docstring(register.description)}\n"
        f"{members}\n    @classmethod\n    def decode(cls, word: int) -> Self:\n"
        f'        """From the word at its address."""\n        return cls(\n{decoded}        )\n'
    )


def _name(register: Register) -> str:
    return register.name.title().replace("_", "")


def _docstring(text: str) -> str:
    lines = wrap(text, 100)
    if len(lines) == 1:
        return f'    """{lines[0]}"""\n'
    return f'    """{lines[0]}\n' + "".join(f"    {line}\n" for line in lines[1:]) + '    """\n'


def main() -> None:
    root = Path(__file__).resolve().parents[3]
    map = read()
    page = root / PAGE
    page.write_text(renewed(page.read_text(), map))
    (root / ACCESSORS).write_text(accessors(map))


if __name__ == "__main__":
    main()
