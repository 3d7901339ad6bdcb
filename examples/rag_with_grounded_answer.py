"""Answers from documents, shows the passages that support each answer, and says nothing where none does.

    python examples/rag_with_grounded_answer.py                                    # the embedded model
    python examples/rag_with_grounded_answer.py --model Qwen/Qwen2.5-1.5B-Instruct # any model of the hub, or a folder

Prints, on an engine that knows where the seat of government is and is not sure who designed the city:

    What is the capital of Australia?
      Canberra
        [geography] Canberra is the capital of Australia. (support 0.90)
    Who designed Canberra?
      no answer: No passage supports 'Marion Griffin': the strongest support is 0.00, and `min_support` is 0.50.
"""

import argparse

from langchain_core.documents import Document
from langchain_core.runnables import RunnableLambda

from langchain_consensus import ConsensusReranker, TransformersEngine, grounded_qa
from langchain_consensus.engine import Engine

LIBRARY = [
    Document(page_content="Sydney is the largest city of Australia.", metadata={"source": "geography"}),
    Document(page_content="Canberra is the capital of Australia.", metadata={"source": "geography"}),
    Document(page_content="The plan of the city was chosen in 1912.", metadata={"source": "history"}),
]
QUESTIONS = ["What is the capital of Australia?", "Who designed Canberra?"]


def search(question: str) -> list[Document]:
    """Stands for your retriever: the documents that share most words with the question come first."""
    words = set(question.lower().strip("?").split())
    return sorted(LIBRARY, key=lambda one: -len(words & set(one.page_content.lower().strip(".").split())))


def main(engine: Engine) -> None:
    """Answers all questions in one batch."""
    reranker = ConsensusReranker.from_engine(engine, top_n=2, prior="rank")
    chain = grounded_qa(
        RunnableLambda(search), engine, reranker=reranker, min_support=0.5, num_candidates=4, max_new_tokens=16
    )
    for found in chain.batch(QUESTIONS):
        print(found.question)
        print(f"  no answer: {found.reason}" if found.abstained else f"  {found.answer}")
        for one in found.support:
            print(f"    [{one.document.metadata['source']}] {one.text} (support {one.support:.2f})")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--model", default="qwen2.5-coder-1.5b-instruct")
    main(TransformersEngine(arguments.parse_args().model))
