"""Several networks of one method whose mean is the prediction."""

import numpy as np
import pytest
from safetensors.numpy import load_file
from test_learning_cohort import make_arrays, tiny_settings, write_cohort
from test_learning_training import train, weights

from myelosketch.learning import progress
from myelosketch.learning.inference import NetworkModel
from myelosketch.learning.members import member_seeds
from myelosketch.learning.models import load_model
from myelosketch.tables import read_table


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A cohort, a sketcher of one member and one of two."""
    folder = tmp_path_factory.mktemp("members")
    data = write_cohort(folder / "data")
    for name, members in (("one", 1), ("two", 2)):
        train("sketcher", data, folder / name, settings=tiny_settings(members=members))
    return data, folder / "one", folder / "two"


def test_the_first_member_is_the_network_that_is_trained_alone(two):
    _, alone, both = two
    first, pair = load_file(alone / "model.safetensors"), load_file(both / "model.safetensors")
    assert {name.split(".")[1] for name in pair} == {"0", "1"}
    for name, array in first.items():
        assert np.array_equal(pair[name], array)
    assert any(
        not np.array_equal(pair[name.replace(".0.", ".1.", 1)], array) for name, array in first.items()
    )


def test_the_prediction_is_the_mean_of_the_members(two):
    model = NetworkModel.load(two[2], method="sketcher")
    maps, _, regions = make_arrays(9)
    alone = [
        NetworkModel([member], model.normalisation, model.card, "cpu").predict(maps, regions > 0)
        for member in model.generator.members
    ]
    assert not np.allclose(alone[0], alone[1])
    both = model.predict(maps, regions > 0, flips=False)
    np.testing.assert_allclose(both, np.mean(alone, axis=0), atol=1e-6)


def test_card_and_history_tell_the_members_apart(two):
    card, history = load_model(two[2])[1], read_table(two[2] / "history.tsv", numeric=True)
    assert [member["seed"] for member in card["members"]] == member_seeds(5, 2)
    assert card["members"][0]["seed"] == 5
    assert history["member"].tolist() == [1, 1, 2, 2]
    assert history["epoch"].tolist() == [1, 2, 1, 2]


def test_seeds_of_members_differ_and_do_not_depend_on_their_number():
    assert len(set(member_seeds(7, 50))) == 50
    assert member_seeds(7, 50)[:3] == member_seeds(7, 3)
    assert member_seeds(8, 2)[1] != member_seeds(7, 2)[1]


@pytest.mark.parametrize("epochs_done", [1, 2, 3])
def test_killed_in_any_member_it_resumes_to_the_same_weights(two, tmp_path, monkeypatch, epochs_done):
    """After the first epoch of the first member, after its last, and in the second member."""
    data, _, both = two
    done = []
    with monkeypatch.context() as patch:
        real = progress.Checkpoints.on_train_epoch_end

        def stop(self, trainer, module):
            real(self, trainer, module)
            done.append(trainer.current_epoch)
            if len(done) == epochs_done:
                raise KeyboardInterrupt

        patch.setattr(progress.Checkpoints, "on_train_epoch_end", stop)
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            train("sketcher", data, tmp_path, settings=tiny_settings(members=2))
    train("sketcher", data, tmp_path, settings=tiny_settings(members=2))
    assert weights(tmp_path) == weights(both)
    clock = ["seconds", "peak_memory_mb"]
    tables = [
        read_table(folder / "history.tsv", numeric=True).drop(columns=clock) for folder in (tmp_path, both)
    ]
    assert tables[0].equals(tables[1])


def test_a_refiner_of_members_starts_from_the_mean_sketch(two, tmp_path):
    data, _, both = two
    settings = tiny_settings(members=2)
    card = train("refiner", data, tmp_path, settings=settings, start_model=both)
    assert card["start"]["weights_sha256"] == load_model(both)[1]["weights_sha256"]
    model = NetworkModel.load(tmp_path, method="refiner")
    maps, dvr, regions = make_arrays(9)
    assert np.isfinite(model.predict(maps, regions > 0, dvr)).all()
