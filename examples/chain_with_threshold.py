"""A chain that answers, gives its evidence, and says nothing where the judge is not convinced.

    python examples/chain_with_threshold.py                                    # the embedded model
    python examples/chain_with_threshold.py --model Qwen/Qwen2.5-1.5B-Instruct # any model of the hub, or a folder

Prints, on an engine that believes in Canberra and is torn about the rest:

    What is the capital of Australia?
      Canberra (confidence 0.90)
    Who will win the next World Cup?
      no answer: the best, 'Brazil', has confidence 0.50
"""

import argparse

from langchain_core.prompts import PromptTemplate

from langchain_consensus import ConsensusOutputParser, EquilibriumRankingLLM, TransformersEngine
from langchain_consensus.engine import Engine

QUESTIONS = ["What is the capital of Australia?", "Who will win the next World Cup?"]


def main(engine: Engine) -> None:
    """Asks all questions in one batch."""
    llm = EquilibriumRankingLLM.from_engine(engine, num_candidates=8, max_new_tokens=16)
    parser = ConsensusOutputParser(min_confidence=0.6, below="abstain")
    chain = PromptTemplate.from_template("{question}") | llm.ranked() | parser
    for question, result in zip(QUESTIONS, chain.batch([{"question": one} for one in QUESTIONS]), strict=True):
        print(question)
        if result.abstained:
            print(f"  no answer: the best, {result.text!r}, has confidence {result.confidence:.2f}")
        else:
            print(f"  {result.answer} (confidence {result.confidence:.2f})")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--model", default="qwen2.5-coder-1.5b-instruct")
    main(TransformersEngine(arguments.parse_args().model))
