"""What vLLM is told and what is made of its answers: with a stand-in everywhere, with vLLM itself where it is."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import engine_support as support
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from ragen_tsr.evaluation.engines import build_engine
from ragen_tsr.models.smollm2 import ensure_smollm2, missing

LENGTH = 24
END, PAD = 9, 0
TOKENIZER = SimpleNamespace(eos_token_id=END, pad_token_id=PAD)


class StandIn:
    """``vllm.LLM`` that answers a prompt with its own tokens and the end, each of log-probability -its place."""

    def __init__(self, **arguments: Any) -> None:
        self.arguments = arguments
        self.calls: list[tuple[Any, Any]] = []

    def generate(self, asked: list[Any], parameters: list[Any], use_tqdm: bool) -> list[Any]:
        """One output a prompt."""
        self.calls.append((asked, parameters))
        outputs = []
        for prompt in asked:
            tokens = [*prompt["prompt_token_ids"], END]
            log_probs = [{token: SimpleNamespace(logprob=-float(place))} for place, token in enumerate(tokens)]
            outputs.append(SimpleNamespace(outputs=[SimpleNamespace(token_ids=tuple(tokens), logprobs=log_probs)]))
        return outputs


@pytest.fixture
def _stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    vllm = ModuleType("vllm")
    vllm.LLM, vllm.SamplingParams = StandIn, SimpleNamespace  # type: ignore[attr-defined]
    vllm.__spec__ = importlib.util.spec_from_loader("vllm", None)
    monkeypatch.setitem(sys.modules, "vllm", vllm)
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "")


def engine(**given: Any) -> Any:
    config = support.engine_config("vllm", **given)
    config.actor_rollout_ref.model = {"path": "somewhere"}
    return build_engine(config, TOKENIZER)


def batch(**meta: Any) -> Any:
    """Two prompts, of five tokens and of three."""
    prompts = support.prompts(["one", "two"], **meta)
    prompts.batch["input_ids"] = torch.tensor([[1, 2, 3, 4, 5], [PAD, PAD, 6, 7, 8]])
    prompts.batch["attention_mask"] = torch.tensor([[1, 1, 1, 1, 1], [0, 0, 1, 1, 1]])
    return prompts


@pytest.mark.usefixtures("_stand_in")
def test_answers_have_the_layout_of_the_other_engine() -> None:
    answers = engine().generate_sequences(batch()).batch
    assert answers["responses"].shape == (2, LENGTH)
    assert answers["responses"][1, :5].tolist() == [6, 7, 8, END, PAD]
    assert answers["attention_mask"][:, 5:].sum(-1).tolist() == [6, 4]
    assert answers["input_ids"].shape == answers["attention_mask"].shape == answers["position_ids"].shape == (2, 29)
    assert answers["rollout_log_probs"][1, :5].tolist() == [0, -1, -2, -3, 0]


@pytest.mark.usefixtures("_stand_in")
def test_vllm_is_told_what_the_configuration_says() -> None:
    workers = engine(options={"max_num_seqs": 7}, dtype="bfloat16", cpu_cache_gib=3)
    told = workers._llm.arguments
    assert (told["model"], told["dtype"], told["max_num_seqs"], told["seed"]) == ("somewhere", "bfloat16", 7, 3)
    assert told["enable_prefix_caching"] is True
    assert told["max_model_len"] == 256 + LENGTH
    if not torch.cuda.is_available():
        assert os.environ["VLLM_CPU_KVCACHE_SPACE"] == "3"
    workers.generate_sequences(batch(noise_rollout=1))
    workers.generate_sequences(batch(noise_rollout=1, mode="multiturn-middle", do_sample=False))
    (asked, first), (_, second) = workers._llm.calls
    assert asked == [{"prompt_token_ids": [1, 2, 3, 4, 5]}, {"prompt_token_ids": [6, 7, 8]}]
    assert [one.temperature for one in [*first, *second]] == [0.5, 0.5, 0.0, 0.0]
    assert (first[0].stop_token_ids, first[0].max_tokens, first[0].top_k) == ([END], LENGTH, -1)
    assert len({one.seed for one in [*first, *second]}) == 4


@pytest.mark.usefixtures("_stand_in")
def test_a_closing_call_samples_nothing() -> None:
    prompts = batch(skip_generation=True)
    assert engine().generate_sequences(prompts) is prompts


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="needs vLLM, for a GPU or a CPU (docs/engines.md)")
@pytest.mark.skipif(missing() is not None, reason=str(missing()))
def test_greedy_answers_and_log_probs_are_the_models() -> None:
    folder: Path = ensure_smollm2()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    config = support.engine_config("vllm", enforce_eager=True, cpu_cache_gib=1)
    config.actor_rollout_ref.model = {"path": str(folder)}
    messages = [{"role": "user", "content": "Count from one to five."}]
    ids = tokenizer(tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False))["input_ids"]
    prompts = support.prompts(["one"], do_sample=False)
    prompts.batch = prompts.batch.new_empty(1)
    for key, row in {"input_ids": ids, "attention_mask": [1] * len(ids), "position_ids": list(range(len(ids)))}.items():
        prompts.batch[key] = torch.tensor([row])
    answers = build_engine(config, tokenizer).generate_sequences(prompts).batch
    said = answers["responses"][0, : int(answers["attention_mask"][0, len(ids) :].sum())]
    model = AutoModelForCausalLM.from_pretrained(folder).float()
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([[*ids, *said.tolist()]])).logits[0, len(ids) - 1 : -1]
    assert torch.equal(logits.argmax(-1), said)
    expected = torch.log_softmax(logits, -1).gather(-1, said.unsqueeze(-1)).squeeze(-1)
    torch.testing.assert_close(answers["rollout_log_probs"][0, : len(said)], expected, atol=1e-3, rtol=0)
