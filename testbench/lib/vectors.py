"""Test vectors that others wrote, from ``testbench/vectors`` (its README says where they come from)."""

import json
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_VECTORS = Path(__file__).resolve().parents[1] / "vectors"


def records(name: str) -> Iterator[dict[str, str]]:
    """Each record of a CAVP response file: ``key = value`` lines up to an empty one; no sections."""
    record: dict[str, str] = {}
    for line in [*(_VECTORS / "cavp" / name).read_text().splitlines(), ""]:
        key, is_field, value = line.partition(" = ")
        if is_field and not line.startswith("["):
            record[key] = value
        elif not line and record:
            yield record
            record = {}


def hashes(name: str) -> list[tuple[bytes, bytes]]:
    """Message and digest of every case of a CAVP file of hashes."""
    found = []
    for record in records(name):
        size, odd = divmod(int(record["Len"]), 8)
        if odd:
            raise ValueError(f"{name}: a message of {record['Len']} bits")
        # A message of no bytes is written as one zero byte.
        message = bytes.fromhex(record["Msg"])[:size]
        if len(message) != size:
            raise ValueError(f"{name}: a message of {len(message)} bytes, not {size}")
        found.append((message, bytes.fromhex(record["MD"])))
    return found


@dataclass(frozen=True)
class Inclusion:
    """An inclusion proof, and whether it is one."""

    index: int
    size: int
    root: bytes
    leaf_hash: bytes
    proof: list[bytes]
    is_wrong: bool


def inclusions() -> dict[str, Inclusion]:
    """Inclusion proofs of RFC 6962 trees, by name."""
    cases = json.loads((_VECTORS / "merkle" / "rfc6962_proofs.json").read_text())
    return {
        path.removeprefix("testdata/inclusion/").removesuffix(".json"): Inclusion(
            index=case["leafIdx"],
            size=case["treeSize"],
            root=b64decode(case["root"] or ""),
            leaf_hash=b64decode(case["leafHash"] or ""),
            proof=[b64decode(one) for one in case["proof"] or []],
            is_wrong=case["wantErr"],
        )
        for path, case in cases.items()
        if path.startswith("testdata/inclusion/")
    }


def aes_cases(name: str) -> list[tuple[bytes, bytes, bytes]]:
    """Key, block and ciphertext of a CAVP file of single blocks: of its half that encrypts."""
    cases = [
        (bytes.fromhex(one["KEY"]), bytes.fromhex(one["PLAINTEXT"]), bytes.fromhex(one["CIPHERTEXT"]))
        for one in records(name)
    ]
    encrypting = (_VECTORS / "cavp" / name).read_text().partition("[DECRYPT]")[0].count("COUNT")
    return cases[:encrypting]


@dataclass(frozen=True)
class GcmCase:
    """A case of AES-256-GCM with a nonce of 96 bits and a tag of 128.

    ``plaintext`` is None where the case is not genuine, and its tag so not that of its ciphertext.
    """

    key: bytes
    nonce: bytes
    associated: bytes
    ciphertext: bytes
    tag: bytes
    plaintext: bytes | None


def gcm_cases() -> tuple[list[GcmCase], int]:
    """Every case of NIST's two files and Wycheproof's, and how many there are of other sizes."""
    cases = [
        *_cavp_gcm("gcmEncryptExtIV256_iv96.rsp"),
        *_cavp_gcm("gcmDecrypt256_iv96.rsp"),
        *_wycheproof_gcm(),
    ]
    wanted = [case for case in cases if (len(case.key), len(case.nonce), len(case.tag)) == (32, 12, 16)]
    return wanted, len(cases) - len(wanted)


def _cavp_gcm(name: str) -> Iterator[GcmCase]:
    for record in records(name):
        key, nonce, associated, ciphertext, tag = (
            bytes.fromhex(record[field]) for field in ("Key", "IV", "AAD", "CT", "Tag")
        )
        # Where the result is FAIL there is no plaintext.
        plaintext = bytes.fromhex(record["PT"]) if "PT" in record else None
        yield GcmCase(key, nonce, associated, ciphertext, tag, plaintext)


def _wycheproof_gcm() -> Iterator[GcmCase]:
    groups = json.loads((_VECTORS / "wycheproof" / "aes_gcm_test.json").read_text())["testGroups"]
    for case in (case for group in groups for case in group["tests"]):
        key, nonce, associated, ciphertext, tag, plaintext = (
            bytes.fromhex(case[field]) for field in ("key", "iv", "aad", "ct", "tag", "msg")
        )
        yield GcmCase(
            key, nonce, associated, ciphertext, tag, plaintext if case["result"] == "valid" else None
        )
