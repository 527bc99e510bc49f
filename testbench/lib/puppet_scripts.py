"""Scripts that nobody would write, for the puppet and its model."""

from random import Random

from interlock.model.messages import HEADER, Kind

from lib.script import EVENT, WAIT, WORDS, Op


def random_op(random: Random, *, ends: bool | None = None) -> bytes:
    """Any op; with ``ends`` one that sends something, and is or is not the end of a message."""
    op = random.choice(list(Op)) if ends is None else random.choice((Op.HEAD, Op.RAW, Op.RAW, Op.DATA))
    port, op_class, count = random.choice((0, 0, 1, 1, 2, 255)), random.getrandbits(8), random.getrandbits(16)
    work = {"port": port, "op_class": op_class, "count": count, "zero": random.getrandbits(8)}
    match op:
        case Op.EVENT:
            repeat = random.choice((0, 1, 2, random.randint(0, 50)))
            return EVENT.pack(op=op, repeat=repeat, every=random.getrandbits(16), end=1, **work)
        case Op.BURST:
            every = random.choice((0, 1, 2, 3, random.randint(0, 20)))
            return EVENT.pack(op=op, every=every, repeat=random.getrandbits(32), **work)
        case Op.WAIT:
            return WAIT.pack(op=op, cycles=random.choice((0, 1, random.randint(0, 30))))
    is_last = random.random() < 0.3 if ends is None else ends
    words = random.choice((0, 1, 2, random.randint(0, 40)))
    if is_last:
        words = max(1, words)  # what sends nothing ends nothing
    fields = WORDS.pack(
        op=op,
        last=random.randint(1, 255) if is_last else 0,
        keep=random.choice((0, 16, random.randint(1, 15), random.getrandbits(8))),
        zero=random.getrandbits(8),
        seed=random.choice((random.getrandbits(32), 0xFFFFFFFF - random.randint(0, 20))),
        words=words,
        end=random.getrandbits(32),
    )
    return fields if op == Op.DATA else fields + random.randbytes(16)


def random_payload(random: Random, ops: int) -> bytes:
    """A script that ends with the end of a message."""
    parts = [random_op(random) for _ in range(ops)]
    parts += [random_op(random, ends=random.random() < 0.3) for _ in range(random.randint(0, 5))]
    if random.random() < 0.3:
        parts.insert(
            random.randrange(len(parts) + 1), bytes([random.choice((0, 7, 255))]) + random.randbytes(15)
        )
    return b"".join(parts) + random_op(random, ends=True)


def random_message(random: Random, *, ops: int = 20) -> bytes:
    """Most bring a piece of script; the others nothing that a puppet looks at."""
    if random.random() < 0.7:
        payload = random_payload(random, random.randint(0, ops))
        if random.random() < 0.5:  # an op that is cut short is as good as one that ends in zeros
            payload += WAIT.pack(op=Op.WAIT, cycles=random.getrandbits(4))[: random.randint(1, 8)]
        return HEADER.pack(kind=Kind.EXTERNAL) + payload
    kind = random.choice((Kind.PEER, Kind.PEER, Kind.EXPORT, 0, 255))
    return HEADER.pack(kind=kind, peer=random.randint(0, 3)) + random.randbytes(random.randint(0, 100))
