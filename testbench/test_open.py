"""Open: sealed records of all links by one engine; right ones come out, wrong ones are faults."""

import pytest
from interlock_hdl.crypto.aes_sbox import SBoxStyle
from interlock_hdl.open import STORED_RECORDS, Open
from interlock_hdl.sealed_inbox import SealedInbox
from lib.run import run

BUILDS = {
    "beats16-1": {"beat_bytes": 16, "links": 3, "interval": 1, "rekey_bits": 6, "stop_bits": 8},
    "beats4-14": {"beat_bytes": 4, "links": 2, "interval": 14, "rekey_bits": 5, "stop_bits": 6},
}


@pytest.mark.parametrize("module", ["open_tests", "open_fault_tests", "open_epoch_tests"])
@pytest.mark.parametrize("build", BUILDS)
def test_open(build, module):
    options = BUILDS[build]
    block = Open(**options, s_boxes=SBoxStyle.BLOCK_RAM)
    parameters = options | {
        "latency": block.latency(0),
        "clear_cycles": block.stores[0].clear_cycles,
        "stored_records": STORED_RECORDS[options["interval"]],
        "inbox_beats": block.inboxes[0].beats,
        "cut_step": options["interval"] // 2 or 1,
        "storm_epochs": 15,
        "flip_step": 1 if options["beat_bytes"] == 16 else 11,
        "wipe_cycles": block.stores[0].depth,
    }
    run(block, module, parameters=parameters, timeout_seconds=600)


@pytest.mark.parametrize("wrong", [{"rekey_bits": 0}, {"rekey_bits": 33}, {"rekey_bits": 9, "stop_bits": 8}])
def test_parameters_are_checked(wrong):
    with pytest.raises(ValueError, match="rekey_bits"):
        SealedInbox(**({"beat_bytes": 16, "rekey_bits": 24, "stop_bits": 48} | wrong))
