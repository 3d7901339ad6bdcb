"""Batches of items go in, what each gives comes out, in their order: computed in this process, or in a Ray cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from langchain_consensus.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["Cluster", "Work", "cluster_of", "passed"]

ItemT = TypeVar("ItemT")
FoundT = TypeVar("FoundT")


@dataclass(frozen=True, kw_only=True, slots=True)
class Cluster:
    """A Ray cluster: `local` for one on this machine, or an address as `ray.init` takes it; and how many actors."""

    address: str
    actors: int | None = None


class Work(Protocol[ItemT, FoundT]):
    """What is done with the batches; it can be pickled where a cluster is to do it."""

    def begin(self) -> Callable[[Sequence[ItemT]], list[FoundT]]:
        """Loads the model, and gives the function for a batch."""
        ...

    def portable(self) -> Work[ItemT, FoundT]:
        """The same without what this process holds already."""
        ...


def cluster_of(address: str | None, actors: int | None) -> Cluster | None:
    """The cluster that the options `--ray` and `--ray-actors` mean, if one is meant.

    Raises:
        InvalidInputError: If they do not fit.
    """
    if address is None:
        if actors is not None:
            msg = "--ray-actors has no meaning without --ray; give --ray local, or a cluster's address."
            raise InvalidInputError(msg)
        return None
    if not address.strip() or (actors is not None and actors < 1):
        msg = (
            f"`ray` is {address!r} and `ray_actors` {actors!r}; they must be an address (or local, auto) and a whole "
            "number of at least 1."
        )
        raise InvalidInputError(msg)
    return Cluster(address=address, actors=actors)


def passed(
    work: Work[ItemT, FoundT], batches: Sequence[Sequence[ItemT]], cluster: Cluster | None
) -> Iterator[list[FoundT]]:
    """What the batches give, one after the other; each is there as soon as those before it are."""
    if cluster is not None:
        from langchain_consensus.cli.ray_pass import in_cluster

        yield from in_cluster(work.portable(), batches, cluster)
        return
    each = work.begin()
    for batch in batches:
        yield each(batch)
