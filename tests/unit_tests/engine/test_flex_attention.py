"""FlexAttention with block masks by the ancestor test scores as SDPA does; eager on the CPU, not verified on a GPU."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.attention.flex_attention import create_mask, flex_attention

from langchain_consensus.engine.attention import MaskedAttention
from langchain_consensus.engine.block_table import BLOCK, BlockTable
from langchain_consensus.engine.choose_attention import fastest, worth_measuring
from langchain_consensus.engine.flex_attention import FlexAttention, block_mask
from langchain_consensus.engine.forest import Forest, TokenString
from langchain_consensus.engine.network import Network
from langchain_consensus.engine.plan import make_plan
from langchain_consensus.engine.scoring import score_strings
from langchain_consensus.engine.self_check import packing_error
from langchain_consensus.engine.sight import PackedLayout, Sight
from tests.unit_tests.engine.test_exactness import one_at_a_time, strings_like_a_call, worst
from tests.unit_tests.engine.tiny_models import tiny_model

pytestmark = pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")

MODELS = [
    "llama",
    "qwen2",
    "qwen2_some_layers_sliding",
    "gemma3_window_shorter_than_input",
    "mistral_sliding",
    "gpt2_absolute_positions",
    "gpt_neox",
]


def eager():
    return FlexAttention(kernel=flex_attention, least=0)


def flexed(model, strings, *, tokens, strategy):
    network, forest = Network(model), Forest.build(strings)
    network.attention = strategy
    with torch.inference_mode():
        return score_strings(network, forest, make_plan(forest, token_budget=tokens), strings, row_budget=64)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("tokens", [1000, 40])
def test_scores_equal_those_of_strings_alone_with_windows_and_grouped_queries(name, tokens):
    model, strings = tiny_model(name), strings_like_a_call(seed=1)
    calls = []

    def counted(*args, **kwargs):
        calls.append(kwargs["block_mask"].shape)
        return flex_attention(*args, **kwargs)

    strategy = FlexAttention(kernel=counted, least=0)
    assert worst(flexed(model, strings, tokens=tokens, strategy=strategy), one_at_a_time(model, strings)) < 1e-4
    assert len(calls) % 3 == 0  # every layer of every forward went through the kernel
    assert calls


def test_short_packs_and_tables_go_the_other_way():
    strings = strings_like_a_call(seed=2)

    def never(*args, **kwargs):
        raise AssertionError

    scores = flexed(tiny_model("llama"), strings, tokens=60, strategy=FlexAttention(kernel=never, least=61))
    assert worst(scores, one_at_a_time(tiny_model("llama"), strings)) < 1e-4


def test_a_stand_in_mask_that_reaches_another_attention_is_an_error_and_never_a_wrong_score(monkeypatch):
    monkeypatch.setattr("langchain_consensus.engine.flex_attention._FlexCall.__call__", lambda self, *a, **k: None)
    with pytest.raises(RuntimeError):
        flexed(tiny_model("llama"), strings_like_a_call(seed=1), tokens=64, strategy=eager())


_branch = st.integers(1, 5)


@st.composite
def _packs(draw):
    """(layout, positions, key positions) of a random tree over a random trunk."""
    base = draw(st.integers(0, 9))
    strings = [
        TokenString(prefix=tuple(draw(st.lists(st.integers(0, 1), min_size=1, max_size=7))), continuation=(1, 1))
        for _ in range(draw(st.integers(1, 6)))
    ]
    forest = Forest.build(strings)
    (step,) = make_plan(forest, token_budget=len(forest)).steps
    layout = PackedLayout.of(step, forest)
    layout = PackedLayout(base=base, keep=layout.keep, groups=layout.groups, entry=layout.entry, exit=layout.exit)
    positions = base + forest.depth[step.nodes]
    return layout, positions, np.concatenate([np.arange(base), positions])


@settings(max_examples=150, deadline=None)
@given(_packs(), st.integers(1, 5), st.sampled_from([None, 1, 3, 6]))
def test_no_block_that_is_seen_is_skipped_and_none_that_is_called_full_hides_a_pair(pack, size, window):
    layout, positions, key_positions = pack
    sight = Sight(
        visible=layout, positions=positions[None], key_positions=key_positions[None], windows={"kind": window}
    )
    seen = sight.table("kind")[0]
    table = BlockTable.of(layout, positions=positions, key_positions=key_positions, window=window, size=size)
    assert not (table.partial & table.full).any()
    for row, column in itertools.product(*map(range, table.full.shape)):
        block = seen[row * size : (row + 1) * size, column * size : (column + 1) * size]
        assert table.partial[row, column] or table.full[row, column] or not block.any()
        assert not table.full[row, column] or (block.all() and block.shape == (size, size))


@pytest.mark.parametrize("window", [None, 50])
def test_the_block_mask_of_a_long_pack_states_the_rule_and_skips_other_branches(window):
    stem = tuple(range(100))
    strings = [TokenString(prefix=(*stem, 200 + k), continuation=(k,) * 70) for k in range(12)]
    forest = Forest.build(strings)
    (step,) = make_plan(forest, token_budget=10**6).steps
    layout = PackedLayout.of(step, forest)
    positions = forest.depth[step.nodes][None]
    sight = Sight(visible=layout, positions=positions, key_positions=positions, windows={"kind": window})
    mask = block_mask(sight, "kind", device=torch.device("cpu"))
    rule = create_mask(mask.mask_mod, 1, 1, layout.length, layout.length, device="cpu")[0, 0].numpy()
    assert np.array_equal(rule, sight.table("kind")[0])
    listed = mask.to_dense()[0, 0].numpy().astype(bool)
    blocks = -(-layout.length // BLOCK)
    needed = np.zeros((blocks, blocks), dtype=bool)
    for row, column in zip(*np.nonzero(rule), strict=True):
        needed[row // BLOCK, column // BLOCK] = True
    assert (listed >= needed).all()
    assert listed.sum() < 0.75 * blocks * (blocks + 1) / 2  # causal attention would compute all of the latter


class Ticking:
    """A clock that runs faster or slower with the attention that is in use."""

    def __init__(self, network, speeds):
        self.network, self.speeds, self.now = network, speeds, 0.0

    def __call__(self):
        self.now += self.speeds[self.network.attention.name]
        return self.now


@pytest.mark.parametrize(("speeds", "chosen"), [({"sdpa": 2, "flex": 1}, "flex"), ({"sdpa": 1, "flex": 2}, "sdpa")])
def test_the_faster_attention_is_taken_and_the_network_left_as_it_was(speeds, chosen):
    network = Network(tiny_model("llama"))
    before = network.attention
    with torch.inference_mode():
        found = fastest(network, [before, eager()], token_budget=128, clock=Ticking(network, speeds))
    assert found.name == chosen
    assert network.attention is before


def test_an_attention_that_fails_or_scores_wrongly_is_not_taken_however_fast():
    network = Network(tiny_model("llama"))

    def broken(*args, **kwargs):
        raise RuntimeError

    def wrong(query, key, value, **kwargs):
        return torch.zeros_like(query)

    for kernel in (broken, wrong):
        strategy = FlexAttention(kernel=kernel, least=0)
        with torch.inference_mode():
            clock = Ticking(network, {"sdpa": 2, "flex": 1})
            found = fastest(network, [network.attention, strategy], token_budget=128, clock=clock)
        assert isinstance(found, MaskedAttention)


def test_on_the_cpu_nothing_is_measured():
    assert not worth_measuring(Network(tiny_model("llama")), token_budget=10**6)


@pytest.mark.parametrize("name", MODELS)
def test_the_self_check_holds_for_it(name):
    network = Network(tiny_model(name))
    network.attention = eager()
    with torch.inference_mode():
        assert packing_error(network) < 1e-4
