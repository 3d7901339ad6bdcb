"""Equilibrium-Ranking (the Consensus Game, arXiv:2310.09139) for LangChain: one model, two views, one answer.

Importing this package imports no model library; every name below is loaded when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from langchain_consensus.candidates import Candidates, given, normalised_text
    from langchain_consensus.chat_model_engine import ChatModelEngine
    from langchain_consensus.chat_models import ChatEquilibriumRanking
    from langchain_consensus.consensus import Consensus
    from langchain_consensus.document_compressors import ConsensusReranker
    from langchain_consensus.documents.results import DocumentResult
    from langchain_consensus.documents.wording import RelevanceWording
    from langchain_consensus.engine import (
        FakeEngine,
        Limits,
        OpenAIChatEngine,
        OpenAICompatibleEngine,
        SamplingSettings,
        TransformersEngine,
        deadline,
    )
    from langchain_consensus.grounding import GroundedAnswer, GroundedAnswering, grounded_qa
    from langchain_consensus.judges import Judge
    from langchain_consensus.llms import EquilibriumRankingLLM
    from langchain_consensus.meanings import Meanings
    from langchain_consensus.output_parsers import ConsensusOutputParser
    from langchain_consensus.prompts import Question, Wording
    from langchain_consensus.ranking import Ranking, Rule
    from langchain_consensus.report import explain_html, plot_policies
    from langchain_consensus.results import ConsensusResult
    from langchain_consensus.rounds import Rounds
    from langchain_consensus.runnables import ConsensusRanker

__all__ = [
    "Candidates",
    "ChatEquilibriumRanking",
    "ChatModelEngine",
    "Consensus",
    "ConsensusOutputParser",
    "ConsensusRanker",
    "ConsensusReranker",
    "ConsensusResult",
    "DocumentResult",
    "EquilibriumRankingLLM",
    "FakeEngine",
    "GroundedAnswer",
    "GroundedAnswering",
    "Judge",
    "Limits",
    "Meanings",
    "OpenAIChatEngine",
    "OpenAICompatibleEngine",
    "Question",
    "Ranking",
    "RelevanceWording",
    "Rounds",
    "Rule",
    "SamplingSettings",
    "TransformersEngine",
    "Wording",
    "__version__",
    "deadline",
    "explain_html",
    "given",
    "grounded_qa",
    "normalised_text",
    "plot_policies",
]

_HOMES = {
    "Candidates": "candidates",
    "ChatEquilibriumRanking": "chat_models",
    "ChatModelEngine": "chat_model_engine",
    "Consensus": "consensus",
    "ConsensusOutputParser": "output_parsers",
    "ConsensusRanker": "runnables",
    "ConsensusReranker": "document_compressors",
    "ConsensusResult": "results",
    "DocumentResult": "documents.results",
    "EquilibriumRankingLLM": "llms",
    "FakeEngine": "engine.fake",
    "GroundedAnswer": "grounding",
    "GroundedAnswering": "grounding",
    "Judge": "judges",
    "Limits": "engine.limits",
    "Meanings": "meanings",
    "OpenAIChatEngine": "engine.openai_chat",
    "OpenAICompatibleEngine": "engine.openai_engine",
    "Question": "prompts",
    "Ranking": "ranking",
    "RelevanceWording": "documents.wording",
    "Rounds": "rounds",
    "Rule": "ranking",
    "SamplingSettings": "engine.base",
    "TransformersEngine": "engine.transformers_engine",
    "Wording": "prompts",
    "deadline": "engine.deadline",
    "explain_html": "report",
    "given": "candidates",
    "grounded_qa": "grounding",
    "normalised_text": "candidates",
    "plot_policies": "report",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
