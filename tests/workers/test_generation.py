"""The rollout engine gives what sampling token by token with the whole sequence gives, however it is organised."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import worker_support as support
from transformers import AutoModelForCausalLM, PreTrainedModel

from ragen_tsr.workers.rollout import attention
from ragen_tsr.workers.rollout.generation import Ending, Limits, Responses, generate, without_tricks
from ragen_tsr.workers.rollout.noise import CallKey
from ragen_tsr.workers.rollout.prefill import Prefixes, prefill
from ragen_tsr.workers.rollout.sampling import Sampling, draw, log_probabilities

LENGTH = 10
# several tokens end a response, so that a random model ends some within its length
ENDING = Ending(LENGTH, frozenset({support.END, 7, 11, 19, 23}), support.PAD)
KEY = CallKey(7, "train", 1, 0)


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> PreTrainedModel:
    attention.register()
    return AutoModelForCausalLM.from_pretrained(tiny_model, attn_implementation=attention.NAME).eval()


@pytest.fixture(scope="module")
def plain(tiny_model: Path) -> PreTrainedModel:
    return AutoModelForCausalLM.from_pretrained(tiny_model, attn_implementation="eager").eval()


def noise(rows: int) -> torch.Tensor:
    return torch.from_numpy(KEY.row_uniforms(range(rows), LENGTH))


def batch() -> list[tuple[int, ...]]:
    """Prompts of many lengths, some equal, some with a long common beginning."""
    rows = [tuple(row) for row in support.random_prompts(9)]
    beginning = tuple(support.random_prompts(1, seed=5, shortest=20, longest=20)[0])
    rows += [beginning + row for row in rows[:4]]
    return rows + [rows[0]] * 3 + [rows[9]] * 2


@torch.no_grad()
def reference(model: PreTrainedModel, prompt: tuple[int, ...], uniforms: torch.Tensor, sampling: Sampling) -> list[int]:
    """No cache, no batch: the whole sequence through the model for every token."""
    ids = list(prompt)
    for step in range(LENGTH):
        logits = model(input_ids=torch.tensor([ids])).logits[:, -1]
        token = int(draw(log_probabilities(logits, sampling), uniforms[step : step + 1], sampling))
        ids.append(token)
        if token in ENDING.stop_tokens:
            break
    return ids[len(prompt) :]


def rows_of(responses: Responses) -> list[list[int]]:
    return [row[:n].tolist() for row, n in zip(responses.tokens, responses.lengths, strict=True)]


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(),
        Sampling(temperature=0.7),
        Sampling(top_k=5),
        Sampling(top_p=0.6),
        Sampling(do_sample=False),
        Sampling(temperature=0.0),
    ],
    ids=str,
)
def test_equals_sampling_without_cache_and_batch(
    model: PreTrainedModel, plain: PreTrainedModel, sampling: Sampling
) -> None:
    prompts = batch()
    uniforms = noise(len(prompts))
    expected = [reference(plain, prompt, row, sampling) for prompt, row in zip(prompts, uniforms, strict=True)]
    assert rows_of(generate(model, prompts, uniforms, sampling, ENDING)) == expected
    # the batch has both kinds of ends, or this test would show little
    ended = [row[-1] in ENDING.stop_tokens for row in expected]
    assert any(ended) or sampling.greedy
    assert not all(ended)


@pytest.mark.parametrize(
    "limits",
    [
        without_tricks(Limits()),
        Limits(share_prompts=False),
        Limits(reuse_prefixes=False),
        Limits(rows=3),
        Limits(spread=0.0),
        Limits(spread=1.0),
        Limits(compact=1.0),
        Limits(compact=0.0),
        Limits(prefill_tokens=1),
    ],
    ids=str,
)
def test_organisation_changes_nothing(model: PreTrainedModel, limits: Limits) -> None:
    prompts = batch()
    uniforms = noise(len(prompts))
    expected = generate(model, prompts, uniforms, Sampling(), ENDING)
    actual = generate(model, prompts, uniforms, Sampling(), ENDING, limits)
    assert torch.equal(actual.tokens, expected.tokens)
    assert torch.equal(actual.lengths, expected.lengths)
    torch.testing.assert_close(actual.log_probs, expected.log_probs, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(actual.entropies, expected.entropies, atol=1e-5, rtol=1e-5)


def test_everything_is_made_on_the_models_device(model: PreTrainedModel) -> None:
    prompts = batch()
    uniforms = noise(len(prompts))
    prefixes = Prefixes()
    expected = generate(model, prompts, uniforms, Sampling(temperature=0.7), ENDING)
    with torch.device("meta"):  # what is made without naming a device has no values here, and mixes with nothing
        for _ in range(2):  # the second time with what the first one remembered
            actual = generate(model, prompts, uniforms, Sampling(temperature=0.7), ENDING, prefixes=prefixes)
    assert actual.tokens.device.type == "cpu"
    assert torch.equal(actual.tokens, expected.tokens)


def test_a_part_of_the_batch_gives_the_same_rows(model: PreTrainedModel) -> None:
    prompts = batch()
    uniforms = noise(len(prompts))
    whole = generate(model, prompts, uniforms, Sampling(), ENDING)
    for rows in ([0], [5, 2], list(range(4, len(prompts)))):
        part = generate(model, [prompts[row] for row in rows], uniforms[rows], Sampling(), ENDING)
        assert torch.equal(part.tokens, whole.tokens[rows])


def test_shared_prompts_have_exactly_equal_logits(model: PreTrainedModel) -> None:
    prompt = batch()[10]
    uniforms = noise(8)
    uniforms[:] = uniforms[0]  # equal noise: eight times the same response, from one prefill
    shared = generate(model, [prompt] * 8, uniforms, Sampling(), ENDING)
    alone = generate(model, [prompt], uniforms[:1], Sampling(), ENDING)
    assert torch.equal(shared.tokens, alone.tokens.expand(8, -1))
    assert torch.equal(shared.log_probs[:, 0], alone.log_probs[:, 0].expand(8))


def test_turns_reuse_the_turn_before(model: PreTrainedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    first = [tuple(row) for row in support.random_prompts(4, seed=3, shortest=30, longest=30)]
    prefixes, uniforms = Prefixes(), noise(4)
    answers = rows_of(generate(model, first, uniforms, Sampling(), ENDING, prefixes=prefixes))
    second = [prompt + tuple(answer) + (9, 8, 7) for prompt, answer in zip(first, answers, strict=True)]
    expected = generate(model, second, uniforms, Sampling(), ENDING)
    computed: list[int] = []
    forward = model.forward

    def counting(**inputs: Any) -> Any:
        computed.append(inputs["input_ids"].shape[1])
        return forward(**inputs)

    monkeypatch.setattr(model, "forward", counting)
    actual = generate(model, second, uniforms, Sampling(), ENDING, prefixes=prefixes)
    assert torch.equal(actual.tokens, expected.tokens)
    torch.testing.assert_close(actual.log_probs, expected.log_probs, atol=1e-5, rtol=1e-5)
    assert max(computed) <= LENGTH + 3
    # the model's weights would have to be the same: an empty memory computes everything again
    computed.clear()
    generate(model, second, uniforms, Sampling(), ENDING, prefixes=Prefixes())
    assert max(computed) > LENGTH + 3


def test_prefixes_keep_to_their_budget(model: PreTrainedModel) -> None:
    prompts = [tuple(row) for row in support.random_prompts(6, seed=4)]
    with torch.inference_mode():
        filled = [entry for entry, _ in prefill(model, prompts, Prefixes(), chunk_tokens=1)]
    one = filled[0].cache.nbytes
    prefixes = Prefixes(budget=one)
    prefixes.remember(filled)
    assert 1 <= len(prefixes.entries) < len(filled)
    prefixes.remember([])
    assert prefixes.entries == []


def test_log_probs_and_entropies_are_the_models(model: PreTrainedModel, plain: PreTrainedModel) -> None:
    prompts = batch()
    sampling = Sampling(temperature=0.7, top_k=9)
    out = generate(model, prompts, noise(len(prompts)), sampling, ENDING)
    for row, prompt in enumerate(prompts):
        count = int(out.lengths[row])
        response = out.tokens[row, :count]
        with torch.no_grad():
            logits = plain(input_ids=torch.tensor([[*prompt, *response.tolist()]])).logits[0, len(prompt) - 1 : -1]
        expected = torch.log_softmax(logits / 0.7, dim=-1)
        torch.testing.assert_close(
            out.log_probs[row, :count], expected.gather(-1, response.unsqueeze(-1)).squeeze(-1), atol=1e-5, rtol=1e-4
        )
        torch.testing.assert_close(
            out.entropies[row, :count], -(expected.exp() * expected).sum(-1), atol=1e-5, rtol=1e-4
        )
        assert bool((out.tokens[row, count:] == support.PAD).all())
        assert bool((out.log_probs[row, count:] == 0).all())


def test_refuses_empty_prompts_and_noise_that_does_not_fit(model: PreTrainedModel) -> None:
    with pytest.raises(ValueError, match=r"rows \[1\] have an empty prompt"):
        generate(model, [(3,), ()], noise(2), Sampling(), ENDING)
    with pytest.raises(ValueError, match="uniforms has shape"):
        generate(model, [(3,)], noise(2), Sampling(), ENDING)


def test_limits_and_sampling_refuse_what_cannot_work() -> None:
    with pytest.raises(ValueError, match="rows=0"):
        Limits(rows=0)
    with pytest.raises(ValueError, match=r"spread=1\.5"):
        Limits(spread=1.5)
    with pytest.raises(ValueError, match="temperature=-1"):
        Sampling(temperature=-1)
    with pytest.raises(ValueError, match="top_p=0"):
        Sampling(top_p=0)
