"""An agent with two tools whose every final answer is judged before anybody reads it.

    python examples/agent_with_tools.py                                    # the embedded model answers and judges
    python examples/agent_with_tools.py --model Qwen/Qwen2.5-7B-Instruct   # any model of the hub, or a folder

Prints, on an engine that reads the tool's result well and knows nothing of the future:

    How many people live in Brenvale?
      lookup(name='Brenvale') -> Brenvale: town in Osmark; population 48,200; founded 1721.
      48,200 people live in Brenvale. (accepted, confidence 0.90)
    Who will win the next World Cup?
      I could not find an answer that I can stand behind. (refused, confidence 0.50)
"""

import argparse

from langchain.agents import create_agent
from langchain_core.tools import tool

from langchain_consensus import ChatEquilibriumRanking, TransformersEngine
from langchain_consensus.engine import Engine
from langchain_consensus.middleware import ConsensusMiddleware

QUESTIONS = ["How many people live in Brenvale?", "Who will win the next World Cup?"]


@tool
def lookup(name: str) -> str:
    """Looks up what is known of a place."""
    facts = {"Brenvale": "Brenvale: town in Osmark; population 48,200; founded 1721."}
    return facts.get(name, f"nothing is known of {name}")


@tool
def multiply(a: float, b: float) -> float:
    """Multiplies two numbers."""
    return a * b


def main(engine: Engine) -> None:
    """Asks both questions; the same engine answers and judges, and is loaded once."""
    chat = ChatEquilibriumRanking.from_engine(engine, num_candidates=4, max_new_tokens=64)
    judge = ConsensusMiddleware(engine, min_confidence=0.6, max_retries=1)
    agent = create_agent(chat, [lookup, multiply], middleware=[judge])
    for question in QUESTIONS:
        print(question)
        state = agent.invoke({"messages": [("human", question)]})
        for result in (one for one in state["messages"] if one.type == "tool"):
            calls = [call for one in state["messages"] if one.type == "ai" for call in one.tool_calls]
            call = next(call for call in calls if call["id"] == result.tool_call_id)
            print(f"  {call['name']}({', '.join(f'{k}={v!r}' for k, v in call['args'].items())}) -> {result.text}")
        record = state["consensus"][judge.name]
        print(f"  {state['messages'][-1].text} ({record['decision']}, confidence {record['confidence']:.2f})")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--model", default="qwen2.5-coder-1.5b-instruct")
    main(TransformersEngine(arguments.parse_args().model))
