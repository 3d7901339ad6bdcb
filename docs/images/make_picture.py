"""Draws the README's picture from a real run; `python docs/images/make_picture.py` writes it beside this file.

The question is asked as `langchain-consensus ask` asks it: the default model, eight draws, seed 0.
"""

import argparse
from pathlib import Path

from langchain_consensus import Consensus, Question, SamplingSettings, TransformersEngine
from langchain_consensus.engine import Engine
from langchain_consensus.engine.embedded import DEFAULT_EMBEDDED_MODEL
from langchain_consensus.report import explain_svg

QUESTION = "What is the capital of Australia?"
PICTURE = Path(__file__).parent / "consensus.svg"


def main(engine: Engine, *, picture: Path = PICTURE) -> None:
    """Asks the question, prints the ranking and writes the picture of it."""
    consensus = Consensus(engine=engine, sampling=SamplingSettings(n=8, max_new_tokens=32))
    [ranking] = consensus.ask([Question(text=QUESTION)])
    print(ranking)
    picture.write_text(explain_svg(ranking), "utf-8", newline="\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=DEFAULT_EMBEDDED_MODEL)
    main(TransformersEngine(parser.parse_args().model))
