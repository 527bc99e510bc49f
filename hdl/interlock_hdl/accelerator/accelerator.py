"""The reference accelerator: what an Interlock of this project guards (docs/accelerator.md)."""

from amaranth.hdl import Module, ResetInserter
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.accelerator.command import FIELDS, CommandView
from interlock_hdl.accelerator.convert_unit import ConvertUnit
from interlock_hdl.accelerator.elementwise_unit import ElementwiseUnit
from interlock_hdl.accelerator.lanes import LaneMemory
from interlock_hdl.accelerator.matrix_unit import MatrixUnit
from interlock_hdl.accelerator.message_queues import MessageQueues
from interlock_hdl.accelerator.receiver import Receiver
from interlock_hdl.accelerator.sequencer import Sequencer, Unit
from interlock_hdl.accelerator.transmitter import Transmitter
from interlock_hdl.beat import beat_stream
from interlock_hdl.events import OpEvent

ARRAY_SIZES = (2, 4, 8)


class Accelerator(wiring.Component):
    """A small bf16 matrix unit and an fp32 vector unit that run a program from scratch memory.

    Programs and data arrive in messages; once started, a program computes, sends and receives by itself.
    What it computes depends on the messages of each source and their order alone, never on when they
    arrive.  ``rx`` is never held up, and nothing that a program does can keep it from being cleared.

    Latency and throughput: those of the units, one command at a time.

    Parameters
    ----------
    beat_bytes : int
        Bytes of a beat, not more than a word has.
    array_size : int
        n: 2, 4 or 8.  The matrix unit does n x n multiply-adds a cycle; a word has n lanes of 4 bytes.
    scratch_words : int
        Words of scratch memory, a power of two from 64 to 65536.
    links : int
        Slots from which PEER messages come.
    queue_words : int
        Words in the queue of each slot and in that of the host, a power of two.

    Members
    -------
    clear_request : In(1)
        Stops everything at once and wipes it: memories, queues, registers, the program.
    clear_done : Out(1)
        That is complete.  Nothing starts before it has fallen, a cycle after ``clear_request``.
    rx : In(beat stream)
        Messages from the Interlock, the only data input.
    tx : Out(beat stream)
        Messages to the Interlock.
    events : Out(OpEvent) array of 2
        Port 0 is the matrix unit, port 1 the vector unit; an event stands in the cycle in which the work is
        done.
    busy : Out(1)
        A program is running.

    Attributes
    ----------
    peaks : (int, int)
        Most FLOPs a cycle of each port.
    """

    def __init__(
        self,
        *,
        beat_bytes: int,
        array_size: int = 4,
        scratch_words: int = 16384,
        links: int = 2,
        queue_words: int = 2048,
    ) -> None:
        if array_size not in ARRAY_SIZES:
            raise ValueError(f"array_size must be one of {ARRAY_SIZES}, not {array_size}")
        if not 64 <= scratch_words <= 1 << 16 or scratch_words & (scratch_words - 1):
            raise ValueError(f"scratch_words must be a power of two from 64 to 65536, not {scratch_words}")
        if not 1 <= links <= 16:
            raise ValueError(f"links must be 1 … 16, not {links}")
        self.beat_bytes = beat_bytes
        self.array_size = array_size
        self.scratch_words = scratch_words
        self.links = links
        self.queue_words = queue_words
        self.peaks = (2 * array_size * array_size, array_size)

        words = {"array_size": array_size, "words": scratch_words}
        self.scratch = LaneMemory(words=scratch_words, lanes=array_size)
        self.queues = MessageQueues(
            beat_bytes=beat_bytes, lanes=array_size, links=links, queue_words=queue_words
        )
        self.sequencer = Sequencer(**words, links=links)
        self.receiver = Receiver(**words, links=links, queue_words=queue_words)
        self.transmitter = Transmitter(beat_bytes=beat_bytes, **words)
        self.matrix = MatrixUnit(**words)
        self.convert = ConvertUnit(**words)
        self.elementwise = ElementwiseUnit(**words)
        super().__init__(
            {
                "clear_request": In(1),
                "clear_done": Out(1),
                "rx": In(beat_stream(beat_bytes)),
                "tx": Out(beat_stream(beat_bytes)),
                "events": Out(OpEvent).array(2),
                "busy": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.scratch = scratch = self.scratch
        m.submodules.queues = queues = self.queues

        # Clearing holds everything but the memories in reset until both are wiped and the request is gone.
        clearing = self.clear_request | self.clear_done
        m.d.comb += [scratch.wipe.eq(clearing), queues.wipe.eq(clearing)]
        m.d.sync += self.clear_done.eq(self.clear_request & scratch.wiped & queues.wiped)
        units = {
            Unit.RECEIVER: self.receiver,
            Unit.TRANSMITTER: self.transmitter,
            Unit.MATRIX: self.matrix,
            Unit.CONVERT: self.convert,
            Unit.ELEMENTWISE: self.elementwise,
        }
        m.submodules.sequencer = ResetInserter(clearing)(self.sequencer)
        for number, unit in units.items():
            m.submodules[number.name.lower()] = ResetInserter(clearing)(unit)

        # Commands to units, whose inputs have the names of the fields and operands that they want.
        sequencer = self.sequencer
        command = CommandView(list(sequencer.command))
        for number, unit in units.items():
            m.d.comb += [unit.start.eq(sequencer.start[number]), sequencer.done[number].eq(unit.done)]
            for name, member in unit.signature.members.items():
                if name in FIELDS and member.flow is In:
                    m.d.comb += getattr(unit, name).eq(getattr(command, name))
                elif name in ("y", "a", "b"):
                    m.d.comb += getattr(unit, name).eq(getattr(sequencer, name))
        m.d.comb += [
            self.convert.transpose.eq(command.option[0]),
            self.elementwise.broadcast.eq(command.option[0]),
            self.receiver.loads.eq(sequencer.loads),
            self.receiver.source.eq(sequencer.source),
            sequencer.starts.eq(self.receiver.starts),
            sequencer.target.eq(self.receiver.target),
        ]

        # Scratch memory: one unit at a time uses it.
        for reader in (sequencer, self.transmitter, self.matrix, self.convert, self.elementwise):
            with m.If(reader.read.enable):
                m.d.comb += [scratch.read.enable.eq(1), scratch.read.address.eq(reader.read.address)]
            for i, lane in enumerate(scratch.read.lanes):
                m.d.comb += reader.read.lanes[i].eq(lane)
        for writer in (self.receiver, self.matrix, self.convert, self.elementwise):
            with m.If(writer.write.enable):
                m.d.comb += [scratch.write.enable.eq(1), scratch.write.address.eq(writer.write.address)]
                for i, lane in enumerate(writer.write.lanes):
                    m.d.comb += scratch.write.lanes[i].eq(lane)

        # Messages.
        wiring.connect(m, wiring.flipped(self.rx), queues.rx)
        wiring.connect(m, self.transmitter.tx, wiring.flipped(self.tx))
        wiring.connect(m, self.receiver.queue, queues.read)
        m.d.comb += [
            self.receiver.available.eq(queues.available),
            queues.source.eq(sequencer.source),
            queues.pop.eq(self.receiver.pop),
            queues.pop_words.eq(self.receiver.pop_words),
        ]

        m.d.comb += [
            self.events[0].eq(self.matrix.event),
            self.events[1].eq(self.elementwise.event),
            self.busy.eq(sequencer.running),
        ]
        return m
