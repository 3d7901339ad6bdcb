"""What samples and scores are computed with. Importing this loads neither torch nor transformers."""

from langchain_consensus.engine.base import (
    ContinuationScores,
    Engine,
    Sample,
    SampleResult,
    SamplingSettings,
    ScoreRequest,
    ScoreResult,
    Usage,
)
from langchain_consensus.engine.deadline import deadline
from langchain_consensus.engine.facts import ModelFacts
from langchain_consensus.engine.fake import FakeEngine
from langchain_consensus.engine.grammar import JsonForm
from langchain_consensus.engine.limits import Limits
from langchain_consensus.engine.openai_engine import OpenAICompatibleEngine
from langchain_consensus.engine.transformers_engine import TransformersEngine

__all__ = [
    "ContinuationScores",
    "Engine",
    "FakeEngine",
    "JsonForm",
    "Limits",
    "ModelFacts",
    "OpenAICompatibleEngine",
    "Sample",
    "SampleResult",
    "SamplingSettings",
    "ScoreRequest",
    "ScoreResult",
    "TransformersEngine",
    "Usage",
    "deadline",
]
