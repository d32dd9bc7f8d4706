import pytest
from corridor import turn

from ragen_tsr.embedded.llm_agent.es_manager import EnvStateManager, EnvStatus


def test_groups_share_a_seed_and_training_seeds_move_on(make_config):
    manager = EnvStateManager(make_config(groups=2, size=2))
    first = manager.reset()
    assert [cache["history"] for cache in first] == [
        [{"state": f"at 0 of {seed}", "actions_left": 4}] for seed in (100, 100, 101, 101)
    ]
    assert [entry["status"].seed for entry in manager.envs] == [100, 100, 101, 101]
    manager.reset()
    assert [entry["status"].seed for entry in manager.envs] == [102, 102, 103, 103]
    assert manager.seed_counter == 4


def test_an_explicit_seed_sets_the_counter(make_config):
    manager = EnvStateManager(make_config(groups=2, size=1))
    manager.reset(seed=150)
    assert manager.seed_counter == 51
    manager.reset()
    assert [entry["status"].seed for entry in manager.envs] == [151, 152]


def test_validation_seeds_stay(make_config):
    manager = EnvStateManager(make_config(groups=2, size=1), mode="val")
    for _ in range(2):
        manager.reset()
        assert [entry["status"].seed for entry in manager.envs] == [7, 8]
    config = make_config(groups=2, size=1)
    del config.seed["val"]
    manager = EnvStateManager(config, mode="val")
    manager.reset()
    assert [entry["status"].seed for entry in manager.envs] == [123, 124]


def test_a_turn_is_written_into_the_live_record(make_config):
    manager = EnvStateManager(make_config(groups=1, size=2))
    before = manager.reset()[1]
    (returned,) = manager.step([turn(1, "gO", "Stay")])
    assert returned is before is manager.rollout_cache[1]
    assert returned["history"] == [
        {
            "state": "at 0 of 100",
            "actions_left": 4,
            "actions": [1, 2],
            "reward": 1.5,
            "info": {"moved": False, "success": False, "raw_reward": 0.0},
            "llm_response": "<think>hm</think><answer>gO || Stay</answer>",
            "llm_raw_response": "<think>hm</think><answer>gO || Stay</answer>",
        },
        {"state": "at 1 of 100", "actions_left": 2},
    ]
    assert manager.envs[1]["status"] == EnvStatus(num_actions=2, rewards=[1.5], seed=100)
    assert manager.envs[0]["status"] == EnvStatus(seed=100)


def test_unknown_actions_cost_one_penalty_a_turn_and_the_others_are_executed(make_config):
    manager = EnvStateManager(make_config(groups=1, size=1))
    manager.reset()
    (cache,) = manager.step([turn(0, "Jump", "Stay", " Go")])
    assert cache["penalty"] == -0.1
    assert cache["history"][0]["actions"] == [2]
    reward = cache["history"][0]["reward"]
    assert reward == 0
    assert isinstance(reward, int)


def test_a_turn_without_a_legal_action_is_marked_on_both_sides(make_config):
    manager = EnvStateManager(make_config(groups=1, size=1))
    manager.reset()
    (cache,) = manager.step([turn(0)])
    played, shown = cache["history"]
    assert played["info"] == {"raw_reward": 0.0, "manager_invalid_action": True}
    assert shown == {"state": "at 0 of 100", "actions_left": 4, "manager_invalid_action": True}
    assert (cache["penalty"], manager.envs[0]["status"].num_actions) == (-0.1, 0)


def test_without_a_penalty_the_integer_stays(make_config):
    manager = EnvStateManager(make_config(groups=1, size=1, es_manager__format_penalty=0))
    manager.reset()
    (cache,) = manager.step([turn(0)])
    assert isinstance(cache["penalty"], int)


def test_success_ends_an_episode_and_drops_it_from_the_outputs(make_config):
    manager = EnvStateManager(make_config(groups=1, size=2))
    manager.reset()
    outputs = manager.step([turn(1, "Stay"), turn(0, "Go", "Go", "Go", "Go")])
    assert [output["env_id"] for output in outputs] == [1]
    status = manager.envs[0]["status"]
    assert (status.terminated, status.truncated, status.num_actions) == (True, False, 3)


def test_the_action_limit_cuts_a_turn_without_a_penalty_and_ends_the_episode(make_config):
    manager = EnvStateManager(make_config(groups=1, size=1))
    manager.reset()
    manager.step([turn(0, "Stay", "Stay", "Stay")])
    assert manager.step([turn(0, "Stay", "Stay")]) == []
    status = manager.envs[0]["status"]
    assert (status.terminated, status.truncated, status.num_actions) == (True, True, 4)
    assert manager.rollout_cache[0]["penalty"] == 0


def test_reaching_the_goal_with_the_last_action_is_success(make_config):
    manager = EnvStateManager(make_config(groups=1, size=1))
    manager.reset()
    manager.step([turn(0, "Stay", "Go", "Go", "Go")])
    assert manager.get_rollout_states()[0]["metrics"]["Corridor/success"] == 1.0


def test_environments_without_a_lookup_take_text_and_failures_count_as_truncated(make_config, caplog):
    manager = EnvStateManager(make_config(groups=1, size=1, custom_envs__Corridor__env_config={"action_lookup": None}))
    manager.reset()
    assert manager.step([turn(0, "trap")]) == []
    status = manager.envs[0]["status"]
    assert (status.terminated, status.truncated) == (True, True)
    metrics = manager.get_rollout_states()[0]["metrics"]
    assert metrics["Corridor/success"] == 0.0
    assert "'label'" in caplog.text


def test_metrics_are_means_over_turns_and_pass_at_k_over_a_group(make_config):
    manager = EnvStateManager(make_config(groups=2, size=2))
    manager.reset()
    manager.step([turn(0, "Go", "Go", "Go"), turn(1, "Go"), turn(2), turn(3, "Stay")])
    manager.step([turn(1)])
    states = manager.get_rollout_states()
    assert states[1]["metrics"] == {
        "Corridor/success": 0.0,
        "Corridor/num_actions": 1,
        "Corridor/episodic_return": 0.0,
        "Corridor/moved": 0.5,
        "Corridor/raw_reward": 0.0,
        "Corridor/manager_invalid_action": 0.5,
        "Corridor/pass@2": 1.0,
    }
    assert states[1]["history"][-1]["metrics"] == {
        "moved": [1.0],
        "raw_reward": [0.0, 0.0],
        "manager_invalid_action": [1.0],
    }
    assert states[2]["metrics"]["Corridor/pass@2"] == 0.0


def test_pictures_are_kept_beside_their_placeholder(make_config):
    manager = EnvStateManager(
        make_config(groups=1, size=1, custom_envs__Corridor__env_config={"goal": 3, "picture": True})
    )
    (entry,) = manager.reset()[0]["history"]
    assert entry["state"] == "<images>"
    assert [(image.size, image.mode) for image in entry["images"]] == [((3, 2), "RGB")]


def test_threads_give_the_same_as_a_loop(make_config):
    results = []
    for parallel in (False, True):
        config = make_config(groups=2, size=2, custom_envs__Corridor__parallel_friendly=parallel)
        config.custom_envs.Corridor.max_workers = 3
        manager = EnvStateManager(config)
        manager.reset()
        manager.step([turn(3, "Go"), turn(0, "Stay"), turn(2)])
        results.append(manager.get_rollout_states())
        manager.close()
        assert all(entry["env"].closed for entry in manager.envs)
    assert results[0] == results[1]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"es_manager__train__env_groups": 3}, "n_groups"),
        ({"es_manager__train__env_configs__tags": ["Corridor", "Other"]}, "2 tags"),
        ({"es_manager__train__env_configs__tags": ["Corridoor"]}, "Corridoor"),
        ({"custom_envs__Corridor__env_type": "corridoor"}, "corridoor"),
    ],
)
def test_configurations_that_cannot_work_are_named(make_config, changes, named):
    with pytest.raises(ValueError, match=named):
        EnvStateManager(make_config(**changes))


def test_wrong_inputs_are_named(make_config):
    manager = EnvStateManager(make_config(groups=1, size=2))
    with pytest.raises(RuntimeError, match="reset"):
        manager.step([turn(0)])
    manager.reset()
    with pytest.raises(ValueError, match=r"env_id \[2\]"):
        manager.step([turn(2)])
    with pytest.raises(ValueError, match="twice"):
        manager.step([turn(1), turn(1)])
    with pytest.raises(ValueError, match="'test'"):
        EnvStateManager(make_config(), mode="test")
