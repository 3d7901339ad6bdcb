"""`ConsensusMiddleware` for `langchain.agents.create_agent`; the only part of this package that needs `langchain`."""

from langchain_consensus.errors import MissingDependencyError

try:
    import langchain.agents.middleware as _installed  # noqa: F401
except ImportError as error:
    _msg = 'Agents need LangChain itself: pip install "langchain-consensus[agents]"'
    raise MissingDependencyError(_msg) from error

from langchain_consensus.middleware.hooks import ConsensusMiddleware
from langchain_consensus.middleware.state import ConsensusState

__all__ = ["ConsensusMiddleware", "ConsensusState"]
