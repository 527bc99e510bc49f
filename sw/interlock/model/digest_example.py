"""A digest and the proof of a part, as docs/digests.md shows them.

``python -m interlock.model.digest_example docs/digests.md`` writes them again.
"""

import sys
from pathlib import Path

from interlock.model.digest import LEAF_BYTES, is_part, leaf_hash, leaves_of, node_hash, prove, tree_digest
from interlock.model.example import with_region

BEGIN = "<!-- begin: python -m interlock.model.digest_example docs/digests.md -->\n"

LENGTH = 2500
DATA = bytes(n % 251 for n in range(LENGTH))
_SHOWN = 1


def example() -> str:
    """Markdown: the tree of three leaves, and what shows the middle one."""
    digest = tree_digest(DATA)
    leaves = leaves_of(DATA)
    hashes = [leaf_hash(leaf) for leaf in leaves]
    rows = [
        (f"leaf {n}", f"bytes {LEAF_BYTES * n} to {LEAF_BYTES * n + len(leaf) - 1}", one)
        for n, (leaf, one) in enumerate(zip(leaves, hashes, strict=True))
    ]
    rows += [("node", "of leaves 0 and 1", node_hash(*hashes[:2])), ("digest", "of node and leaf 2", digest)]
    proof = prove(DATA, _SHOWN)
    assert is_part(digest, LENGTH, _SHOWN, leaves[_SHOWN], proof)
    tree = "".join(f"{name:7} {what:19} {value.hex()}\n" for name, what, value in rows)
    shown = "".join(f"{one.hex()}\n" for one in proof)
    return (
        f"{LENGTH} bytes, of which number *n* is *n* mod 251, are three leaves:\n\n"
        f"```\n{tree}```\n\n"
        f"To show bytes {LEAF_BYTES} to {2 * LEAF_BYTES - 1}, "
        f"send them, their number {_SHOWN}, and the proof:\n\n"
        f"```\n{shown}```\n"
    )


def renewed(page: str) -> str:
    """``page`` with the example in its marked region as it must be."""
    return with_region(page, BEGIN, example())


def main() -> None:
    page = Path(sys.argv[1])
    page.write_text(renewed(page.read_text()))


if __name__ == "__main__":
    main()
