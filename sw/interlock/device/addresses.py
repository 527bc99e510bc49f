"""Addresses in scratch memory of the reference accelerator, as programs write them."""

from dataclasses import dataclass, replace

from interlock.model.command import LEVELS, Operand


@dataclass(frozen=True)
class Address:
    """A word address that may depend on loop counters: ``base + stride * counter + …``, modulo 2**16."""

    base: int
    strides: tuple[int, ...] = (0,) * LEVELS

    def __add__(self, other: "int | Address") -> "Address":
        if isinstance(other, int):
            return replace(self, base=self.base + other)
        strides = (a + b for a, b in zip(self.strides, other.strides, strict=True))
        return Address(self.base + other.base, tuple(strides))

    __radd__ = __add__

    def operand(self) -> Operand:
        """As it stands in a command."""
        return Operand(base=self.base & 0xFFFF, strides=tuple(stride & 0xFFFF for stride in self.strides))


@dataclass(frozen=True)
class Counter:
    """The counter of a loop: 0 in its first round."""

    level: int

    def __mul__(self, stride: int) -> Address:
        return Address(0, tuple(stride if level == self.level else 0 for level in range(LEVELS)))

    __rmul__ = __mul__


@dataclass(frozen=True)
class Region:
    """A named piece of memory."""

    name: str
    base: int
    words: int

    @property
    def end(self) -> int:
        """The address behind it."""
        return self.base + self.words


Where = int | Address
