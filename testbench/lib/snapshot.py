"""Everything that a simulated design remembers, to tell whether it has forgotten."""

from amaranth.sim import Simulator


def snapshot(simulator: Simulator) -> dict[str, object]:
    """Every signal and every memory of the design, by a name of its own: flip-flops, wires and words.

    Amaranth has no public way to ask for all of them.
    """
    result = {}
    for number, slot in enumerate(simulator._engine._state.slots):
        if hasattr(slot, "signal"):
            result[f"{number} {slot.signal.name}"] = slot.curr
        else:
            result[f"{number} memory"] = list(slot.data)
    return result
