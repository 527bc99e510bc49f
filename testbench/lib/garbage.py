"""Messages that no Interlock takes from its host, for one reason or another."""

from random import Random

from interlock.model.messages import HEADER, Kind
from interlock.wires import RawBeat, Segment


def garbage(random: Random, *, beat_bytes: int, message_bytes: int) -> list[Segment | RawBeat]:
    """One of them, to its ``last``."""
    header = bytearray(HEADER.pack(kind=Kind.EXTERNAL))
    payload = random.randbytes(random.randint(0, 100))
    match random.randrange(6):
        case 0:
            header[0] = random.choice([kind for kind in range(9) if kind != Kind.EXTERNAL] + [255])
        case 1:
            header[random.randrange(1, 16)] = random.randint(1, 255)
        case 2:
            return [Segment(bytes(header[: random.randint(1, 15)]), True, True)]
        case 3:
            payload = bytes(message_bytes + random.randint(1, message_bytes))
        case 4:
            holes = [random.randrange((1 << beat_bytes) - 1) for _ in range(2)]
            beats = [
                RawBeat(bytes(beat_bytes), keep, False, last)
                for keep, last in zip(holes, (0, 1), strict=True)
            ]
            return [Segment(bytes(header), True, False), *beats]
        case _:
            return [Segment(bytes(header) + payload, False, True)]
    return [Segment(bytes(header) + payload, True, True)]
