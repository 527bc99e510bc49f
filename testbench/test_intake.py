"""Intake: legal messages and streams pass, every refusal of the specification, gate, drain and wipe."""

import pytest
from interlock_hdl.intake import Intake
from interlock_hdl.message import Kind
from lib.run import run

KINDS = (Kind.PEER, Kind.EXPORT)


def check(module: str, *, beat_bytes: int, **choices: bool) -> None:
    settings = {"beat_bytes": beat_bytes, "slots": 3, "message_bytes": 64, "messages": 2, **choices}
    intake = Intake(kinds=KINDS, **settings)
    parameters = {
        **settings,
        "kinds": [int(kind) for kind in KINDS],
        "latency": intake.latency,
        "depth": intake.depth,
    }
    run(intake, module, parameters=parameters, public=True)


@pytest.mark.parametrize("module", ["intake_tests", "intake_refusal_tests"])
@pytest.mark.parametrize(
    ("beat_bytes", "drain", "streams"),
    [(4, True, True), (16, False, False)],
    ids=["beats4-drain-streams", "beats16"],
)
def test_intake(beat_bytes, drain, streams, module):
    check(module, beat_bytes=beat_bytes, drain=drain, streams=streams)


@pytest.mark.parametrize("module", ["intake_stream_tests", "intake_finish_tests"])
@pytest.mark.parametrize("beat_bytes", [4, 16], ids=lambda b: f"beats{b}")
def test_streams(beat_bytes, module):
    check(module, beat_bytes=beat_bytes, drain=True, streams=True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kinds", ()),
        ("slots", 0),
        ("slots", 257),
        ("message_bytes", 0),
        ("message_bytes", 24),
        ("messages", 0),
    ],
)
def test_parameters_are_checked(name, value):
    legal = {"beat_bytes": 16, "kinds": KINDS, "slots": 2, "message_bytes": 64, "messages": 2, "drain": True}
    with pytest.raises(ValueError, match=name.removesuffix("s")):
        Intake(**{**legal, name: value})
