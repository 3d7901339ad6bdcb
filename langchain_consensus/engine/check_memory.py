"""What the load-time checks found for a model, kept in the user's cache folder, so that they run once.

One small file a result, named by a digest of everything that could change it; it arrives in one rename, so that no
process reads half of one. A folder that cannot be written only means that checks run again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import uuid
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["CheckMemory", "CheckResult"]

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckResult:
    """How a model is run.

    Attributes:
        error: Largest difference between packed and single log-probabilities that the self-check saw, in nats.
        attention: Name of the attention strategy that was taken.
    """

    error: float
    attention: str


class CheckMemory:
    """Results by what they depend on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def recall(self, *parts: str) -> CheckResult | None:
        """What was remembered for exactly these `parts`; `None` if nothing, or nothing readable."""
        try:
            content = json.loads(self._path(parts).read_text("utf-8"))
            return CheckResult(error=float(content["error"]), attention=str(content["attention"]))
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None

    def remember(self, result: CheckResult, *parts: str) -> None:
        """Keeps a result for these `parts`."""
        path = self._path(parts)
        unfinished = path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}.tmp")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            unfinished.write_text(json.dumps({**asdict(result), "of": parts}, indent=1), "utf-8")
            unfinished.replace(path)
        except OSError as error:
            _logger.info("the result of the self-check could not be kept in %s: %s", self._folder, error)

    def _path(self, parts: tuple[str, ...]) -> Path:
        return self._folder / f"{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]}.json"
