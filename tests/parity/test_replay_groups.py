"""How conditions are grouped changes no result: budgets, full devices, shared rows, half precision."""

import logging
from dataclasses import replace

import pytest
import torch

from by_hand import ByHand
from sightline.instruments import branches, decoding, row_attention
from sightline.instruments.branches import Branches
from sightline.instruments.clean_run import ReplayError
from sightline.instruments.intervene import intervene
from sightline.instruments.interventions import (
    Condition,
    InterventionError,
    Knockout,
    ReplaceTokens,
    Rescale,
)
from sightline.instruments.replay import CleanRun, replay, replay_decoding, replay_prompts
from sightline.instruments.row_attention import branch_attention
from sightline.models.loading import load_vlm
from sightline.models.registry import ModelSource

QUESTION = "Is there a cat in this image?"
CONDITIONS = [
    Condition("none"),
    Condition("early", Knockout("last_image_row", "image", (0, 1))),
    Condition("up to 2", Knockout("last_image_row", "image", (0, 1, 2))),
    Condition("all", Knockout("last_image_row", "image", "all")),
    Condition("last", Knockout("last", "image", (2,))),
    Condition("generated", Knockout("generated", "image", "all")),
    Condition("first tokens", ReplaceTokens((0, 1), "zeros")),
    Condition("late tokens", ReplaceTokens((14,), "mean")),
    Condition("heads", Rescale("query", "image", (1,), 0.1, heads=(0,))),
]


@pytest.fixture(scope="module")
def clean(tiny_llava, images):
    return CleanRun(tiny_llava, tiny_llava.prompt(QUESTION), tiny_llava.encode_images(images)[0])


@pytest.fixture(scope="module")
def logits(clean):
    return replay(clean, CONDITIONS)


@pytest.fixture(scope="module")
def answers(clean):
    return [one.tokens for one in replay_decoding(clean, CONDITIONS, 8)]


@pytest.fixture
def rows_run(clean):
    """Rows that go through the blocks, a number for each call."""
    rows = []
    hooks = [
        block.register_forward_pre_hook(lambda _, args: rows.append(args[0].shape[1]))
        for block in clean.blocks
    ]
    yield rows
    for hook in hooks:
        hook.remove()


@pytest.mark.parametrize("budget", [1, 200_000])
def test_the_budget_splits_and_says_so(clean, logits, answers, caplog, budget):
    """One at a time, or a few: the same logits and answers."""
    with caplog.at_level(logging.INFO, "sightline"):
        found = replay(clean, CONDITIONS, budget=budget)
    assert "groups: together they need" in caplog.text
    torch.testing.assert_close(found, logits, rtol=1e-4, atol=1e-4)
    decoded = replay_decoding(clean, CONDITIONS, 8, budget=budget)
    assert [one.tokens for one in decoded] == answers


def test_a_full_device_halves_the_group(clean, logits, caplog, monkeypatch):
    """Out of memory with more than two conditions: four groups later all are done, in order."""
    sizes, run = [], Branches.run

    def fails_when_large(self, *args, **kwargs):
        sizes.append(len(self.edges))
        if len(self.edges) > 2:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return run(self, *args, **kwargs)

    monkeypatch.setattr(Branches, "run", fails_when_large)
    torch.testing.assert_close(replay(clean, CONDITIONS), logits, rtol=1e-4, atol=1e-4)
    assert sizes == [9, 4, 2, 2, 5, 2, 3, 1, 2]
    assert "out of memory with 9 conditions: going on with 4" in caplog.text


def test_a_device_too_small_for_one_condition_is_named(clean, monkeypatch):
    def fails(self, *args, **kwargs):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Branches, "run", fails)
    with pytest.raises(ReplayError, match=r"condition 'none': not even one condition fits"):
        replay(clean, CONDITIONS)


def test_order_and_company_change_nothing(clean, logits):
    torch.testing.assert_close(
        replay(clean, CONDITIONS[::-1]), logits.flip(0), rtol=1e-4, atol=1e-4
    )
    alone = torch.cat([replay(clean, [one]) for one in CONDITIONS])
    torch.testing.assert_close(alone, logits, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("at_once", [1, 3, 128])
def test_the_fused_kernel_gives_the_same(clean, logits, answers, monkeypatch, at_once):
    """Branches with many rows go through another kernel, some rows at a time."""
    monkeypatch.setattr(row_attention, "ROWS_FOR_FUSED", 1)
    monkeypatch.setattr(row_attention, "_ROWS_AT_ONCE", at_once)
    torch.testing.assert_close(replay(clean, CONDITIONS), logits, rtol=1e-4, atol=1e-4)
    assert [one.tokens for one in replay_decoding(clean, CONDITIONS, 8)] == answers


@pytest.mark.parametrize("rows", [1, 20])
def test_rows_go_through_blocks_piece_by_piece(clean, logits, answers, monkeypatch, rows):
    """How many rows a block is given at a time changes nothing, in prompts that share an image either."""
    several = replay_prompts(clean, CONDITIONS, [clean.prompt], 8)
    monkeypatch.setattr(branches, "_ROWS_IN_PIECE", rows)
    torch.testing.assert_close(replay(clean, CONDITIONS), logits, rtol=1e-4, atol=1e-4)
    assert [one.tokens for one in replay_decoding(clean, CONDITIONS, 8)] == answers
    found = replay_prompts(clean, CONDITIONS, [clean.prompt], 8)
    assert [one.tokens for one in found[0]] == [one.tokens for one in several[0]] == answers


@pytest.mark.parametrize("padding", [0, 1.25, 1000])
@pytest.mark.parametrize("left", [0, 0.75, 1])
def test_answers_attend_apart_or_padded(clean, answers, monkeypatch, padding, left):
    """Whether branches with other own keys attend together, and when finished answers leave, changes nothing."""
    config = clean.vlm.model.generation_config
    ends = [*config.eos_token_id, answers[0][2], answers[-1][4]]
    monkeypatch.setattr(config, "eos_token_id", ends)
    wanted = [cut_behind(one, ends) for one in answers]
    assert len({len(one) for one in wanted}) > 2
    monkeypatch.setattr(decoding, "PADDING", padding)
    monkeypatch.setattr(decoding, "LEFT", left)
    together, groups = decoding._together, []

    def noted(own):
        groups.append(list(together(own)))
        return groups[-1]

    monkeypatch.setattr(decoding, "_together", noted)
    assert [one.tokens for one in replay_decoding(clean, CONDITIONS, 8)] == wanted
    assert [one.tokens for one in replay_decoding(clean, CONDITIONS[::-1], 8)] == wanted[::-1]
    counts = {len(one) for one in groups}
    assert counts == {1} if padding == 1000 else max(counts) > 1


def test_company_hardly_matters_in_half_precision(tiny_llava_folder, images, monkeypatch):
    """Which keys are shared depends on who else is asked; attention is rounded once all the same."""
    vlm = load_vlm(ModelSource("half", str(tiny_llava_folder), device="cpu", dtype="bfloat16"))
    clean = CleanRun(vlm, vlm.prompt(QUESTION), vlm.encode_images(images[:1])[0])
    found = []
    for padding in (0, 1000):
        monkeypatch.setattr(decoding, "PADDING", padding)
        found.append(replay_decoding(clean, CONDITIONS, 8, keep_logits=True))
    for apart, padded in zip(*found, strict=True):
        assert apart.tokens == padded.tokens
        error = (apart.steps - padded.steps).abs().max() / apart.steps.abs().max()
        assert error < 5e-3, apart.name


def cut_behind(answer, ends):
    """The answer up to its first end, which belongs to it."""
    stop = next((number for number, token in enumerate(answer) if token in ends), len(answer))
    return answer[: stop + 1]


def test_knockouts_are_one_until_one_of_them_ends(clean, rows_run):
    """Three that begin alike: four rows at first, and no branch of their own before they part."""
    replay(clean, CONDITIONS[1:4])
    query = len(clean.prompt.roles.query)
    assert rows_run == [4, 4 + query, 2 * (4 + query), 3 * (4 + query)]


def test_unchanged_rows_are_not_run(clean, rows_run):
    replay(clean, CONDITIONS[4:6])
    assert rows_run == [1, 1]


def test_prompts_of_one_image_run_its_rows_once(clean, rows_run):
    """Each prompt costs its own question, clean and under the condition; the image costs once."""
    prompts = [clean.vlm.prompt(question) for question in ("What is on the car?", "A cat?")]
    replay_prompts(clean, CONDITIONS[6:7], prompts)
    first, second = (len(prompt.roles.query) for prompt in prompts)
    runs = [first] * 4, [second] * 4, [16] * 4, [first] * 4, [second] * 4
    assert rows_run == [rows for run in runs for rows in run]


def test_prompts_with_another_beginning_are_refused(clean):
    other = replace(clean.prompt, input_ids=clean.prompt.input_ids.flip(0))
    with pytest.raises(ReplayError, match="differ before the end of the image"):
        replay_prompts(clean, CONDITIONS[:1], [clean.prompt, other])


def test_conditions_need_names_of_their_own(clean):
    with pytest.raises(ReplayError, match="two conditions are called"):
        replay(clean, [CONDITIONS[0], Condition("none", CONDITIONS[1].interventions)])
    with pytest.raises(ReplayError, match="at least one"):
        replay(clean, [])


@pytest.mark.parametrize("shape", [(1,), (3,), (5, None)])
def test_vectors_have_the_width_of_a_token(clean, shape):
    """Neither stretched over the width nor taken for those of another image."""
    width, condition = clean.residual[0].shape[-1], Condition("x", ReplaceTokens((1,), "given"))
    vectors = {"given": torch.zeros([width if side is None else side for side in shape])}
    with pytest.raises(InterventionError, match="vector 'given': shape"):
        replay(clean, [condition], vectors)
    with (
        pytest.raises(InterventionError, match="vector 'given': shape"),
        intervene(clean.vlm, condition, clean.prompt, vectors=vectors),
    ):
        clean.vlm.logits(clean.prompt, clean.image_tokens[None])


def test_a_vector_may_not_be_called_what_stands_for_the_images_own(clean):
    vector = torch.zeros(clean.residual[0].shape[-1])
    for name in ("mean", "zeros"):
        with pytest.raises(InterventionError, match=f"a vector is called '{name}'"):
            replay(clean, [Condition("x", ReplaceTokens((1, 2), name))], {name: vector})


def test_sliding_windows_are_refused_where_they_matter(clean, monkeypatch):
    """A window longer than the sequence changes nothing; a shorter one would."""
    config = clean.vlm.adapter.text_model(clean.vlm.model).config
    monkeypatch.setattr(config, "sliding_window", clean.length, raising=False)
    clean.check_window(clean.length)
    with pytest.raises(ReplayError, match="reaches back only"):
        replay_decoding(clean, CONDITIONS, 8)
    # The last token of an answer is not run.
    monkeypatch.setattr(config, "sliding_window", clean.length + 7)
    replay_decoding(clean, CONDITIONS, 8)


def test_scores_that_half_precision_cannot_hold(clean):
    """Before they are scaled they are eight times as large; fused kernels never have them in half precision."""
    torch.manual_seed(0)
    query, near = (200 * torch.rand(3, 4, 1, 64).half() for _ in range(2))
    far = tuple(200 * torch.rand(4, 5, 64).half() for _ in range(2))
    found = branch_attention(query, far, [(near, near)], None, 1 / 800)
    keys, values = (torch.cat([one.expand(3, -1, -1, -1), near], 2) for one in far)
    wanted = torch.nn.functional.scaled_dot_product_attention(query, keys, values, scale=1 / 800)
    assert (query.float() @ keys.float().transpose(2, 3)).max() > torch.finfo(torch.half).max
    torch.testing.assert_close(found, wanted.transpose(1, 2), rtol=2e-3, atol=0.1)


def test_half_precision(tiny_llava, tiny_llava_folder, images):
    """bfloat16: no further from full precision than plain transformers is.

    Greedy answers are the same up to where two tokens are as good as equally likely.
    """
    vlm = load_vlm(ModelSource("half", str(tiny_llava_folder), device="cpu", dtype="bfloat16"))
    assert vlm.dtype == torch.bfloat16
    prompt, tokens = vlm.prompt(QUESTION), tiny_llava.encode_images(images[:1])[0]
    clean = CleanRun(vlm, prompt, tokens)
    plain = ByHand(vlm.model, vlm, prompt, tokens)
    full = ByHand(tiny_llava.model, tiny_llava, prompt, tokens)
    logits, answers = (
        replay(clean, CONDITIONS),
        replay_decoding(clean, CONDITIONS, 6, keep_logits=True),
    )
    errors = []
    for condition, row, answer in zip(CONDITIONS, logits, answers, strict=True):
        exact, rounded = (one.logits(condition, {}) for one in (full, plain))
        errors.append([(one - exact).norm() / exact.norm() for one in (row, rounded)])
        for token, other, step in zip(
            answer.tokens, plain.generate(condition, {}, 6), answer.steps, strict=False
        ):
            if token != other:
                assert step[token] - step[other] <= 0.05 * step.abs().max(), condition.name
                break
    ours, theirs = torch.tensor(errors).mean(0)
    assert ours <= 1.25 * theirs < 0.1
