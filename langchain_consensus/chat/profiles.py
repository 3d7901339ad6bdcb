"""What LangChain is told of a chat model's abilities: its `profile`, without loading the model."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from langchain_consensus.engine import ModelFacts

if TYPE_CHECKING:
    from langchain_core.language_models import ModelProfile

__all__ = ["profile_of"]


def profile_of(engine: object, *, max_new_tokens: int) -> ModelProfile:
    """The profile of a chat model over `engine`; what is not known of the engine's model is left out.

    Args:
        engine: An engine; one with `facts` says more.
        max_new_tokens: Room for the answer, which the input leaves free.
    """
    found = getattr(engine, "facts", None)
    facts = found if isinstance(found, ModelFacts) else ModelFacts()
    constrains = bool(facts.follows_grammars) and find_spec("llguidance") is not None
    profile: ModelProfile = {
        "text_inputs": True,
        "text_outputs": True,
        "image_inputs": False,
        "audio_inputs": False,
        "video_inputs": False,
        "pdf_inputs": False,
        "image_outputs": False,
        "audio_outputs": False,
        "video_outputs": False,
        "reasoning_output": False,
        "max_output_tokens": max_new_tokens,
    }
    if facts.follows_grammars is not None:
        profile["structured_output"] = constrains
    if facts.context is not None and facts.context > max_new_tokens:
        profile["max_input_tokens"] = facts.context - max_new_tokens
    if facts.shows_tools is not None:
        profile["tool_calling"] = facts.shows_tools
        if facts.follows_grammars is not None or not facts.shows_tools:
            profile["tool_choice"] = facts.shows_tools and constrains
    return profile
