"""Cipher and hash make the tags and texts of AES-256-GCM that NIST, Wycheproof and ``cryptography`` have."""

from random import Random

import pytest
from interlock.model.gcm import open_sealed, seal
from lib.gcm_core import gcm_core
from lib.parameters import seed
from lib.run import run
from lib.vectors import gcm_cases


@pytest.mark.parametrize(("interval", "every", "max_size"), [(2, 1, 4096), (None, 41, 33)])
def test_gcm(interval, every, max_size):
    run(
        gcm_core(interval),
        "gcm_tests",
        parameters={"every": every, "max_size": max_size},
        timeout_seconds=600,
    )


def test_the_model_agrees_with_every_published_vector():
    cases, _ = gcm_cases()
    for case in cases:
        sealed = case.ciphertext + case.tag
        assert open_sealed(case.key, case.nonce, sealed, case.associated) == case.plaintext
        if case.plaintext is not None:
            assert seal(case.key, case.nonce, case.plaintext, case.associated) == sealed


def test_the_model_takes_no_other_sizes():
    random = Random(seed())
    for key, nonce in ((16, 12), (32, 8), (32, 16)):
        with pytest.raises(ValueError, match="bytes"):
            seal(random.randbytes(key), random.randbytes(nonce), b"", b"")
