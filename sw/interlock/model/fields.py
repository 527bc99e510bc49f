"""Fields of headers: one table a header, from which it is packed, read, checked and explained."""

from dataclasses import dataclass


class WireError(ValueError):
    """Bytes that break a rule of docs/specification.md.

    Attributes
    ----------
    reason : str
        Which rule, by the field's name where it is a field.
    offset : int
        Where, in bytes from the start of the message or record.
    """

    def __init__(self, reason: str, offset: int, detail: str = "") -> None:
        self.reason = reason
        self.offset = offset
        super().__init__(f"{reason} at byte {offset}" + (f": {detail}" if detail else ""))


@dataclass(frozen=True, slots=True)
class Field:
    """``size`` bytes at ``offset`` that mean one thing."""

    offset: int
    size: int
    name: str


class Layout:
    """Named unsigned integers, one after the other, in network order."""

    def __init__(self, **sizes: int) -> None:
        self.fields: dict[str, Field] = {}
        self.size = 0
        for name, size in sizes.items():
            self.fields[name] = Field(self.size, size, name)
            self.size += size

    def pack(self, **values: int) -> bytes:
        """The bytes; fields that are not named are 0."""
        unknown = values.keys() - self.fields.keys()
        if unknown:
            raise TypeError(f"no such field: {', '.join(sorted(unknown))}")
        return b"".join(values.get(f.name, 0).to_bytes(f.size) for f in self.fields.values())

    def unpack(self, data: bytes | memoryview, offset: int = 0) -> dict[str, int]:
        """The values of the fields of the bytes that start at ``offset``."""
        return {
            f.name: int.from_bytes(data[offset + f.offset : offset + f.offset + f.size])
            for f in self.fields.values()
        }
