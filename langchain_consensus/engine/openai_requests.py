"""One request to some replica, until it is answered or its attempts are used up.

Transient failures (429, 5xx, timeouts, broken connections, unreadable answers) are tried again with random, growing
pauses; `Retry-After` is kept by letting the replica rest. What no repetition helps is raised at once.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

import openai
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from langchain_consensus.engine.openai_protocol import (
    AnswerError,
    MissingLogprobsError,
    OtherTokensError,
    TruncatedPromptError,
)
from langchain_consensus.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from openai import AsyncOpenAI

    from langchain_consensus.engine.openai_protocol import Dialect, Exchange
    from langchain_consensus.engine.openai_replicas import Replica, Replicas

__all__ = ["RefusedRequestError", "Sender", "TransientError", "asked", "post"]

T = TypeVar("T")

_TRANSIENT = frozenset({408, 409, 425, 429})
_HOPELESS = frozenset({401, 403, 404})
_TOO_MANY, _SERVER_ERROR = 429, 500


class TransientError(EngineError):
    """A failure that another attempt may not meet.

    Attributes:
        retry_after: Seconds that the server asks to wait, or `None`.
        is_busy: Whether the server only has too much to do; that is no sign of being broken.
        is_own: Whether the server says that it failed itself (status 500), which some do at requests they do not know.
    """

    def __init__(
        self, message: str, *, retry_after: float | None = None, is_busy: bool = False, is_own: bool = False
    ) -> None:
        """Keeps what the server says."""
        super().__init__(message)
        self.retry_after = retry_after
        self.is_busy = is_busy
        self.is_own = is_own


class RefusedRequestError(EngineError):
    """The server will not answer this request.

    Attributes:
        status: The HTTP status.
        is_hopeless: Whether it will refuse all others too: a wrong key, or no such model.
    """

    def __init__(self, message: str, *, status: int) -> None:
        """Keeps the status."""
        super().__init__(message)
        self.status = status
        self.is_hopeless = status in _HOPELESS


async def post(client: AsyncOpenAI, path: str, body: object, *, method: str = "post") -> Any:
    """One attempt: the JSON answer.

    Raises:
        TransientError: If another attempt may do better.
        RefusedRequestError: If not.
    """
    if path.startswith("//"):
        base = client.base_url
        path = f"{base.scheme}://{base.netloc.decode()}{path[1:]}"
    send: Callable[..., Awaitable[Any]] = getattr(client, method)
    try:
        answer = await send(path, cast_to=object, **({} if body is None else {"body": body}))
    except openai.APITimeoutError as error:
        msg = f"{client.base_url} did not answer in time."
        raise TransientError(msg) from error
    except openai.APIConnectionError as error:
        msg = f"{client.base_url} cannot be reached: {error.__cause__ or error}"
        raise TransientError(msg) from error
    except openai.APIStatusError as error:
        raise _status_error(client, error) from error
    except ValueError as error:
        msg = f"{client.base_url} answered with something that is no JSON: {error}"
        raise AnswerError(msg) from error
    if isinstance(answer, str):
        msg = f"{client.base_url} answered with something that is no JSON: {answer[:120]!r}."
        raise AnswerError(msg)
    return answer


def _status_error(client: AsyncOpenAI, error: openai.APIStatusError) -> TransientError | RefusedRequestError:
    status, said = error.status_code, str(error.message)[:300]
    msg = f"{client.base_url} answered with status {status}: {said}"
    if status in _TRANSIENT or status >= _SERVER_ERROR:
        return TransientError(
            msg, retry_after=_retry_after(error), is_busy=status == _TOO_MANY, is_own=status == _SERVER_ERROR
        )
    return RefusedRequestError(msg, status=status)


def _retry_after(error: openai.APIStatusError) -> float | None:
    """Seconds from `Retry-After`; dates, which no model server sends, are left to the growing pauses."""
    try:
        seconds = float(error.response.headers.get("retry-after", ""))
    except ValueError:
        return None
    return seconds if 0 < seconds < float("inf") else None


async def asked(client: AsyncOpenAI, exchange: Exchange[T]) -> T:
    """What the answer to an exchange says; one attempt."""
    return exchange.read(await post(client, exchange.path, exchange.body))


class Sender:
    """Sends requests, a bounded number at once, each to the replica that is least busy."""

    def __init__(
        self,
        replicas: Replicas,
        *,
        concurrency: int,
        attempts: int,
        admit: Callable[[Replica], Awaitable[Any]],
    ) -> None:
        """Remembers the limits.

        Args:
            replicas: Whom to ask.
            concurrency: Requests under way at once, over all replicas.
            attempts: How often one request is sent at most.
            admit: Gives a replica's dialect, after probing it if that has not been done; what `exchange_of` takes.
        """
        self.replicas = replicas
        self._slots = asyncio.Semaphore(concurrency)
        self._attempts = attempts
        self._admit = admit

    async def send(self, exchange_of: Callable[[Dialect], Exchange[T]]) -> tuple[T, int]:
        """The answer to a request, and how many prompt tokens the server computed for it.

        Raises:
            RefusedRequestError: If the server will not answer it.
            EngineError: If every attempt failed; the message has the last reason.
        """
        retrying = AsyncRetrying(
            stop=stop_after_attempt(self._attempts),
            wait=wait_random_exponential(multiplier=0.1, max=10.0),
            retry=retry_if_exception_type(TransientError),
            reraise=True,
        )
        async with self._slots:
            try:
                return await retrying(self._attempt, exchange_of)
            except TransientError as error:
                msg = f"A request failed {self._attempts} times, the last time so: {error}"
                raise EngineError(msg) from error

    async def _attempt(self, exchange_of: Callable[[Dialect], Exchange[T]]) -> tuple[T, int]:
        async with self.replicas.next() as replica:
            began = asyncio.get_running_loop().time()
            try:
                exchange = exchange_of(await self._admit(replica))
                answer = await post(replica.client, exchange.path, exchange.body)
                told = exchange.read(answer), exchange.cost(answer)
            except TransientError as error:
                if not error.is_busy:
                    replica.failed(began=began)
                if error.retry_after is not None:
                    replica.rest(error.retry_after)
                raise
            except (MissingLogprobsError, OtherTokensError, TruncatedPromptError) as error:
                msg = f"{replica.url} cannot be trusted with this prompt: {error}."
                raise RefusedRequestError(msg, status=200) from error
            except AnswerError as error:
                replica.failed(began=began)
                msg = f"{replica.url} gave an answer that cannot be read: {error}"
                raise TransientError(msg) from error
            except RefusedRequestError:
                replica.answered()
                raise
            replica.answered()
            return told
