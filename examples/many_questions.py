"""Many questions in one batch, without blocking the event loop; one that cannot be asked takes no other with it.

    python examples/many_questions.py                                     # the embedded model
    python examples/many_questions.py --model Qwen/Qwen2.5-1.5B-Instruct  # any model of the hub, or a folder

Prints, on an engine that knows three capitals:

    What is the capital of Australia?  Canberra (confidence 0.90)
    What is the capital of France?     Paris (confidence 0.95)
                                       InvalidInputError
    What is the capital of Japan?      Tokyo (confidence 0.80)
    4 questions, 3 rankings; the loop ticked meanwhile: True
"""

import argparse
import asyncio

from langchain_consensus import EquilibriumRankingLLM, Ranking, TransformersEngine
from langchain_consensus.engine import Engine

QUESTIONS = [
    "What is the capital of Australia?",
    "What is the capital of France?",
    "",
    "What is the capital of Japan?",
]


async def ask(engine: Engine) -> None:
    """One device batch of at most 32 questions at a time, in the engine's own thread."""
    llm = EquilibriumRankingLLM.from_engine(engine, num_candidates=8, max_new_tokens=16)
    asked = llm.ranked().abatch(QUESTIONS, config={"max_concurrency": 32}, return_exceptions=True)
    answering, ticks = asyncio.create_task(asked), 0
    while not answering.done():
        await asyncio.sleep(0.001)
        ticks += 1
    found = await answering
    for question, one in zip(QUESTIONS, found, strict=True):
        shown = f"{one.answer} (confidence {one.confidence:.2f})" if isinstance(one, Ranking) else type(one).__name__
        print(f"{question:<34} {shown}")
    rankings = sum(isinstance(one, Ranking) for one in found)
    print(f"{len(QUESTIONS)} questions, {rankings} rankings; the loop ticked meanwhile: {ticks > 0}")


def main(engine: Engine) -> None:
    """Runs `ask`."""
    asyncio.run(ask(engine))


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--model", default="qwen2.5-coder-1.5b-instruct")
    main(TransformersEngine(arguments.parse_args().model))
