"""The log: a store, and the scans of it (D6)."""

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from interlock_hdl.config import InterlockConfig, LogStore
from interlock_hdl.log.answer import Answer
from interlock_hdl.log.hash_log import HashLog
from interlock_hdl.log.register_log import RegisterLog
from interlock_hdl.log.scan import Scan, ScanRequest
from interlock_hdl.ports import EntryStream, MergeStream


class Log(wiring.Component):
    """The G-Counter of a node: merges what comes in, and scans for what goes out.

    A scan has every merge whose ``merged`` was up before the request was accepted, or says that it has it in
    its next scan: a change is in the set of every slot until a scan for that slot takes it.

    **Latency**: ``merge_latency`` cycles from a merge request to ``merged``; ``described_latency`` from a
    scan request to ``described``, ``first_entry_latency`` to entry 0.  **Throughput**: a merge every 2
    cycles; an entry every cycle if FULL, every second cycle if DELTA.

    Parameters
    ----------
    config : InterlockConfig
        ``log_store``, ``log_entries`` and ``links`` count.

    Members
    -------
    wipe, wiped : In(1), Out(1)
        Holds the log in reset and empties it; that this is complete.
    key : In(128)
        Of the hash, drawn anew for each session; a log in registers has no use for it.
    merge, merged, answer, own_ahead : In(MergeStream), Out(1), Out(Answer), Out(1)
        See :class:`StoreSignature`.
    n_stored_sessions, n_stored_externals : Out(range(log_entries + 1))
        Entries held.
    own_ready : Out(1)
        Entry 0 exists.
    scan : In(stream of ScanRequest)
    require_full : In(links)
    described, full, n_sessions, n_externals : Out(1), Out(1), Out(range(log_entries + 1)) twice
    entries : Out(EntryStream)
    read, read_external, read_index : Out(1), Out(1), Out(16)
        See :class:`Scan`.  With a store in registers ``read`` follows ``entries.ready`` in the same cycle;
        nothing else does.
    fault : Out(1)
        Latched until ``wipe``.
    """

    def __init__(self, config: InterlockConfig) -> None:
        config.validate()
        self.config = config
        store = {LogStore.REGISTERS: RegisterLog, LogStore.HASH: HashLog}[config.log_store]
        self.store = store(entries=config.log_entries)
        self.scanner = Scan(links=config.links, entries=config.log_entries)
        self.merge_latency = self.store.merge_latency
        self.described_latency = self.scanner.described_latency
        self.first_entry_latency = self.scanner.read_latency + self.store.read_latency
        count = range(config.log_entries + 1)
        super().__init__(
            {
                "wipe": In(1),
                "wiped": Out(1),
                "key": In(128),
                "merge": In(MergeStream),
                "merged": Out(1),
                "answer": Out(Answer),
                "own_ahead": Out(1),
                "n_stored_sessions": Out(count),
                "n_stored_externals": Out(count),
                "own_ready": Out(1),
                "scan": In(stream.Signature(ScanRequest)),
                "require_full": In(config.links),
                "described": Out(1),
                "full": Out(1),
                "n_sessions": Out(count),
                "n_externals": Out(count),
                "entries": Out(EntryStream),
                "read": Out(1),
                "read_external": Out(1),
                "read_index": Out(16),
                "fault": Out(1),
            }
        )

    def elaborate(self, platform) -> Module:
        m = Module()
        m.submodules.store = store = self.store
        m.submodules.scanner = scanner = self.scanner
        if isinstance(store, HashLog):
            m.d.comb += store.key.eq(self.key)
        wiring.connect(m, wiring.flipped(self.merge), store.merge)
        wiring.connect(m, scanner.announce, store.announce)
        wiring.connect(m, scanner.read, store.read)
        wiring.connect(m, store.entries, scanner.stored)
        wiring.connect(m, wiring.flipped(self.scan), scanner.request)
        wiring.connect(m, scanner.entries, wiring.flipped(self.entries))
        m.d.comb += [
            store.wipe.eq(self.wipe),
            scanner.wipe.eq(self.wipe),
            self.wiped.eq(store.wiped & scanner.wiped),
            self.merged.eq(store.merged),
            self.answer.eq(store.answer),
            self.own_ahead.eq(store.own_ahead),
            self.n_stored_sessions.eq(store.n_sessions),
            self.n_stored_externals.eq(store.n_externals),
            self.own_ready.eq(store.own_ready),
            scanner.changed.eq(store.changed),
            scanner.changed_at.eq(store.changed_at),
            scanner.own_ready.eq(store.own_ready),
            scanner.stored_sessions.eq(store.n_sessions),
            scanner.stored_externals.eq(store.n_externals),
            scanner.require_full.eq(self.require_full),
            self.described.eq(scanner.described),
            self.full.eq(scanner.full),
            self.n_sessions.eq(scanner.n_sessions),
            self.n_externals.eq(scanner.n_externals),
            self.read.eq(scanner.read_accepted),
            self.read_external.eq(scanner.read_external),
            self.read_index.eq(scanner.read_index),
            self.fault.eq(store.fault | scanner.fault),
        ]
        return m
