"""What is known of mutations and their tests: a file that grows with each verdict, to be gone on with."""

import hashlib
import json
from pathlib import Path

from interlock.files import write_atomically

from mutants.mutation import ROOT, Mutation, Outcome, Verdict

SOURCES = ("hdl", "sw", "testbench")


def fingerprint() -> str:
    """Of everything that a verdict depends on."""
    digest = hashlib.sha256()
    for folder in SOURCES:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".py", ".rdl"):
                digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


class Report:
    """Verdicts, each written at once.

    Parameters
    ----------
    path : Path
        JSON file.
    resume : bool
        What stands there holds still, if it is of the same sources.
    """

    def __init__(self, path: Path, *, resume: bool) -> None:
        self.path = path
        self.tree = fingerprint()
        self.passing: list[str] = []
        """Tests that pass without a mutation."""
        self.verdicts: dict[str, dict[str, str]] = {}
        """By the mutation's name."""
        if resume and path.is_file():
            before = json.loads(path.read_text())
            if before["sources"] == self.tree:
                self.passing = before["passing"]
                self.verdicts = {row["mutation"]: row for row in before["mutations"]}

    def passes(self, test: str) -> None:
        self.passing.append(test)
        self._write()

    def judged(self, mutation: Mutation, verdict: Verdict) -> None:
        self.verdicts[mutation.name] = {
            "mutation": mutation.name,
            "file": mutation.file,
            "test": mutation.test,
            "outcome": verdict.outcome.value,
            "reason": verdict.reason,
        }
        self._write()

    def killed(self, mutation: Mutation) -> bool:
        row = self.verdicts.get(mutation.name)
        return row is not None and row["outcome"] == Outcome.ASSERTION.value

    def _write(self) -> None:
        content = {
            "sources": self.tree,
            "passing": sorted(self.passing),
            "mutations": list(self.verdicts.values()),
        }
        write_atomically(self.path, json.dumps(content, indent=2) + "\n")
