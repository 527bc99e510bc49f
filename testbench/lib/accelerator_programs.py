"""Programs and data that nobody would write, for the reference accelerator and its model."""

from random import Random

import numpy as np
from interlock.device.assembler import Program
from interlock.device.loader import load_messages, start_message
from interlock.model.accelerator import AcceleratorParameters, GoldenAccelerator
from interlock.model.command import COMMAND_BYTES, EXTERNAL, LEVELS, Command, Opcode, Operand
from interlock.model.messages import Kind, Message

from lib.numbers import numbers

DATA_WORDS = 768
"""Random programs write below this address only, so that they do not rewrite themselves."""
SCRATCH_WORDS = 1024
QUEUE_WORDS = 256
MESSAGE_WORDS = 64


def random_story(random: Random, parameters: AcceleratorParameters, programs: int = 2) -> list[list[bytes]]:
    """Messages for an accelerator that has been cleared, in batches.

    Before each batch it must be given time to take the last one, or its queues overfill.  Random programs
    are loaded, started, and given the messages that they wait for; after each one all of memory is exported.
    """
    golden = GoldenAccelerator(parameters)
    batches: list[list[bytes]] = []
    word_bytes = 4 * parameters.array_size

    def send(*messages: bytes) -> None:
        batches.append(list(messages))
        for message in messages:
            golden.receive(message)
        while golden.advance():
            pass

    def place(address: int, data: bytes) -> None:
        for message in load_messages(
            address, data, array_size=parameters.array_size, message_bytes=MESSAGE_WORDS * word_bytes
        ):
            send(message)

    place(0, random_words(random, DATA_WORDS, parameters.array_size))
    for _ in range(programs):
        place(
            DATA_WORDS,
            random_program(
                random, origin=DATA_WORDS, array_size=parameters.array_size, links=parameters.links
            ),
        )
        send(start_message(DATA_WORDS, array_size=parameters.array_size))
        while golden.running:
            send(
                *(
                    random_message(random, source, parameters.array_size)
                    for source in (*range(parameters.links), EXTERNAL)
                )
            )
        send(*reader(parameters).messages())
    return batches


def random_memory(random: Random, parameters: AcceleratorParameters) -> bytes:
    """Memory full of commands that nobody wrote: any operands, counts and targets, few halts."""
    data = bytearray(random.randbytes(4 * parameters.array_size * parameters.scratch_words))
    for start in range(0, len(data), COMMAND_BYTES):
        data[start] = random.choice([*Opcode, *Opcode, random.getrandbits(8)])
        for offset in (12, 16, 18):  # length, rows, columns
            if random.random() < 0.9:
                data[start + offset] = 0
            if random.random() < 0.5:
                data[start + offset : start + offset + 2] = bytes([0, random.randrange(8)])
    return bytes(data)


def reader(parameters: AcceleratorParameters) -> Program:
    """A program at the end of memory that exports all of it."""
    size, word_bytes = parameters.scratch_words, 4 * parameters.array_size
    piece = 32768 // word_bytes
    pieces = range(0, size, piece)
    origin = size - (len(pieces) + 1) * COMMAND_BYTES // word_bytes
    program = Program(origin=origin, array_size=parameters.array_size, scratch_words=size)
    for address in pieces:
        program.export(a=address, length=min(piece, size - address) * word_bytes)
    program.halt()
    return program


def random_words(random: Random, words: int, array_size: int) -> bytes:
    """``words`` words of fp32 numbers, some of them special."""
    rng = np.random.default_rng(random.getrandbits(64))
    return numbers(rng, words * array_size).astype(">u4").tobytes()


def random_message(random: Random, source: int, array_size: int) -> bytes:
    """A message of a slot, or of the host, whose last word may be cut short.

    The first byte is 0, so that the loader makes nothing of what a program leaves over.
    """
    payload = bytes(1) + random_words(random, random.randrange(20), array_size)[1:]
    payload = payload[: len(payload) - random.choice([0, 0, random.randrange(16)])]
    if source == EXTERNAL:
        return Message(Kind.EXTERNAL, 0, payload).encode()
    return Message(Kind.PEER, source, payload).encode()


def random_program(random: Random, *, origin: int, array_size: int, links: int) -> bytes:
    """Commands with small counts, anything in what they do not use, loops, and any kind of end."""
    commands: list[Command] = []
    loops: list[int] = []

    def address(number: int) -> int:
        return origin + number * COMMAND_BYTES // (4 * array_size)

    def close() -> None:
        level = len(loops) - 1 + LEVELS * random.randrange(3)
        target = address(loops.pop())
        commands.append(Command(opcode=Opcode.NEXT, level=level, length=random.randint(1, 3), target=target))

    for _ in range(random.randint(3, 25)):
        if len(loops) < 2 and random.random() < 0.2:
            loops.append(len(commands))
        commands.append(_random_command(random, links))
        if random.random() < 0.1:  # goes on, with a counter that is not 0 any more
            level = random.choice([2, 3])
            target = address(len(commands) + 1)
            commands.append(Command(opcode=Opcode.NEXT, level=level, length=0, target=target))
        if loops and random.random() < 0.3:
            close()
    while loops:
        close()
    halts = [Opcode.HALT, 0x06, 0x0F, 0x17, 0x20, 0x42, 0xFF]
    nobody = Command(opcode=Opcode.RECEIVE, peer=random.choice([links, links + 1, EXTERNAL - 1]))
    commands.append(random.choice([Command(opcode=random.choice(halts)), nobody]))
    return b"".join(command.encode() for command in commands)


def _random_command(random: Random, links: int) -> Command:
    elementwise = range(Opcode.COPY, Opcode.MASK + 1)
    tiles = [Opcode.MATMUL, Opcode.CONVERT]
    opcode = random.choice([*tiles * 2, Opcode.SEND, *[Opcode.RECEIVE] * 2, *elementwise])
    counts = {Opcode.MATMUL: 12, Opcode.SEND: 200}
    small = opcode in tiles
    return Command(
        opcode=opcode,
        option=random.getrandbits(8),
        kind=random.choice([Kind.PEER, Kind.EXPORT, random.getrandbits(8)]),
        flags=random.choice([0, random.getrandbits(8)]),
        peer=random.choice([*range(links), EXTERNAL]),
        level=random.getrandbits(16),
        scalar=int(numbers(np.random.default_rng(random.getrandbits(64)), 1)[0]),
        length=random.randrange(counts.get(opcode, 40)),
        target=random.getrandbits(16),
        rows=random.randrange(4) if small else random.getrandbits(16),
        columns=random.randrange(4) if small else random.getrandbits(16),
        row_stride=random.randrange(24),
        column_stride=random.randrange(24),
        y=_random_operand(random, 400, 4),  # always below DATA_WORDS
        a=random.choice([_random_operand(random, 400, 8), _random_operand(random, 1 << 16, 1 << 16)]),
        b=random.choice([_random_operand(random, 400, 8), _random_operand(random, 1 << 16, 1 << 16)]),
    )


def _random_operand(random: Random, bases: int, strides: int) -> Operand:
    chosen = (random.choice([0, 0, random.randrange(strides)]) for _ in range(LEVELS))
    return Operand(base=random.randrange(bases), strides=tuple(chosen))
