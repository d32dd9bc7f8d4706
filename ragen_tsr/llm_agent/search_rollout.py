"""One rollout with search: what the strategies ask for is generated, executed and scored, a whole turn at a
time.

This module is the ``expand`` (and the ``redraw``) that :func:`ragen_tsr.search.driver.drive` calls: it turns
the expansions of all groups into one generation batch, plays the parsed responses with the environment
manager, and wraps the outcomes into search nodes with their scores and costs. It takes no decision:
strategies choose, managers execute.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from ragen_tsr.llm_agent.es_manager import Branch, SearchEnvStateManager
from ragen_tsr.llm_agent.reroll import Rerolled, Trajectory, reroll
from ragen_tsr.scorers import EnvView, Scorer, Turn
from ragen_tsr.search import Expansion, Ledger, Node, Redraw, Strategy, drive, path
from ragen_tsr.search.driver import Finished

Row = tuple[int, Expansion, Branch]
"""One row of the generation batch: group, the expansion that asked for it, the branch it goes on from."""


@dataclass(frozen=True)
class Choice:
    """What the groups of one environment tag run."""

    strategy: Strategy
    scorer: Scorer
    outcome_samples: int
    """Fresh outcomes of a turn whose mean score ranks it; 0: the score of what happened does."""


class SearchRollout:
    """State of one rollout: its nodes, its ledgers, and how far it has got.

    Args:
        generate: ``lm_inputs -> lm_outputs``, the proxy's ``generate_sequences``.
        ctx_manager: Renders prompts and parses responses (RAGEN's ``ContextManager``).
        es_manager: Has just been reset.
        choices: Strategy and scorer by environment tag.
        meta_info: The dictionary that every generation batch of this rollout carries, as in the base class.
        horizon: ``agent_proxy.max_turn``, the number of turns K.
        count_tokens: Length of a text in tokens, for workers that return texts only.
        rerolls: How often each committed trajectory is played again with fresh noise.
        roots: Start states to search from, as :func:`start_states` gave them; None: those of all groups, as the slots
            stand now. Only the latter can be committed.
        finished: Told of each group's index and chosen leaves as soon as its search is over.

    Attributes:
        nodes: Per group the nodes that were sampled.
        redrawn: Per group the nodes that redraws made: outcomes of turns that were chosen, so no samples.
        rerolled: Per slot how the committed trajectory ended when it was played again; None if unknown.
        reroll_seconds: What that took.
    """

    def __init__(
        self,
        *,
        generate: Callable[[Any], Any],
        ctx_manager: Any,
        es_manager: SearchEnvStateManager,
        choices: Mapping[str, Choice],
        meta_info: dict[str, Any],
        horizon: int,
        count_tokens: Callable[[str], int],
        rerolls: int,
        roots: Sequence[Node] | None = None,
        finished: Finished | None = None,
    ) -> None:
        self.generate = generate
        self.ctx_manager = ctx_manager
        self.es_manager = es_manager
        self.choices = choices
        self.meta_info = meta_info
        self.horizon = horizon
        self.count_tokens = count_tokens
        self.rerolls = rerolls
        self.ledger = Ledger()
        self.roots = list(start_states(es_manager) if roots is None else roots)
        self.finished = finished
        self.ledgers: list[dict[int, Ledger]] = [defaultdict(Ledger) for _ in self.roots]
        self.nodes: list[list[Node]] = [[] for _ in self.roots]
        self.redrawn: list[list[Node]] = [[] for _ in self.roots]
        self.rerolled: list[list[Rerolled]] | None = None
        self.reroll_seconds = 0.0
        self.neg_log_prob_sum = 0.0
        self.log_prob_tokens = 0
        self._last_inputs: Any = None

    @property
    def calls(self) -> int:
        """Generation calls so far: the number of turns played, but for trees sampled anew after a redraw."""
        return self.ledger.generation_calls

    @property
    def most_calls(self) -> int:
        """Generation calls that no strategy exceeds."""
        return max(self.choices[self._tag(root)].strategy.calls(self.horizon) for root in self.roots)

    def run(self) -> list[list[Node]]:
        """Search all groups to the end; returns each group's L chosen leaves, in slot order, and commits
        them.
        """
        started = perf_counter()
        chosen = self.search()
        self._reroll([leaf for leaves in chosen for leaf in leaves])
        self.es_manager.commit([leaf.payload for leaves in chosen for leaf in leaves])
        seconds = self.ledger.seconds
        counted = seconds.generation + seconds.environment + seconds.scoring + self.reroll_seconds
        seconds.bookkeeping = perf_counter() - started - counted
        for ledgers, nodes, redrawn in zip(self.ledgers, self.nodes, self.redrawn, strict=True):
            for node in nodes + redrawn:
                self.ledger.count_fate(node)
                ledgers[node.slot].count_fate(node)
        return chosen

    def search(self) -> list[list[Node]]:
        """Search all groups to the end; returns each group's L chosen leaves, in slot order. The slots are left
        anywhere.
        """
        searches = [
            self.choices[self._tag(root)].strategy.search(
                root, self.es_manager.group_size, self.horizon, self._rng(root)
            )
            for root in self.roots
        ]
        chosen = drive(searches, self.expand, self.redraw, self.finished)
        self._close_generation()
        return chosen

    def expand(self, requests: Sequence[tuple[int, Expansion]]) -> list[list[Node]]:
        """Sample, execute and score every requested child: one generation call, however many groups ask."""
        rows = [
            (group, expansion, self._branch(expansion.node, expansion.slot))
            for group, expansion in requests
            for _ in range(expansion.samples)
        ]
        with self.ledger.seconds.measure("generation"):
            lm_inputs, lm_outputs = self._generate([branch for _, _, branch in rows])
        spoken = self._count_tokens(rows, lm_inputs, lm_outputs)
        inputs = self.ctx_manager.get_env_inputs(lm_outputs)
        with self.ledger.seconds.measure("environment"):
            children = self.es_manager.extend([branch for _, _, branch in rows], inputs)
            outcomes = self._outcomes(rows, children)
        with self.ledger.seconds.measure("scoring"):
            nodes = []
            for (group, expansion, parent), child, others in zip(rows, children, outcomes, strict=True):
                self._count_steps(group, expansion.slot, parent, [child, *others])
                scores = [self._score(parent, outcome) for outcome in others or [child]]
                nodes.append(self._node(expansion.node, expansion.slot, child, sum(scores) / len(scores)))
        for child, said in zip(children, spoken, strict=True):
            child.prompt_tokens, child.response_tokens, child.neg_log_prob = said
        for (group, _, _), node in zip(rows, nodes, strict=True):
            self.nodes[group].append(node)
        return _split(nodes, [expansion.samples for _, expansion in requests])

    def redraw(self, requests: Sequence[tuple[int, Redraw]]) -> list[list[Node]]:
        """Play the last turns of the requested nodes again; a node whose turn ends as it did is answered
        itself.
        """
        parents = [self._branch(_parent(ask.node), ask.slot) for _, ask in requests]
        children = [ask.node.payload for _, ask in requests]
        with self.ledger.seconds.measure("environment"):
            again = self.es_manager.redraw(parents, children)
            same = [self.es_manager.same_outcome(*pair) for pair in zip(again, children, strict=True)]
        answers = []
        for (group, ask), parent, branch, is_same in zip(requests, parents, again, same, strict=True):
            self._count_steps(group, ask.slot, parent, [branch])
            node = ask.node
            if not is_same:
                averaged = (
                    self._choice(branch).outcome_samples > 0
                )  # then the score is the turn's, whatever its outcome
                score = node.score if averaged else self._score(parent, branch)
                node = self._node(_parent(node), ask.slot, branch, score)
                self.redrawn[group].append(node)
                self.ledger.redrawn += 1
                self.ledgers[group][ask.slot].redrawn += 1
            answers.append([node])
        return answers

    def _reroll(self, leaves: Sequence[Node]) -> None:
        """Measure how the trajectories end under other noise; what it leaves in the slots, the commit replaces."""
        if not self.rerolls:
            return
        started = perf_counter()
        starts = [branch for root in self.roots for branch in root.payload]
        trajectories = [
            Trajectory(start, leaf.payload, [node.payload.answer for node in path(leaf)[1:]])
            for start, leaf in zip(starts, leaves, strict=True)
        ]
        self.rerolled = reroll(self.es_manager, trajectories, self.rerolls)
        self.reroll_seconds = perf_counter() - started

    def _generate(self, branches: Sequence[Branch]) -> tuple[Any, Any]:
        lm_inputs = self.ctx_manager.get_lm_inputs([branch.cache for branch in branches], prepare_for_update=False)
        lm_inputs.meta_info = self.meta_info
        lm_inputs.meta_info["mode"] = self._mode(self.calls)
        self._last_inputs = lm_inputs
        lm_outputs = self.generate(lm_inputs)
        self.ledger.generation_calls += 1
        return lm_inputs, lm_outputs

    def _mode(self, turn: int) -> str:
        """What the worker is told in the call of this number (from 0): with redraws, the last one is known
        as such only if it is the last that there can be.
        """
        if self.most_calls == 1:
            return "singleturn"
        if turn == 0:
            return "multiturn-start"
        if turn >= self.most_calls:
            raise RuntimeError(f"a strategy asks for more than the {self.most_calls} turns that its calls() announces")
        return "multiturn-end" if turn == self.most_calls - 1 else "multiturn-middle"

    def _close_generation(self) -> None:
        """Tell the worker that the rollout is over, where its last call did not say so."""
        if self.most_calls > 1 and 0 < self.calls < self.most_calls:
            self._last_inputs.meta_info["skip_generation"] = True
            self._last_inputs.meta_info["mode"] = "multiturn-end"
            self.generate(self._last_inputs)

    def _count_tokens(
        self, rows: Sequence[Row], lm_inputs: Any, lm_outputs: Any
    ) -> list[tuple[int, int, float | None]]:
        """Count what a call cost; per row tokens of the prompt and of the response, and its summed -log p if known."""
        prompt_tokens = lm_inputs.batch["attention_mask"].sum(-1).tolist()
        neg_log_probs: list[float | None] = [None] * len(rows)
        if lm_outputs.batch is None:
            said = lm_outputs.non_tensor_batch
            generated = [self.count_tokens(text) for text in said["response_texts"]]
            if "response_tokens" in said:  # the server has counted
                prompt_tokens, generated = said["prompt_tokens"].tolist(), said["response_tokens"].tolist()
        else:
            mask = lm_outputs.batch["attention_mask"][:, -lm_outputs.batch["responses"].shape[-1] :]
            generated = mask.sum(-1).tolist()
            if "rollout_log_probs" in lm_outputs.batch:
                neg_log_probs = (-(lm_outputs.batch["rollout_log_probs"] * mask).sum(-1)).tolist()
                self.neg_log_prob_sum += sum(value for value in neg_log_probs if value is not None)
                self.log_prob_tokens += sum(generated)
        taking_part = set()
        for (group, expansion, _), prompt, response in zip(rows, prompt_tokens, generated, strict=True):
            for ledger in (self.ledger, self.ledgers[group][expansion.slot]):
                ledger.prompt_tokens += prompt
                ledger.generated_tokens += response
                ledger.nodes_expanded += 1
            taking_part.add((group, expansion.slot))
        for group, slot in taking_part:
            self.ledgers[group][slot].generation_calls += 1
        return list(zip(prompt_tokens, generated, neg_log_probs, strict=True))

    def _outcomes(self, rows: Sequence[Row], children: Sequence[Branch]) -> list[list[Branch]]:
        """Per child the further outcomes of its turn that are scored instead of it; none where it is scored
        itself.
        """
        outcomes: list[list[Branch]] = [[] for _ in children]
        for tag, choice in self.choices.items():
            mine = [index for index, child in enumerate(children) if child.cache["tag"] == tag]
            parents = [rows[index][2] for index in mine]
            played = self.es_manager.outcomes(parents, [children[index] for index in mine], choice.outcome_samples)
            for index, others in zip(mine, played, strict=True):
                outcomes[index] = others
        return outcomes

    def _count_steps(self, group: int, slot: int, parent: Branch, outcomes: Sequence[Branch]) -> None:
        steps = sum(outcome.status.num_actions - parent.status.num_actions for outcome in outcomes)
        self.ledger.env_steps += steps
        self.ledgers[group][slot].env_steps += steps

    def _score(self, parent: Branch, outcome: Branch) -> float:
        return score_turn(self._choice(outcome).scorer, self.es_manager.env_type(outcome.env_id), parent, outcome)

    def _node(self, parent: Node, slot: int, child: Branch, score: float) -> Node:
        turn = child.last_turn
        return parent.child(
            slot=slot,
            score=score,
            reward=turn["reward"],
            done=child.done,
            success=child.success,
            executed=child.executed,
            merge_key=self.es_manager.equality_key(child),
            payload=child,
        )

    def _branch(self, node: Node, slot: int) -> Branch:
        return node.payload[slot] if isinstance(node.payload, tuple) else node.payload

    def _choice(self, branch: Branch) -> Choice:
        return self.choices[branch.cache["tag"]]

    def _tag(self, root: Node) -> str:
        return root.payload[0].cache["tag"]

    def _rng(self, root: Node) -> np.random.Generator:
        """Draws of one group in one rollout: a function of the run and of the group's seed, not of the
        batch.
        """
        return np.random.default_rng([self.es_manager.run_seed, root.payload[0].status.seed])


def score_turn(scorer: Scorer, env_type: str, before: Branch, after: Branch) -> float:
    """What ``scorer`` gives the turn that led from ``before`` to ``after``."""
    turn = after.last_turn
    done = Turn(
        actions=tuple(turn["actions"]),
        reward=turn["reward"],
        penalty=after.turn_penalty,
        info=turn["info"],
        response=turn["llm_response"],
    )
    return float(scorer(_view(env_type, before), done, _view(env_type, after)))


def _view(env_type: str, branch: Branch) -> EnvView:
    return EnvView(env_type, branch.state, branch.snapshot, branch.done, branch.success)


def start_states(es_manager: SearchEnvStateManager) -> list[Node]:
    """One root a group; its payload is the tuple of the group's slots, which all stand at the same start."""
    groups: dict[int, list[Branch]] = defaultdict(list)
    for branch in es_manager.roots():
        groups[branch.cache["group_id"]].append(branch)
    return [Node.root(payload=tuple(groups[group])) for group in sorted(groups)]


def _parent(node: Node) -> Node:
    if node.parent is None:
        raise ValueError("a start state was reached by no turn: there is nothing to draw again")
    return node.parent


def _split(items: Sequence[Node], sizes: Sequence[int]) -> list[list[Node]]:
    ends = np.cumsum(sizes)
    return [list(items[end - size : end]) for size, end in zip(sizes, ends, strict=True)]
