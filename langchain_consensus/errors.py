"""The errors of this package, under one base class.

```text
ConsensusError
├── InvalidInputError      (also ValueError)    an argument or a line of a file breaks a rule
│   ├── ContextWindowError                      a prompt with what follows it is longer than the model can read
│   └── LimitExceededError                      a call is larger than the engine's owner allows; names the limit
├── MissingDependencyError (also ImportError)   an extra is not installed; the message has the pip command
├── SolverError                                 a game was not solved; carries the Outcome
├── LowConfidenceError                          an answer is below the threshold that the caller set
└── EngineError                                 the model or its server failed
    ├── ModelLoadError                          weights are missing, damaged or of a kind that is not accepted
    ├── NonFiniteScoreError                     the model gave NaN for some requests; carries their places
    ├── ServerCapabilityError                   a server cannot give what scoring needs; the message says what to do
    ├── EngineMemoryError                       out of memory after every budget was halved to its floor
    ├── EngineBusyError                         too many calls wait already; ask again later
    ├── EngineClosedError                       the engine was closed
    ├── CallCancelledError                      the call was cancelled; nobody waits for its answer
    └── DeadlineExceededError  (also TimeoutError)  the call took longer than its caller allowed
```
"""

from __future__ import annotations

__all__ = [
    "CallCancelledError",
    "ConsensusError",
    "ContextWindowError",
    "DeadlineExceededError",
    "EngineBusyError",
    "EngineClosedError",
    "EngineError",
    "EngineMemoryError",
    "InvalidInputError",
    "LimitExceededError",
    "LowConfidenceError",
    "MissingDependencyError",
    "ModelLoadError",
    "NonFiniteScoreError",
    "ServerCapabilityError",
    "SolverError",
]


class ConsensusError(Exception):
    """Base of every error that this package raises on purpose."""


class InvalidInputError(ConsensusError, ValueError):
    """An argument breaks a rule; the message names it, says what was received, the rule and the remedy."""


class ContextWindowError(InvalidInputError):
    """A prompt, with what is to follow it, is longer than the model's context window; nothing was computed."""

    def __init__(self, message: str, place: int = 0) -> None:
        """Says what is too long.

        Args:
            message: What was asked, the limit and the remedy.
            place: Index of the prompt or request in the call of the engine.
        """
        super().__init__(message)
        self.place = place

    def about(self, what: str) -> ContextWindowError:
        """The same error, said of `what`: a field of the caller's and its beginning."""
        return ContextWindowError(f"{what}: {self}", self.place)


class LimitExceededError(InvalidInputError):
    """A call is larger than the engine's `Limits` allow; the message names the limit. Nothing was computed."""


class MissingDependencyError(ConsensusError, ImportError):
    """An optional dependency is not installed; the message holds the exact pip command."""


class SolverError(ConsensusError):
    """A solver ended without success; the message is the outcome's sentence."""


class LowConfidenceError(ConsensusError):
    """The best answer is below the confidence that the caller asked for."""


class EngineError(ConsensusError):
    """The model, or the server that runs it, failed."""


class ModelLoadError(EngineError):
    """Weights are missing, damaged, or of a kind that is not accepted."""


class NonFiniteScoreError(EngineError):
    """The model gave no number (NaN, or plus infinity) for some of what it was asked; nothing is ranked by it."""

    def __init__(self, message: str, places: tuple[int, ...] = ()) -> None:
        """Says which.

        Args:
            message: What was asked, and the remedy.
            places: Indices of the prompts or requests in the call of the engine; the others of the call are sound.
        """
        super().__init__(message)
        self.places = places

    def about(self, what: str, places: tuple[int, ...]) -> NonFiniteScoreError:
        """The same error, said of `what` and of the caller's own `places`."""
        return NonFiniteScoreError(f"{what}: {self}", places)


class ServerCapabilityError(EngineError):
    """A server does not give exact log-probabilities; the message says what is wrong and what to do."""


class EngineMemoryError(EngineError):
    """The device ran out of memory at the smallest budget; the message says what to lower."""


class EngineBusyError(EngineError):
    """As many calls wait for the engine as may; the call was not begun and can be made again later."""


class EngineClosedError(EngineError):
    """The engine was closed, before the call or while it ran."""


class CallCancelledError(EngineError):
    """The call was cancelled; it stopped before its next forward."""


class DeadlineExceededError(EngineError, TimeoutError):
    """The call took longer than its caller allowed; it stopped before its next forward."""
