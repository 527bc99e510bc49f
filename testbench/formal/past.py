"""Values as they were."""

from amaranth.hdl import Module, Signal, Value


def ago(m: Module, value: Value) -> Value:
    """``value`` as it was one cycle ago; zero before the beginning."""
    value = Value.cast(value)
    earlier = Signal(len(value))
    m.d.sync += earlier.eq(value)
    return earlier
