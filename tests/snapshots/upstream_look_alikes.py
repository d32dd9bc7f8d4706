"""Small environments with the names and attributes of upstream's, as their snapshotters know them.

Not upstream's games: a walk with pushes in a corridor, a walk over gymnasium's own lake, a shop of four pages. What
they share with upstream is where state is kept and how it is changed: in place, by replacement, in a server beside the
object.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from types import SimpleNamespace

import numpy as np


def named(full_name):
    """Class decorator: give a class the full name of upstream's."""

    def rename(cls):
        cls.__module__, _, cls.__qualname__ = full_name.rpartition(".")
        return cls

    return rename


@named("ragen.env.sokoban.env.SokobanEnv")
class Corridor:
    """A row of cells: 5 is the player, 4 a box, 2 the target. Actions 1 and 2 go left and right, pushing."""

    dim_room, render_mode, observation_format = (1, 9), "text", "grid"
    num_boxes = 1

    def __init__(self, max_steps=20):
        self.max_steps = max_steps
        self.GRID_LOOKUP = dict(enumerate("#_O√XPS"))
        self.reset(0)

    def reset(self, seed=None):
        target = 4 + seed % 4
        self.room_fixed = np.array([[0, 1, 1, 1, 1, 1, 1, 1, 0]])
        self.room_fixed[0, target] = 2
        self.room_state = self.room_fixed.copy()
        self.room_state[0, 1], self.room_state[0, 3] = 5, 4
        self.box_mapping = {(0, target): (0, 3)}
        self.player_position = np.array([0, 1])
        self.num_env_steps, self.boxes_on_target, self.reward_last = 0, 0, 0
        return self.render()

    def step(self, action):
        self.num_env_steps += 1
        _, column = self.player_position
        ahead, beyond = column + (1, -1)[action == 1], column + (2, -2)[action == 1]
        if self.room_state[0, ahead] in (3, 4) and self.room_state[0, beyond] in (1, 2):
            self.room_state[0, beyond] = 3 if self.room_fixed[0, beyond] == 2 else 4
            self.room_state[0, ahead] = self.room_fixed[0, ahead]
        if self.room_state[0, ahead] in (1, 2):
            self.room_state[0, column], self.room_state[0, ahead] = self.room_fixed[0, column], 5
            self.player_position = np.array([0, ahead])
        there = int((self.room_state == 3).sum())
        self.reward_last = -0.1 + there - self.boxes_on_target
        self.boxes_on_target = there
        return self.render(), self.reward_last, self.num_env_steps == self.max_steps, {"success": there == 1}

    def render(self):
        return "".join(self.GRID_LOOKUP[code] for code in self.room_state[0].tolist())


def lake_class():
    """Gymnasium's lake, made anew at each reset as upstream's is; needs gymnasium."""
    from gymnasium.envs.toy_text.frozen_lake import FrozenLakeEnv

    @named("ragen.env.frozen_lake.env.FrozenLakeEnv")
    class Lake(FrozenLakeEnv):
        """A 3 x 3 map whose goal follows from the seed."""

        observation_format = "grid"

        def __init__(self, config=None):
            self.config = config or SimpleNamespace(size=3, success_rate=1 / 3, is_slippery=True, map_seed=None)
            desc = ["SFF", "FHF", "FFG"] if not (self.config.map_seed or 0) % 2 else ["FFG", "HFF", "FSF"]
            self.action_map, self.MAP_LOOKUP, self.GRID_LOOKUP = {1: 0, 2: 1, 3: 2, 4: 3}, {b"F": 1}, {1: "_"}
            super().__init__(desc=desc, is_slippery=True, success_rate=self.config.success_rate)

        def reset(self, seed=None):
            self.config.map_seed = seed
            self.__init__(self.config)
            super().reset(seed=seed)
            return self.render()

        def step(self, action):
            _, reward, done, _, _ = super().step(self.action_map[action])
            return self.render(), reward, done, {"success": bool(reward)}

        def render(self):
            return f"{int(self.s)} of {self.desc.tobytes().decode()}"

    return Lake


class Server:
    """Keeps a record of each session. A goal asks for a mug of one of two colours."""

    base_url = "http://shop"

    def __init__(self):
        self.user_sessions = {}
        self.goals = [
            {"instruction_text": f"Find me a tall mug with color: {color}", "goal_options": {"color": color}}
            for color in ("red", "blue")
        ]


SERVER = Server()


@named("ragen.env.webshop.env.WebShopEnv")
class Shop:
    """Actions: 0 searches, 1 opens the mug, 2 and 3 choose a colour, 4 buys, 5 goes back to the search."""

    def __init__(self, server=SERVER):
        self.server, self.session, self.session_prefix = server, None, uuid.uuid4().hex
        self.browser = SimpleNamespace(current_url=None, page_source=None, session_id=None)

    def reset(self, seed=None):
        number = seed % 2
        self.session = self.browser.session_id = self.session_prefix + str(number)
        record = self.server.user_sessions.setdefault(self.session, {"goal": self.server.goals[number], "done": False})
        self._start(record)
        self.instruction_text = record["goal"]["instruction_text"]
        self.prev_obs, self.prev_actions = [self.observation], []
        self.render_cache = self.instruction_text
        self.text_to_clickable = None
        return ""

    def _start(self, record):
        cleared = {"keywords": None, "page": None, "asin": None, "asins": set(), "options": {}}
        record.update(cleared, actions=defaultdict(int))
        self._show("", "Search")

    def _show(self, address, *texts):
        self.browser.current_url = f"{self.server.base_url}/{address}{self.session}"
        self.browser.page_source = f"<a href='/{self.session}'></a>" + " [SEP] ".join(texts)

    @property
    def record(self):
        return self.server.user_sessions[self.session]

    @property
    def observation(self):
        said = self.record["goal"]["instruction_text"]
        return f"Instruction: [SEP] {said} [SEP] " + self.browser.page_source.partition("</a>")[2]

    def step(self, action):
        record, before, done = self.record, self.observation, False
        if action == 5:
            self._start(record)
        elif action == 0 or record["page"] is None:
            record.update(keywords=["mug"], page=1, asin=None, options={})
            self._show("search_results/", "Results", "B1", "Tall mug")
        elif action == 1 or record["asin"] is None:
            record["asin"] = "B1"
            record["asins"].add("B1")
            self._show("item_page/", "color", "red", "blue", "Tall mug", "Buy Now")
        elif action == 4:
            wanted = record["goal"]["goal_options"]
            record.update(done=True, reward=1.0 if record["options"] == wanted else 0.5)
            self._show("done/", "Thank you", str(record["reward"]))
            done = True
        else:
            record["options"]["color"] = {2: "red", 3: "blue"}[action]
        record["actions"][action] += 1
        self.prev_obs.append(self.observation)
        self.prev_actions.append(str(action))
        self.render_cache = self.observation + str(record["options"])
        return self.observation, float(done and record["reward"]), done, {"changed": self.observation != before}

    def render(self):
        return self.render_cache
