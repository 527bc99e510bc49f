"""The FPGAs that blocks are measured on, and what each family's cells are called."""

import enum
from dataclasses import dataclass


class Part(enum.StrEnum):
    """An FPGA, by its family."""

    ECP5 = "ecp5"
    ICE40 = "ice40"


@dataclass(frozen=True, kw_only=True)
class Family:
    """How the flow names a part and its cells.

    Parameters
    ----------
    device : str
        What it is, for people.
    prepare : tuple of str
        Yosys commands before synthesis.
    options : tuple of str
        nextpnr's, all but files and seed.
    pins : tuple of (str, str)
        Where the harness's pins are, for place and route draws everything towards them.  Beside block RAM, in
        the middle of a side: left to itself, it chooses pins at the edge that is furthest from any.
    finished : bool
        What Yosys leaves undone is done before place and route: ``output_registers``, ``global_resets``.
    lut, flip_flop, block_ram, dsp : str
        Names of the cells after synthesis; what comes after them in a name distinguishes variants.
    lut_bel : str, optional
        What place and route calls a LUT, those that carry chains and small memories are made of included.
        Without one, LUTs are counted after synthesis: where LUT and flip-flop share a cell, a placed design
        does not tell how many LUTs there are.
    """

    device: str
    prepare: tuple[str, ...]
    options: tuple[str, ...]
    pins: tuple[tuple[str, str], ...]
    finished: bool
    lut: str
    flip_flop: str
    block_ram: str
    dsp: str
    lut_bel: str | None


FAMILIES: dict[Part, Family] = {
    Part.ECP5: Family(
        device="LFE5U-85F, speed grade 6",
        prepare=(),
        options=("--85k", "--package", "CABGA381", "--speed", "6", "--freq", "100", "--timing-allow-fail"),
        pins=(("clk", "G2"), ("serial_in", "H2"), ("serial_out", "J4")),
        finished=True,
        lut="LUT4",
        flip_flop="TRELLIS_FF",
        block_ram="DP16KD",
        dsp="MULT18X18D",
        lut_bel="TRELLIS_COMB",
    ),
    Part.ICE40: Family(
        device="iCE40 HX8K",
        # There are no memories of LUTs: what asks for them gets block RAM.
        prepare=("setattr -unset ram_style */m:* */a:ram_style=distributed %i",),
        options=("--hx8k", "--package", "ct256", "--freq", "100", "--timing-allow-fail"),
        pins=(),
        finished=False,
        lut="SB_LUT4",
        flip_flop="SB_DFF",
        block_ram="SB_RAM40",
        dsp="SB_MAC16",
        lut_bel=None,
    ),
}
