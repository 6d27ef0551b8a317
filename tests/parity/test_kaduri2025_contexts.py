"""kaduri2025, Table 1 on a random model: every method asks what it says, and pruning takes tokens out."""

import numpy as np
import pytest
import torch
from PIL import Image

from sightline.instruments.clean_run import CleanRun
from sightline.instruments.compress import look
from sightline.instruments.replay import replay
from sightline.scenes.yes_no import YesNoQuestion
from sightline.studies.judging.chat import RecordedChat
from sightline.studies.kaduri2025.protocol import Protocol
from sightline.studies.kaduri2025.reprompt.measure import (
    OtherReader,
    OwnText,
    Reprompting,
    measure_all,
)
from sightline.studies.kaduri2025.reprompt.methods import methods
from sightline.studies.kaduri2025.reprompt.prune import measure_all as measure_pruning
from sightline.studies.kaduri2025.reprompt.prune import prune, prune_to
from sightline.studies.kaduri2025.reprompt.questions import Asked
from sightline.studies.kaduri2025.reprompt.settings import Settings

CLOSE = {"rtol": 1e-4, "atol": 1e-4}
QUESTIONS = ("Is there a cat in this image?", "Is there a red dog in this image?")
SETTINGS = Settings((50, 25), "{description} {question}", 3, 0.85, 2, (50, 25), 1)


@pytest.fixture(scope="module")
def protocol():
    return Protocol.parse(
        {
            "seed": 0, "images": {"split": "val2017", "count": 1}, "question": "Describe this image.",
            "second_question": "What is it?", "max_new_tokens": 4, "middle": {"first": 0.25, "last": 0.5},
            "knockout": {"points": 4, "window_step": 1}, "top_shares": [5], "random_draws": 1,
            "bootstrap": 100, "judge": {"kind": "vocabulary"},
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """One picture in both sets, and one in the second alone."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(1)
    found = {}
    for number, sets in enumerate((("mme", "pope"), ("pope",))):
        path = folder / f"{number}.png"
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(path)
        found[f"{number:016x}"] = [
            Asked(name, YesNoQuestion("existence", path, question, answer))
            for name in sets
            for question, answer in zip(QUESTIONS, ("yes", "no"), strict=True)
        ]
    return found


def test_every_method_answers_as_it_says(tiny_llava, protocol, pictures):
    """Each answer is that of the same context made by hand; controls leave the further set out."""
    experiment = Reprompting(tiny_llava, protocol, SETTINGS, OwnText(tiny_llava, 3))
    frame = measure_all(pictures, experiment)
    picture, asked = next(iter(pictures.items()))
    seen = look(tiny_llava, asked[0].one.picture(), protocol.question, 4)
    told = [f"{seen.description} {question}" for question in QUESTIONS]
    tokens = tiny_llava.encode_images([asked[0].one.picture()])
    expected = {
        "full access": [tiny_llava.generate(tiny_llava.prompt(q), tokens, 3)[0] for q in QUESTIONS],
        "description": [
            tiny_llava.generate(tiny_llava.prompt(q, image=False), None, 3)[0] for q in told
        ],
        "no image": [
            tiny_llava.generate(tiny_llava.prompt(q, image=False), None, 3)[0] for q in QUESTIONS
        ],
        "query": seen.compress(keep="query").answers(QUESTIONS, 3),
        "query + top 50 %": seen.compress(0.5).answers(QUESTIONS, 3),
        "top 25 %": seen.compress(0.25, "image").answers(QUESTIONS, 3),
        "query + all": seen.compress(1.0).answers(QUESTIONS, 3),
    }
    here = frame[(frame["picture"] == picture) & (frame["set"] == "mme")]
    assert list(here["method"].unique()) == [one.name for one in methods(SETTINGS.shares)]
    for name, texts in expected.items():
        assert here[here["method"] == name]["answer"].tolist() == texts
    sizes = here.groupby("method")["context_tokens"].first()
    text = len(seen.prompt) - 16
    assert sizes[["query", "query + top 50 %", "query + random 50 %", "top 25 %"]].tolist() == [
        text, text + 8, text + 8, 4,
    ]  # fmt: skip
    assert sizes["full access"] == int(seen.prompt.roles.image[-1]) + 1
    further = set(frame.loc[frame["set"] == "pope", "method"])
    assert further == {one.name for one in methods(SETTINGS.shares) if one.in_table}


def test_another_reader_gets_the_description(tiny_llava, protocol, pictures, tmp_path):
    class Told:
        name = "told"

        def __init__(self):
            self.messages = []

        def ask(self, message, seed):
            self.messages.append(message)
            return "Yes."

    told = Told()
    reader = OtherReader(RecordedChat("told", tmp_path / "answers.jsonl", told))
    picture = list(pictures)[:1]
    frame = measure_all(
        {one: pictures[one] for one in picture}, Reprompting(tiny_llava, protocol, SETTINGS, reader)
    )
    rows = frame[frame["method"] == "description"]
    assert set(rows["said"]) == {"yes"} and len(told.messages) == 2
    assert told.messages[0].endswith(QUESTIONS[0])


def test_pruned_tokens_are_gone_behind_the_first_blocks(vlm, images):
    """As a forward pass in which, from block 2 on, no row but their own sees the pruned tokens."""
    tokens, prompt = vlm.encode_images(images[:1])[0], vlm.prompt(QUESTIONS[0])
    clean = CleanRun(vlm, prompt, tokens)
    kept, blocks = torch.tensor([9, 2, 5, 14]), len(clean.blocks)
    found = replay(clean, [prune_to(prompt, blocks, 2, kept)])[0]
    left = set(prompt.roles.image[kept.numpy()].tolist())
    pruned = [int(one) for one in prompt.roles.image if one not in left]
    rest = [one for one in range(len(prompt)) if one not in pruned]
    places = vlm.adapter.position_ids(vlm.model, prompt)

    def give(mask):
        return lambda module, args, kwargs: (args, kwargs | {"attention_mask": mask})

    handles = []
    for number, block in enumerate(clean.blocks):
        allowed = torch.ones(len(prompt), len(prompt)).tril().bool()
        if number >= 2:
            allowed[np.ix_(rest, pruned)] = False
        mask = torch.zeros(1, 1, *allowed.shape).masked_fill(~allowed, -torch.inf)
        handles.append(block.register_forward_pre_hook(give(mask), with_kwargs=True))
    try:
        with torch.no_grad():
            expected = vlm.model(
                inputs_embeds=vlm.embed(prompt, tokens[None]),
                position_ids=places if len(places) == 1 else places[:, None],
            ).logits[0, -1]
    finally:
        for handle in handles:
            handle.remove()
    torch.testing.assert_close(found, expected, **CLOSE)
    assert (found - clean.logits).abs().max() > 1e-3


def test_pruning_keeps_what_the_last_position_looks_at(vlm, images):
    """The choice is that of attention in the last of the first blocks, by the question's own last position."""
    from sightline.instruments.reading import Reading
    from sightline.instruments.states import capture

    tokens, prompt = vlm.encode_images(images[:1])[0], vlm.prompt(QUESTIONS[0])
    clean = CleanRun(vlm, prompt, tokens)
    [cut] = prune(clean, 2, 0.25).interventions
    reading = Reading(rows=(), layers=(), queries="last", keys="image", blocks=[1])
    scores = capture(vlm, [prompt], tokens[None], reading).attention[0, 0, 0]
    best = set(prompt.roles.image[scores.topk(4).indices.numpy()].tolist())
    assert set(prompt.roles.image.tolist()) - set(cut.keys) == best
    assert cut.layers == tuple(range(2, len(clean.blocks)))


def test_pruning_everywhere_and_nowhere(tiny_llava, pictures):
    frame = measure_pruning(tiny_llava, SETTINGS, pictures)
    assert set(frame["method"]) == {"pruned 50 %", "pruned 25 %"} and set(frame["set"]) == {"mme"}
    assert len(frame) == 4
