"""The golden digest: published trees, proofs that others made, and the definition in the RFC's own words."""

from hashlib import sha256
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from interlock.model.digest import (
    LEAF_BYTES,
    NOTHING,
    TreeDigest,
    inclusion_proof,
    is_included,
    is_part,
    leaf_hash,
    leaves_of,
    prove,
    tree_digest,
    tree_root,
)
from lib.parameters import seed
from lib.vectors import hashes, inclusions

# The tree that implementations of RFC 6962 are tested with, and its roots from no leaf to eight.
PUBLISHED_LEAVES = [
    bytes.fromhex(leaf)
    for leaf in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
PUBLISHED_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
LENGTHS = sorted({max(0, LEAF_BYTES * n) for n in range(10)} | {0, 1, 1023, 1025, 2047, 2049, 3 * 1024 + 5})


def in_the_words_of_the_rfc(leaves: list[bytes]) -> bytes:
    """MTH of RFC 9162, 2.1.1."""
    match len(leaves):
        case 0:
            return sha256(b"").digest()
        case 1:
            return sha256(b"\x00" + leaves[0]).digest()
        case n:
            k = max(1 << power for power in range(n.bit_length()) if 1 << power < n)
            halves = in_the_words_of_the_rfc(leaves[:k]) + in_the_words_of_the_rfc(leaves[k:])
            return sha256(b"\x01" + halves).digest()


@pytest.mark.parametrize("count", range(9))
def test_published_trees_have_their_roots(count):
    assert tree_root(map(leaf_hash, PUBLISHED_LEAVES[:count])).hex() == PUBLISHED_ROOTS[count]


@pytest.mark.parametrize("length", LENGTHS)
def test_a_digest_is_what_the_rfc_says(length):
    data = Random(seed()).randbytes(length)
    leaves = [data[i : i + 1024] for i in range(0, length, 1024)]
    assert tree_digest(data) == in_the_words_of_the_rfc(leaves)
    assert leaves_of(data) == leaves


@given(count=st.integers(0, 70))
def test_a_root_is_what_the_rfc_says(count):
    leaves = [bytes([n]) for n in range(count)]
    assert tree_root(map(leaf_hash, leaves)) == in_the_words_of_the_rfc(leaves)


@given(cuts=st.lists(st.integers(0, 3000), max_size=6))
def test_how_the_bytes_come_means_nothing(cuts):
    random = Random(1)
    pieces = [random.randbytes(cut) for cut in cuts]
    tree = TreeDigest()
    for number, piece in enumerate(pieces):
        tree.update(piece)
        so_far = b"".join(pieces[: number + 1])
        assert tree.digest() == tree_digest(so_far)
        assert tree.length == len(so_far)


def test_nothing_hashes_to_sha_256_of_nothing():
    assert tree_digest(b"") == NOTHING == hashes("SHA256ShortMsg.rsp")[0][1]
    assert tree_digest(b"") != tree_digest(b"\x00")


INCLUSIONS = inclusions()


@pytest.mark.parametrize("name", INCLUSIONS)
def test_proofs_of_others_are_judged_as_they_say(name):
    case = INCLUSIONS[name]
    assert is_included(case.root, case.size, case.index, case.leaf_hash, case.proof) != case.is_wrong


def test_proofs_of_others_are_good_and_bad():
    verdicts = [case.is_wrong for case in INCLUSIONS.values()]
    assert len(verdicts) == 62
    assert 0 < sum(verdicts) < 62


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13])
def test_a_proof_shows_its_leaf_and_no_other(size):
    leaves = [leaf_hash(bytes([n])) for n in range(size)]
    root = tree_root(leaves)
    for index in range(size):
        proof = inclusion_proof(leaves, index)
        for other in range(size + 1):
            for claimed in range(size):
                shown = is_included(root, size, other, leaves[claimed], proof)
                assert shown == (other == index and claimed == index)


def test_nothing_is_in_a_tree_without_leaves():
    one = leaf_hash(b"")
    assert is_included(one, 1, 0, one, [])
    assert not is_included(one, 0, 0, one, [])
    assert not is_included(NOTHING, 0, 0, NOTHING, [])
    assert not is_included(one, 1, -1, one, [])
    assert not is_included(one, -1, -2, one, [])


@pytest.mark.parametrize("length", [0, 31, 33, 64])
@pytest.mark.parametrize("which", ["root", "leaf", "proof"])
def test_what_is_not_32_bytes_long_is_no_hash(which, length):
    """Also where it hashes to the root: 64 bytes of proof would pass for a node's two children."""
    odd = bytes(length)
    leaves = [leaf_hash(b"a"), odd if which == "leaf" else leaf_hash(b"b")]
    proof = [odd if which == "proof" else leaves[0]]
    current = sha256(b"\x01" + proof[0] + leaves[1]).digest()
    assert not is_included(odd if which == "root" else current, 2, 1, leaves[1], proof)


def test_there_is_no_proof_of_a_leaf_that_is_not_there():
    for index in (-1, 2):
        with pytest.raises(IndexError, match=f"2 leaves, none of number {index}"):
            inclusion_proof([NOTHING, NOTHING], index)


@pytest.mark.parametrize("length", [1, 1024, 1025, 5 * 1024 + 7])
def test_a_part_is_shown_without_the_rest(length):
    data = Random(seed()).randbytes(length)
    digest = tree_digest(data)
    for index, leaf in enumerate(leaves_of(data)):
        proof = prove(data, index)
        assert is_part(digest, length, index, leaf, proof)
        assert not is_part(digest, length, index + 1, leaf, proof)
        assert not is_part(digest, length, index, leaf[:-1], proof)
        assert not is_part(digest, length, index, leaf[:-1] + bytes([leaf[-1] ^ 1]), proof)
    # A node is not a leaf, though it hashes to the same.
    assert not is_part(digest, 64, 0, digest + digest, [])
