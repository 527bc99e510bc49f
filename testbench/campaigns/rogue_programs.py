"""Programs for a node among rogues."""

from interlock.device.assembler import FOREVER, Program
from lib.jobs import PROGRAM


def echo() -> Program:
    """Adds to what comes from slot 0, and gives it back, and to the other link, and to the host."""
    program = Program(origin=PROGRAM, scratch_words=1024)
    with program.loop(FOREVER):
        program.receive(y=0, source=0, words=100)
        program.add(y=0, a=0, b=8, words=20)
        program.send(a=0, slot=0, length=100)
        program.export(a=0, length=50)
        program.send(a=0, slot=1, length=33)
    return program


def talk() -> Program:
    """Computes and sends, and never listens."""
    program = Program(origin=PROGRAM, scratch_words=1024)
    with program.loop(12) as i:
        program.matmul(y=0, a=64, b=96, rows=2, columns=2, k=8)
        program.send(a=0, slot=1, length=4500)
        program.send(a=0 + 3 * i, slot=0, length=0)
        program.export(a=0, length=300)
    program.halt()
    return program
