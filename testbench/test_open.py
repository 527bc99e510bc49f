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


def parameters_of(block: Open) -> dict[str, int]:
    return {
        "latency": block.latency(0),
        "clear_cycles": block.stores[0].clear_cycles,
        "stored_records": STORED_RECORDS[block.interval],
        "inbox_beats": block.inboxes[0].beats,
        "wipe_cycles": block.stores[0].depth,
    }


@pytest.mark.parametrize("module", ["open_tests", "open_fault_tests", "open_epoch_tests"])
@pytest.mark.parametrize("build", BUILDS)
def test_open(build, module):
    options = BUILDS[build]
    block = Open(**options, s_boxes=SBoxStyle.BLOCK_RAM)
    parameters = (
        options
        | parameters_of(block)
        | {
            "cut_step": options["interval"] // 2 or 1,
            "storm_epochs": 15,
            "flip_step": 1 if options["beat_bytes"] == 16 else 11,
        }
    )
    run(block, module, parameters=parameters, timeout_seconds=600)


SMALL = {"beat_bytes": 4, "interval": 107, "rekey_bits": 5, "stop_bits": 6, "record_bytes": 512}
"""As for a part with few LUTs and little block RAM."""
OF_TWO_LINKS = [
    "keys_are_installed_amid_traffic_of_others",
    "the_key_that_follows_opens_what_follows",
    "a_key_may_come_after_its_epoch_has_begun",
    "timing_does_not_depend_on_keys_and_texts",
]


@pytest.mark.parametrize(
    ("module", "links", "testcase"),
    [("open_small_tests", 1, None), ("open_tests", 2, OF_TWO_LINKS), ("open_epoch_tests", 2, None)],
    ids=["one_link", "two_links", "epochs"],
)
def test_open_with_one_block_at_a_time(module, links, testcase):
    block = Open(links=links, **SMALL, s_boxes=SBoxStyle.BLOCK_RAM)
    parameters = (
        SMALL
        | parameters_of(block)
        | {
            "links": links,
            "cut_step": 97,
            "storm_epochs": 4,
            "record_of_10": block.gcm.record_cycles(10, beats=4),
        }
    )
    run(block, module, parameters=parameters, testcase=testcase, timeout_seconds=600)


@pytest.mark.parametrize("record_bytes", [48, 500, 4112])
def test_the_largest_record_is_checked(record_bytes):
    with pytest.raises(ValueError, match="record_bytes"):
        Open(links=1, **(SMALL | {"record_bytes": record_bytes}))


@pytest.mark.parametrize("wrong", [{"rekey_bits": 0}, {"rekey_bits": 33}, {"rekey_bits": 9, "stop_bits": 8}])
def test_parameters_are_checked(wrong):
    with pytest.raises(ValueError, match="rekey_bits"):
        SealedInbox(**({"beat_bytes": 16, "rekey_bits": 24, "stop_bits": 48} | wrong))
