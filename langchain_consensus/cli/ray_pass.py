"""Batches over a Ray cluster: Ray Data hands them to actors, each of which holds one engine, and brings them in order.

Ray restarts an actor that died and gives its batches to another; nothing is scheduled here. What travels is pickled:
the work once, items and results of a batch at a time.
"""

from __future__ import annotations

import logging
import os
import pickle
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from langchain_consensus.dependencies import require
from langchain_consensus.errors import ConsensusError, EngineError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from langchain_consensus.cli.passes import Cluster, Work

__all__ = ["in_cluster"]

ItemT = TypeVar("ItemT")
FoundT = TypeVar("FoundT")

_MOST_BLOCKS = 2000
"""Blocks that Ray is given at most; what an actor loses when it dies is its block."""


def in_cluster(
    work: Work[ItemT, FoundT], batches: Sequence[Sequence[ItemT]], cluster: Cluster
) -> Iterator[list[FoundT]]:
    """What the batches give, in their order, each as soon as it and those before it are there.

    Raises:
        MissingDependencyError: If the extra `ray` is not installed.
        InvalidInputError: If an engine cannot be made, or does not fit the work.
        EngineError: If the cluster cannot be reached, or a batch was lost for good.
    """
    require("ray", "ray", "pyarrow")
    if not batches:
        return
    import ray
    import ray.data

    logging.getLogger("ray").setLevel(logging.ERROR)  # its notices of every start are no messages of this program
    with _connected(ray, cluster):
        rows = [{"number": number, "batch": pickle.dumps(list(batch))} for number, batch in enumerate(batches)]
        context = ray.data.DataContext.get_current()
        context.execution_options.preserve_order = True
        context.enable_progress_bars = False
        actors, resources = _shares(ray, cluster)
        found = ray.data.from_items(rows, override_num_blocks=min(len(rows), _MOST_BLOCKS)).map_batches(
            _Actor,
            fn_constructor_args=(pickle.dumps(work),),
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=actors),
            **resources,
        )
        try:
            for number, row in enumerate(found.iter_rows()):
                if row["number"] != number:
                    msg = f"The cluster returned batch {row['number']} in place of batch {number}; run it again."
                    raise EngineError(msg)
                yield _opened(row["found"])
        except ray.exceptions.RayError as error:
            msg = f"The cluster lost a batch for good ({str(error).strip().splitlines()[-1][:200]}); run it again."
            raise EngineError(msg) from error


class _Actor:
    """One engine, made at the first batch."""

    def __init__(self, work: bytes) -> None:
        self._work: Work[Any, Any] = pickle.loads(work)  # noqa: S301 - from our own process
        self._each: Any = None

    def __call__(self, rows: dict[str, Any]) -> dict[str, Any]:
        """The pickled results of each row's batch."""
        found = np.empty(len(rows["batch"]), dtype=object)
        for place, batch in enumerate(rows["batch"]):
            found[place] = pickle.dumps(self._done(pickle.loads(batch)))  # noqa: S301 - as above
        return {"number": rows["number"], "found": found}

    def _done(self, batch: list[Any]) -> tuple[str, Any]:
        try:
            self._each = self._each or self._work.begin()
            return "found", self._each(batch)
        except (InvalidInputError, ConsensusError) as error:
            # Ray would try it again; what is wrong is wrong on every actor.
            return "invalid" if isinstance(error, InvalidInputError) else "failed", str(error)


def _opened(found: bytes) -> list[Any]:
    kind, value = pickle.loads(found)  # noqa: S301 - from our own actors
    if kind == "found":
        return list(value)
    raise (InvalidInputError if kind == "invalid" else EngineError)(value)


def _shares(ray: Any, cluster: Cluster) -> tuple[int, dict[str, float]]:
    """How many actors there are, and what each has: a GPU where there are any, else its part of the CPUs."""
    there = ray.cluster_resources()
    gpus, cpus = int(there.get("GPU", 0)), int(there.get("CPU", 1))
    nodes = sum(node["Alive"] for node in ray.nodes())
    actors = cluster.actors or gpus or nodes
    if gpus:
        return actors, {"num_gpus": 1, "num_cpus": 1}
    return actors, {"num_cpus": max(cpus // actors, 1)}


@contextmanager
def _connected(ray: Any, cluster: Cluster) -> Iterator[None]:
    """A connection, ended afterwards; a local cluster ends with it."""
    if ray.is_initialized():
        yield
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    local: dict[str, Any] = {}
    if cluster.address == "local":
        cpus = max(os.cpu_count() or 1, cluster.actors or 1)
        local = {"num_cpus": cpus, "include_dashboard": False}
    try:
        ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR", **local)
    except (ConnectionError, ValueError, RuntimeError) as error:
        msg = f"`ray` is {cluster.address!r}, and no cluster can be reached there: {error}"
        raise EngineError(msg) from error
    try:
        yield
    finally:
        ray.shutdown()
