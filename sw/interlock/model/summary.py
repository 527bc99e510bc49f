"""The SUMMARY of an export: what a build that cannot sign says in place of a certificate."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import cbor2

from interlock.model.fields import WireError
from interlock.model.log import Entry
from interlock.model.parameters import Bin

LABEL = "interlock unsigned summary v1"
KEYS = {
    1: ("session_id", 16),
    2: ("export_counter", 8),
    3: ("payload_length", 8),
    4: ("total", 16),
    5: ("n_sessions", 4),
    6: ("n_externals", 4),
    7: ("modes", 1),
    8: ("weight_tables", 2),
    9: ("flags", 2),
    10: ("bins", 12 * len(Bin)),
    11: ("ticks", 8),
}
"""Name and width in bytes of the value of each key but the label's, which is 0."""


class SummaryError(WireError):
    """Bytes that are no summary; offsets are 0 where CBOR itself gives none."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What it says of one export.  Fields are in the order of its keys 1 … 11."""

    session_id: bytes
    export_counter: int
    payload_length: int
    total: int
    n_sessions: int
    n_externals: int
    modes: int
    weight_table: int
    other_weight_tables: bool
    flags: int
    bins: tuple[int, ...]
    ticks: int

    @classmethod
    def over(
        cls,
        entries: Sequence[Entry],
        *,
        n_externals: int = 0,
        export_counter: int,
        payload_length: int,
        bins: tuple[int, ...],
        ticks: int,
    ) -> Self:
        """The summary of an export whose LOG is ``entries`` and so many digests."""
        own = entries[0]
        modes = flags = 0
        for entry in entries:
            modes |= entry.mode
            flags |= entry.flags
        return cls(
            session_id=own.session_id,
            export_counter=export_counter,
            payload_length=payload_length,
            total=sum(entry.flops for entry in entries),
            n_sessions=len(entries),
            n_externals=n_externals,
            modes=modes,
            weight_table=own.weight_table,
            other_weight_tables=any(entry.weight_table != own.weight_table for entry in entries),
            flags=flags,
            bins=bins,
            ticks=ticks,
        )

    def encode(self) -> bytes:
        """A deterministic CBOR map: small integer keys in order, every value of fixed width."""
        return cbor2.dumps(
            {
                0: LABEL,
                1: self.session_id,
                2: self.export_counter.to_bytes(8),
                3: self.payload_length.to_bytes(8),
                4: self.total.to_bytes(16),
                5: self.n_sessions.to_bytes(4),
                6: self.n_externals.to_bytes(4),
                7: self.modes.to_bytes(1),
                8: bytes((self.weight_table, self.other_weight_tables)),
                9: self.flags.to_bytes(2),
                10: b"".join(flops.to_bytes(12) for flops in self.bins),
                11: self.ticks.to_bytes(8),
            }
        )

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """The summary in ``data``; raises :class:`SummaryError` unless it encodes to exactly these bytes."""
        try:
            content = cbor2.loads(data)
        except (cbor2.CBORDecodeError, ValueError) as error:
            raise SummaryError("not CBOR", 0, str(error)) from error
        if not isinstance(content, dict) or list(content) != [0, *KEYS]:
            raise SummaryError("keys", 0, f"a summary has the keys 0 … {max(KEYS)}, in order")
        if content[0] != LABEL:
            raise SummaryError("label", 0, f"{content[0]!r} is not {LABEL!r}")
        for key, (name, size) in KEYS.items():
            if not isinstance(content[key], bytes) or len(content[key]) != size:
                raise SummaryError(name, 0, f"must be {size} bytes")
        number = {key: int.from_bytes(content[key]) for key in KEYS}
        if content[8][1] > 1:
            raise SummaryError("weight_tables", 0, "its second byte is 0 or 1")
        summary = cls(
            session_id=content[1],
            export_counter=number[2],
            payload_length=number[3],
            total=number[4],
            n_sessions=number[5],
            n_externals=number[6],
            modes=number[7],
            weight_table=content[8][0],
            other_weight_tables=bool(content[8][1]),
            flags=number[9],
            bins=tuple(int.from_bytes(content[10][i : i + 12]) for i in range(0, 12 * len(Bin), 12)),
            ticks=number[11],
        )
        if summary.encode() != data:
            raise SummaryError("not deterministic", 0, "there is a shorter or simpler encoding")
        return summary
