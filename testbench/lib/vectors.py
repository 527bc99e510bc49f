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
