"""The reference accelerator's gateware against its golden model, with programs."""

from interlock.device.assembler import Program
from interlock.model.accelerator import AcceleratorParameters, GoldenAccelerator
from interlock_hdl.accelerator.accelerator import Accelerator

from lib.accelerator_pair import Pair
from lib.accelerator_programs import reader


class Lockstep(Pair):
    """A :class:`Pair` of reference accelerators.

    Parameters
    ----------
    beat_bytes : int
    parameters : AcceleratorParameters
    """

    def __init__(self, *, beat_bytes: int, parameters: AcceleratorParameters) -> None:
        self.parameters = parameters
        accelerator = Accelerator(
            beat_bytes=beat_bytes,
            array_size=parameters.array_size,
            scratch_words=parameters.scratch_words,
            links=parameters.links,
            queue_words=parameters.queue_words,
        )
        clear_cycles = parameters.scratch_words + 3 * parameters.queue_words
        super().__init__(accelerator, GoldenAccelerator(parameters), clear_cycles=clear_cycles)

    def run(self, program: Program) -> list[bytes]:
        """Loads a program, starts it, and settles."""
        self.send(*program.messages())
        return self.settle()

    def read_all(self) -> bytes:
        """All of scratch memory, the program that reads it included."""
        memory = b"".join(message[16:] for message in self.run(reader(self.parameters)))
        assert memory == self.golden.scratch.read(0, len(memory))
        return memory
