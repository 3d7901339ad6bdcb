"""An engine for the tests of rivals: it has one thing to say when asked for the correct answer, others when not."""

from langchain_consensus.engine import Sample, SampleResult, Usage
from tests.engines import RecordingEngine, text_of

ASKED, OTHER, OPEN = "What is the capital of Australia?", "What is two and two?", "Who is it?"
KNOWN = {
    ASKED: {"Canberra": 0.7, "Sydney": 0.2, "Perth": 0.1},
    OTHER: {"four": 0.3, "five": 0.6, "six": 0.1},
    OPEN: {"Ann": 0.5, "Bob": 0.5},
}


class TwoFaced(RecordingEngine):
    """Gives `right` when asked for the correct answer, and `wrong`, in turn, when asked for an incorrect one."""

    def __init__(self, *wrong, right=("Canberra",), beliefs=KNOWN, limits=None, finish="end"):
        super().__init__(beliefs)
        self._limits = limits or self._limits
        self.wrong, self.right, self.finish = wrong or ("Sydney", "Perth"), right, finish

    def sample(self, prompts, settings):
        self.sample_calls.append((tuple(prompts), settings))
        groups = []
        for prompt in prompts:
            said = self.wrong if is_incorrect(prompt) else self.right
            texts = [said[place % len(said)] for place in range(settings.first, settings.first + settings.n)]
            groups.append(tuple(self.one(text) for text in texts))
        return SampleResult(samples=tuple(groups), usage=Usage(sampled_tokens=10 * len(prompts), forwards=1))

    def one(self, text):
        """Not canonical, so that its log-probability is that of the table."""
        return Sample(text=text, tokens=2, logprob=-5.0, end_logprob=-0.5, finish=self.finish, canonical=False)

    @property
    def asked_for_rivals(self):
        return [call for call in self.sample_calls if is_incorrect(call[0][0])]


def is_incorrect(prompt):
    return "incorrect" in text_of(prompt).lower()
