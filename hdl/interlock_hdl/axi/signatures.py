"""Signatures of the AXI ports that the top has: AXI4-Stream (ARM IHI 0051) and AXI4-Lite (ARM IHI 0022)."""

import enum

from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


class Response(enum.IntEnum):
    """Values of ``bresp`` and ``rresp``."""

    OKAY = 0
    SLVERR = 2
    DECERR = 3


class AxiStream(wiring.Signature):
    """An AXI4-Stream as its transmitter sees it.

    Parameters
    ----------
    octets : int
        Bytes of a transfer.
    framed : bool
        Whether there are ``tkeep`` and ``tlast``.
    """

    def __init__(self, octets: int, *, framed: bool = True) -> None:
        self.octets = octets
        members = {"tdata": Out(8 * octets)}
        if framed:
            members |= {"tkeep": Out(octets), "tlast": Out(1)}
        super().__init__(members | {"tvalid": Out(1), "tready": In(1)})


class AxiLite(wiring.Signature):
    """An AXI4-Lite bus of 32-bit words as its master sees it.

    Parameters
    ----------
    address_width : int
        Bits of a byte address.
    """

    def __init__(self, address_width: int) -> None:
        self.address_width = address_width
        super().__init__(
            {
                "awaddr": Out(address_width),
                "awprot": Out(3),
                "awvalid": Out(1),
                "awready": In(1),
                "wdata": Out(32),
                "wstrb": Out(4),
                "wvalid": Out(1),
                "wready": In(1),
                "bresp": In(2),
                "bvalid": In(1),
                "bready": Out(1),
                "araddr": Out(address_width),
                "arprot": Out(3),
                "arvalid": Out(1),
                "arready": In(1),
                "rdata": In(32),
                "rresp": In(2),
                "rvalid": In(1),
                "rready": Out(1),
            }
        )
