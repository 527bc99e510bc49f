"""Bitwuzla as a program: answers SMT-LIB from standard input, statement by statement."""

import sys

from bitwuzla import Option, Options, Parser, TermManager


def main() -> None:
    options = Options()
    options.set(Option.PRODUCE_MODELS, True)
    parser = Parser(TermManager(), options)
    statement, depth = "", 0
    for line in sys.stdin:
        text = line.partition(";")[0]
        statement += text
        depth += text.count("(") - text.count(")")
        if not depth and statement.strip():
            parser.parse(statement, False, False)
            statement = ""


if __name__ == "__main__":
    main()
