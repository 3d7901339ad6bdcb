"""The forest holds every distinct prefix once; the plan computes every node once, within the budget."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_consensus.engine.forest import Forest, TokenString
from langchain_consensus.engine.plan import Plan, make_plan

_tokens = st.lists(st.integers(0, 2), max_size=24)


@st.composite
def _strings(draw: st.DrawFn) -> list[TokenString]:
    """Strings over three tokens that share stems, so that tries branch at many depths."""
    stems = draw(st.lists(_tokens, min_size=1, max_size=3))
    strings = []
    for _ in range(draw(st.integers(1, 10))):
        prefix = [*draw(st.sampled_from(stems)), *draw(st.lists(st.integers(0, 2), min_size=1, max_size=6))]
        continuation = draw(st.lists(st.integers(0, 2), min_size=1, max_size=5))
        strings.append(TokenString(prefix=tuple(prefix), continuation=tuple(continuation)))
    return strings


def _full(string: TokenString) -> tuple[int, ...]:
    return (*string.prefix, *string.continuation)


@settings(max_examples=80, deadline=None)
@given(_strings())
def test_the_forest_has_one_node_for_each_distinct_prefix_that_is_read(strings):
    forest = Forest.build(strings)
    prefixes = {_full(s)[:length] for s in strings for length in range(1, len(_full(s)))}
    assert len(forest) == len(prefixes)
    assert {tuple(forest.tokens[forest.path(node)].tolist()) for node in range(len(forest))} == prefixes


@settings(max_examples=80, deadline=None)
@given(_strings())
def test_every_row_is_the_node_before_the_token_that_it_predicts(strings):
    forest = Forest.build(strings)
    for string, rows in zip(strings, forest.rows, strict=True):
        assert len(rows) == len(string.continuation)
        for place, node in enumerate(rows):
            read = _full(string)[: len(string.prefix) + place]
            assert tuple(forest.tokens[forest.path(int(node))].tolist()) == read


@settings(max_examples=80, deadline=None)
@given(_strings())
def test_ancestry_is_the_subtree_range(strings):
    forest = Forest.build(strings)
    for node in range(len(forest)):
        ancestors = [a for a in range(len(forest)) if a <= node < forest.subtree_end[a]]
        assert ancestors == forest.path(node).tolist()


@settings(max_examples=120, deadline=None)
@given(_strings(), st.sampled_from([1, 2, 3, 7, 16, 50]))
def test_a_plan_computes_every_node_once_and_shows_each_its_ancestors(strings, budget):
    forest = Forest.build(strings)
    plan = make_plan(forest, token_budget=budget)
    _replay(forest, plan, budget)
    assert plan.computed_tokens == len(forest)
    assert plan.head_rows == len({int(node) for rows in forest.rows for node in rows})


@settings(max_examples=100, deadline=None)
@given(_strings(), st.sampled_from([1, 3, 16]), st.data())
def test_what_is_restored_is_not_computed_and_all_else_is_computed_once(strings, budget, data):
    forest = Forest.build(strings)
    first_row = min(int(node) for rows in forest.rows for node in rows)
    chain = 1
    while chain < len(forest) and forest.subtree_end[chain] == forest.subtree_end[0]:
        chain += 1
    if min(chain, first_row) < 1 or forest.subtree_end[0] <= chain:
        return
    length = data.draw(st.integers(1, min(chain, first_row)))
    plan = make_plan(forest, token_budget=budget, restored={0: length})
    computed = sorted(int(node) for step in plan.steps for node in step.nodes)
    assert computed == list(range(length, len(forest)))
    assert plan.computed_tokens == len(forest) - length
    (start,) = (step for step in plan.steps if step.restored == 0)
    assert start.base == length


def _replay(forest: Forest, plan: Plan, budget: int) -> None:
    """Follows the plan as the executor does, with sets in place of tensors."""
    trunk: list[int] = []
    computed: list[int] = []
    for step in plan.steps:
        nodes = step.nodes.tolist()
        assert 0 < len(nodes) <= budget
        assert step.base <= len(trunk)
        trunk = trunk[: step.base]
        for place, node in enumerate(nodes[: step.keep]):
            assert forest.path(node).tolist() == trunk + nodes[: place + 1]
        seen_by_all = trunk + nodes[: step.keep]
        bounds = [*step.blocks, len(nodes)]
        assert bounds[0] == step.keep
        for start, end in itertools.pairwise(bounds):
            block = set(nodes[start:end])
            for node in nodes[start:end]:
                path = forest.path(node).tolist()
                assert path[: len(seen_by_all)] == seen_by_all
                assert set(path[len(seen_by_all) :]) <= block
        computed += nodes
        trunk = seen_by_all
    assert sorted(computed) == list(range(len(forest)))


def test_a_header_that_many_share_is_computed_once_and_kept():
    header = tuple(range(100, 140))
    strings = [TokenString(prefix=(*header, q), continuation=(q + 1, q + 2)) for q in range(30)]
    forest = Forest.build(strings)
    plan = make_plan(forest, token_budget=32)
    # 40 header tokens, then for each of 30 questions its own token and the first of its two answer tokens.
    assert plan.computed_tokens == 40 + 30 * 2
    assert sum(step.keep for step in plan.steps) == 40
    assert len(plan.steps) == 4  # 32 header tokens; 8 more and 12 questions; 16 questions; 2 questions


def test_small_questions_share_a_forward():
    strings = [TokenString(prefix=(q, 1, 2), continuation=(3,)) for q in range(10)]
    plan = make_plan(Forest.build(strings), token_budget=15)
    assert [len(step.nodes) for step in plan.steps] == [15, 15]


def test_a_forward_is_filled_with_later_subtrees_that_still_fit():
    lengths = [9, 9, 9, 6, 6, 6]  # in the order given: 9 | 9 | 9+6 | 6+6 with a budget of 15
    strings = [TokenString(prefix=(q,) * n, continuation=(1,)) for q, n in enumerate(lengths, start=10)]
    plan = make_plan(Forest.build(strings), token_budget=15)
    assert [len(step.nodes) for step in plan.steps] == [15, 15, 15]


def test_subtrees_before_and_after_a_long_one_share_a_forward():
    long = [TokenString(prefix=(11, 50 + i) + (1,) * 6, continuation=(1,)) for i in range(4)]
    short = [TokenString(prefix=(q,) * 7, continuation=(1,)) for q in (10, 12)]
    plan = make_plan(Forest.build([short[0], *long, short[1]]), token_budget=15)
    assert [len(step.nodes) for step in plan.steps] == [14, 15, 14]
