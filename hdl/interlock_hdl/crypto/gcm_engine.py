"""Which block seals and opens records, by how fast it must be."""

from interlock_hdl.crypto import gcm
from interlock_hdl.crypto.aes_sbox import SBoxStyle
from interlock_hdl.crypto.gcm import Gcm
from interlock_hdl.crypto.serial_gcm import SerialGcm

INTERVALS = (*gcm.INTERVALS, SerialGcm.interval)
"""Cycles a block: that of the last one is for parts with few thousand LUTs."""


def gcm_engine(*, interval: int, slots: int, s_boxes: SBoxStyle = SBoxStyle.LOGIC) -> Gcm | SerialGcm:
    """What takes a block every ``interval`` cycles, one of ``INTERVALS``."""
    if interval not in INTERVALS:
        raise ValueError(f"interval must be one of {INTERVALS} cycles, not {interval}")
    if interval == SerialGcm.interval:
        return SerialGcm(slots=slots, s_boxes=s_boxes)
    return Gcm(interval=interval, slots=slots, s_boxes=s_boxes)
