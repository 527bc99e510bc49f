"""Intake: legal messages pass, every refusal of the specification, back-pressure, gate, drain and wipe."""

import pytest
from interlock_hdl.intake import Intake
from interlock_hdl.message import Kind
from lib.run import run

KINDS = (Kind.PEER, Kind.EXPORT)


@pytest.mark.parametrize("module", ["intake_tests", "intake_refusal_tests"])
@pytest.mark.parametrize(
    ("beat_bytes", "drain"),
    [(4, True), (16, True), (16, False)],
    ids=["beats4-drain", "beats16-drain", "beats16"],
)
def test_intake(beat_bytes, drain, module):
    settings = {"beat_bytes": beat_bytes, "slots": 3, "message_bytes": 64, "messages": 2, "drain": drain}
    intake = Intake(kinds=KINDS, **settings)
    parameters = {**settings, "kinds": [int(kind) for kind in KINDS], "latency": intake.latency}
    run(intake, module, parameters=parameters, public=True)


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
