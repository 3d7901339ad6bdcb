"""`ConsensusMiddleware` for `langchain.agents.create_agent`; the only part of this package that needs `langchain`."""

from langchain_consensus.dependencies import not_installed

try:
    import langchain.agents.middleware as _installed  # noqa: F401
except ImportError as error:
    _error = not_installed("agents", "langchain>=1.4")
    raise _error from error

from langchain_consensus.middleware.hooks import ConsensusMiddleware
from langchain_consensus.middleware.state import ConsensusState

__all__ = ["ConsensusMiddleware", "ConsensusState"]
