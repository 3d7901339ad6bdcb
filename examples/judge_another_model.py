"""Ranks answers that came from somewhere else: another model, several people, a search engine.

    python examples/judge_another_model.py                                     # the embedded model judges

Prints, on an engine that believes in Canberra:

    Canberra      ER-D 1.00   judged correct 0.70
    Sydney        ER-D 0.11   judged correct 0.20
    Melbourne     ER-D 0.01   judged correct 0.10
"""

import argparse
from math import exp

from langchain_consensus import ConsensusRanker, Rule, TransformersEngine
from langchain_consensus.engine import Engine

QUESTION = "What is the capital of Australia?"
ANSWERS = ["Sydney", "Melbourne", "Canberra"]


def main(engine: Engine) -> None:
    """Ranks the answers of others; nothing is sampled."""
    ranker = ConsensusRanker.from_engine(engine)
    result = ranker.invoke({"question": QUESTION, "candidates": ANSWERS})
    for one in result.candidates:
        verdict = 1 / (1 + exp(one.discriminator.incorrect - one.discriminator.correct))
        print(f"{one.text:<12}  ER-D {one.scores[Rule.ER_DISCRIMINATOR]:.2f}   judged correct {verdict:.2f}")
    for warning in result.warnings:
        print("!", warning)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--model", default="qwen2.5-coder-1.5b-instruct")
    main(TransformersEngine(arguments.parse_args().model))
