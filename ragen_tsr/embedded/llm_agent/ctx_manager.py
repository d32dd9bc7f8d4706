"""Between environments and policy: histories to tokens, responses to actions, rollouts to training rows.

Decides which turns a prompt or a training row shows and what a row carries, under upstream's names
(``ragen.llm_agent.ctx_manager.ContextManager``). The parts are elsewhere: sentences in :mod:`wording`,
messages in :mod:`prompts`, tokens in :mod:`encoding`, masks and scores in :mod:`scores`, reading responses
in :mod:`parsing`.

Recorded faults of upstream that are corrected here:

* A row that is too long loses its oldest turns whole. Upstream also removes the state of the first turn it
  keeps, and may remove all; in training its masks then fall on the environment's text.
* ``grid_vocab`` inside a tag's ``env_config`` is what the prompt explains; upstream explains the default
  symbols while the environment draws others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig
from tensordict import TensorDict
from verl import DataProto

from ragen_tsr.embedded.llm_agent import scores
from ragen_tsr.embedded.llm_agent.chat_format import chat_format
from ragen_tsr.embedded.llm_agent.context_settings import ContextSettings
from ragen_tsr.embedded.llm_agent.encoding import Draft, Encoded, Encoder
from ragen_tsr.embedded.llm_agent.parsing import ResponseParser
from ragen_tsr.embedded.llm_agent.prompts import Message, Prompts, Turn
from ragen_tsr.embedded.llm_agent.rollout_metrics import batch_metrics
from ragen_tsr.embedded.llm_agent.wording import load_wording

EnvOutput = Mapping[str, Any]
"""A slot's rollout cache; see :class:`~ragen_tsr.embedded.llm_agent.es_manager.EnvStateManager`."""


class ContextManager:
    """Translates between environments and the policy.

    Args:
        config: The composed configuration; reads ``wording``, ``agent_proxy``, ``es_manager``,
            ``custom_envs``, ``enable_response_mask``, ``actor_rollout_ref.rollout`` and
            ``collapse_detection``.
        tokenizer: The policy's, with a chat template and a padding token.
        processor: Upstream's argument for multimodal policies; only ``None`` is supported.
        mode: ``"train"`` or ``"val"``.

    Raises:
        ValueError: A value cannot work, or the tokenizer's chat template is not understood.
    """

    def __init__(self, config: DictConfig, tokenizer: Any, processor: None = None, mode: str = "train") -> None:
        if processor is not None:
            raise ValueError(f"processor={processor!r}: multimodal policies are not supported; pass None")
        self.config = config
        self.tokenizer = tokenizer
        self.mode = mode
        self.settings = ContextSettings.from_config(config, mode)
        self.chat = chat_format(tokenizer)
        proxy = config.agent_proxy
        self._parser = ResponseParser(
            enable_think=bool(proxy.enable_think),
            action_sep=proxy.action_sep,
            max_actions=int(proxy.max_actions_per_turn),
            markers=(self.chat.start, self.chat.end),
        )
        wording = load_wording(config.get("wording"))
        self._prompts = Prompts(wording, self.settings.tags, self._parser.enable_think, proxy.action_sep)
        self._encoder = Encoder(tokenizer, self.settings.max_length)

    def reset_memory_managers(self) -> None:
        """Part of upstream's interface; nothing is remembered between rollouts here."""

    def get_env_inputs(self, lm_outputs: DataProto) -> list[dict[str, Any]]:
        """Read responses.

        Args:
            lm_outputs: ``batch["responses"]``, token ids (rows, length), or without it
                ``non_tensor_batch["response_texts"]``; and ``non_tensor_batch["env_ids"]``. Ids may repeat.

        Returns:
            For each row what ``EnvStateManager.step`` takes: ``env_id``, ``llm_raw_response`` (with the
            opening tag that the prompt ended with), ``llm_response``, ``actions``.

        Raises:
            ValueError: An ``env_id`` is beyond the slots.
        """
        if lm_outputs.batch is not None and "responses" in lm_outputs.batch.keys():  # noqa: SIM118 (a TensorDict)
            texts = self.tokenizer.batch_decode(lm_outputs.batch["responses"], skip_special_tokens=True)
        else:
            texts = lm_outputs.non_tensor_batch["response_texts"]
        env_ids = [int(env_id) for env_id in lm_outputs.non_tensor_batch["env_ids"]]
        self._check_slots(env_ids)
        inputs = []
        for env_id, text in zip(env_ids, texts, strict=True):
            raw = self._parser.opening + text
            response, actions = self._parse_response(raw)
            inputs.append({"env_id": env_id, "llm_raw_response": raw, "llm_response": response, "actions": actions})
        return inputs

    def _parse_response(self, response: str) -> tuple[str, list[str]]:
        return self._parser.parse(response)

    def get_lm_inputs(
        self, env_outputs: Sequence[EnvOutput], prepare_for_update: bool, include_collapse_data: bool = True
    ) -> DataProto:
        """Prompts for generation, or training rows.

        Args:
            env_outputs: Rollout caches. For prompts the same slot, and the same object, may come several
            times.
            prepare_for_update: Make training rows (:meth:`formulate_rollouts`) instead of prompts.
            include_collapse_data: See :meth:`formulate_rollouts`.

        Returns:
            For prompts: ``batch`` with ``input_ids``, ``attention_mask``, ``position_ids`` (rows, length),
            padded on the left, and ``responses`` (rows, length - 1); ``non_tensor_batch`` with ``env_ids``,
            ``group_ids``, ``messages_list``.

        Raises:
            ValueError: An ``env_id`` is beyond the slots.
        """
        self._check_slots([env_output["env_id"] for env_output in env_outputs])
        if prepare_for_update:
            return self._training_rows(env_outputs, include_collapse_data)
        drafts = {id(output): self._prompt_draft(output) for output in env_outputs}
        encoded = self._encoder.encode(
            [drafts[id(output)] for output in env_outputs],
            generate=True,
            opening=self._parser.opening,
            count_opening=self.settings.mode == "single_turn",
        )
        return _data_proto(encoded, {}, env_outputs)

    def formulate_rollouts(self, env_outputs: Sequence[EnvOutput], include_collapse_data: bool = True) -> DataProto:
        """Training rows of finished episodes: one per episode in mode ``full``, else one per turn.

        Args:
            env_outputs: What ``EnvStateManager.get_rollout_states`` returned.
            include_collapse_data: In mode ``full`` add the prompts and thoughts that ``collapse_detection``
                asks for.

        Returns:
            ``batch``: as for prompts, and ``loss_mask``, ``rm_scores``, ``original_rm_scores`` (a copy),
            float32 (rows, length - 1). ``non_tensor_batch``: as for prompts; ``episode_ids`` and ``uid``
            where rows are turns; ``history`` and ``metrics`` in validation. ``meta_info["metrics"]``:
            numbers about the rollout.
        """
        return self.get_lm_inputs(env_outputs, prepare_for_update=True, include_collapse_data=include_collapse_data)

    def _check_slots(self, env_ids: Sequence[int]) -> None:
        slots = len(self.settings.tag_of_slot)
        if unknown := sorted({env_id for env_id in env_ids if not 0 <= env_id < slots}):
            raise ValueError(f"env_id {unknown}: es_manager.{self.mode} has slots 0 to {slots - 1}")

    def _prompt_draft(self, env_output: EnvOutput) -> Draft:
        history = env_output["history"]
        window = self.settings.window if self.settings.mode != "full" else None
        first = 0 if window is None else max(0, len(history) - window)
        return Draft(self._messages(env_output, history, training=False), first, last=max(first, len(history) - 1))

    def _messages(self, env_output: EnvOutput, turns: Sequence[Turn], training: bool) -> Callable[[int], list[Message]]:
        """Messages that show ``turns`` from a given one on, in the layout of the mode."""
        tag = self.settings.tag_of_slot[env_output["env_id"]]

        def messages(start: int) -> list[Message]:
            shown = turns[start:]
            if self.settings.mode == "single_turn" and shown:
                return self._prompts.told(
                    tag,
                    shown,
                    number=start + 1,
                    completed=len(turns) - 1,
                    warn=not training,
                    respond=training,
                )
            return self._prompts.conversation(tag, shown, number=start + 1, warn=not training, last_reward=not training)

        return messages

    def _training_rows(self, env_outputs: Sequence[EnvOutput], include_collapse_data: bool) -> DataProto:
        settings = self.settings
        per_turn = settings.mode != "full"
        histories = [_completed(env_output["history"]) for env_output in env_outputs]
        rewards = [[turn.get("reward", 0.0) for turn in history] for history in histories]
        episodes: list[int] = []
        drafts: list[Draft] = []
        for episode, (env_output, history) in enumerate(zip(env_outputs, histories, strict=True)):
            for turns, first in self._rows_of(history):
                drafts.append(
                    Draft(self._messages(env_output, turns, training=True), first, max(first, len(turns) - 1))
                )
                episodes.append(episode)
        encoded = self._encoder.encode(drafts, generate=False, opening="")
        input_ids = encoded.input_ids

        if per_turn:
            message = 3 if settings.mode == "single_turn" else None
            loss_mask = response_mask = scores.last_message_mask(input_ids, self.chat, message)
        else:
            loss_mask, response_mask = scores.conversation_masks(input_ids, self.chat, settings.enable_response_mask)
        if settings.use_turn_scores and not per_turn:
            shown = [row[start:] for row, start in zip(rewards, encoded.starts, strict=True)]
            rm_scores = scores.turn_scores(input_ids, self.chat, shown)
        else:
            values = scores.normalised_returns(
                [sum(row) for row in rewards],
                [env_output.get("penalty", 0) for env_output in env_outputs],
                [self._normalisation_group(env_output) for env_output in env_outputs],
                settings.normalisation,
            )
            rm_scores = scores.last_scores(values[episodes], input_ids.shape[1])

        rows = [env_outputs[episode] for episode in episodes]
        batch = {"loss_mask": loss_mask, "rm_scores": rm_scores, "original_rm_scores": rm_scores.clone()}
        result = _data_proto(encoded, batch, rows)
        extra: dict[str, np.ndarray] = {}
        if per_turn:
            extra["episode_ids"] = np.array(episodes, dtype=int)
            extra["uid"] = _objects([row.get("uid", row["env_id"]) for row in rows])
        elif include_collapse_data:
            extra |= self._collapse_data(env_outputs, histories)
        if self.mode == "val":
            extra["history"] = _objects([row.get("history", []) for row in rows])
            extra["metrics"] = _objects([row.get("metrics", {}) for row in rows])
        result.non_tensor_batch.update(extra)
        response_length = response_mask.sum(dim=-1).mean().item()
        result.meta_info = {"metrics": batch_metrics(env_outputs, settings.slots_of_tag, response_length)}
        return result

    def _rows_of(self, history: Sequence[Turn]) -> list[tuple[Sequence[Turn], int]]:
        """The rows that an episode becomes: (turns up to the row's last, the first of them that it shows)."""
        if self.settings.mode == "full":
            return [(history, 0)]
        window = self.settings.window
        return [
            (history[: end + 1], 0 if window is None else max(0, end - window + 1))
            for end, turn in enumerate(history)
            if "llm_response" in turn
        ]

    def _normalisation_group(self, env_output: EnvOutput) -> Any:
        return {"state": env_output["group_id"], "inductive": env_output["tag"], "batch": 0}[self.settings.grouping]

    def _collapse_data(
        self, env_outputs: Sequence[EnvOutput], histories: Sequence[Sequence[Turn]]
    ) -> dict[str, np.ndarray]:
        """What upstream's collapse detection reads: token ids of turns' prompts and of the thoughts."""
        settings, found = self.settings, {}
        if settings.collapse_first_turn:
            first = [self._prompt_and_thought(o, history, 0) for o, history in zip(env_outputs, histories, strict=True)]
            found["first_turn_prompt_ids"] = _objects([prompt for prompt, _ in first])
            found["first_turn_reasoning_ids"] = _objects([thought for _, thought in first])
        if settings.collapse_all_turns:
            answered = [[i for i, turn in enumerate(history) if "llm_response" in turn] for history in histories]
            every = [
                [pair for i in turns if (pair := self._prompt_and_thought(o, history, i))[1]]
                for o, history, turns in zip(env_outputs, histories, answered, strict=True)
            ]
            found["all_turns_prompt_ids"] = _objects([[prompt for prompt, _ in pairs] for pairs in every])
            found["all_turns_reasoning_ids"] = _objects([[thought for _, thought in pairs] for pairs in every])
            found["turn_counts"] = np.array([len(pairs) for pairs in every], dtype=int)
            found["turn_counts_total"] = np.array([len(turns) for turns in answered], dtype=int)
        return found

    def _prompt_and_thought(
        self, env_output: EnvOutput, history: Sequence[Turn], index: int
    ) -> tuple[list[int], list[int]]:
        """Token ids of the whole prompt of turn ``index``, without warnings, and of its thought."""
        tag = self.settings.tag_of_slot[env_output["env_id"]]
        now = history[index : index + 1]
        present = [{key: turn[key] for key in ("state", "actions_left") if key in turn} for turn in now]
        messages = self._prompts.conversation(
            tag, [*history[:index], *present], number=1, warn=False, last_reward=False
        )
        prompt = self.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        if self._parser.enable_think:
            prompt += self._parser.opening
        thought = self._parser.thought(now[0].get("llm_response", "")) if now else ""
        ids = self._encoder.token_ids([prompt, thought])
        return ids[prompt], ids[thought]


def _completed(history: Sequence[Turn]) -> Sequence[Turn]:
    """The history without its last entry if that only shows a state."""
    if history and "state" in history[-1] and "llm_response" not in history[-1]:
        return history[:-1]
    return history


def _data_proto(encoded: Encoded, batch: dict[str, torch.Tensor], rows: Sequence[EnvOutput]) -> DataProto:
    """A batch under upstream's keys. ``responses`` is ``input_ids`` without the first column."""
    data = DataProto()
    data.batch = TensorDict(
        {
            "input_ids": encoded.input_ids,
            "attention_mask": encoded.attention_mask,
            "position_ids": encoded.position_ids,
            "responses": encoded.input_ids[:, 1:],
            **batch,
        },
        batch_size=encoded.input_ids.shape[0],
    )
    data.non_tensor_batch = {
        "env_ids": np.array([row["env_id"] for row in rows], dtype=int),
        "group_ids": np.array([row["group_id"] for row in rows], dtype=int),
        "messages_list": _objects(encoded.messages),
    }
    return data


def _objects(values: Sequence[Any]) -> np.ndarray:
    """One-dimensional array of objects, also where they are lists of equal length."""
    array = np.empty(len(values), dtype=object)
    for index, value in enumerate(values):
        array[index] = value
    return array
