"""The training loop: torch's numbers, a clean end on Ctrl-C, nothing remembered too long."""

import signal
import threading
from typing import Any

import numpy as np
import pytest
import torch

import scratch
from scratch import optim, training
from scratch.op import Backward
from scratch.optim import lr_scheduler


def mlp(seed=0):
    scratch.manual_seed(seed)
    return scratch.Sequential(
        scratch.Linear(4, 8, dtype="float64"), scratch.Tanh(), scratch.Linear(8, 3, dtype="float64")
    )


def blobs(n=50):
    rng = np.random.default_rng(5)
    y = rng.integers(0, 3, n)
    return rng.normal(size=(n, 4)) + 2 * np.eye(4)[y], y


def weights(model):
    return {key: value.copy() for key, value in model.state_dict().items()}


def assert_same_weights(a, b):
    for key in a:
        np.testing.assert_array_equal(a[key], b[key], err_msg=key)


def test_fit_takes_the_steps_of_the_loop_written_by_hand_in_torch():
    x, y = blobs()
    model = mlp()
    twin = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3)).double()
    twin.load_state_dict({key: torch.tensor(value) for key, value in model.state_dict().items()})
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    history = training.fit(model, scratch.CrossEntropyLoss(), optimizer, (x, y), 3, 8, rng=np.random.default_rng(1))

    rng = np.random.default_rng(1)
    adam = torch.optim.Adam(twin.parameters(), lr=0.01)
    losses, epochs = [], []
    for _ in range(3):
        order = rng.permutation(len(x))
        total = 0.0
        for i in range(0, len(x), 8):
            part = order[i : i + 8]
            adam.zero_grad()
            loss = torch.nn.functional.cross_entropy(twin(torch.tensor(x[part])), torch.tensor(y[part]))
            loss.backward()
            adam.step()
            losses.append(loss.item())
            total += loss.item() * len(part)
        epochs.append(total / len(x))
    np.testing.assert_allclose(history.losses, losses, rtol=1e-10)
    np.testing.assert_allclose(history["loss"], epochs, rtol=1e-10)
    for key, value in twin.state_dict().items():
        np.testing.assert_allclose(model.state_dict()[key], value.numpy(), rtol=1e-9, atol=1e-12)


def test_fit_learns_and_reports_what_it_measured():
    x, y = blobs(200)
    model = mlp()
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    history = training.fit(
        model,
        scratch.CrossEntropyLoss(),
        optimizer,
        (x[:150], y[:150]),
        epochs=8,
        batch_size=16,
        validation=(x[150:], y[150:]),
        metrics=[training.accuracy],
        rng=0,
    )
    assert len(history) == 8
    assert history["epoch"] == list(range(1, 9))
    assert history["loss"][-1] < history["loss"][0] / 3
    assert history["validation_accuracy"][-1] > 0.85
    assert history["lr"] == [[0.1]] * 8
    assert not history.interrupted
    found = training.evaluate(model, scratch.CrossEntropyLoss(), (x[150:], y[150:]), 7, {"right": training.accuracy})
    assert found["right"] == pytest.approx(history["validation_accuracy"][-1])
    assert found["loss"] == pytest.approx(history["validation_loss"][-1])


def test_accuracy_by_hand():
    scores = np.array([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]])
    assert training.accuracy(scores, np.array([1, 0, 0])) == pytest.approx(2 / 3)
    # (N, C, positions): each position counts
    assert training.accuracy(np.stack([scores, scores], axis=2), np.array([[1, 1], [0, 1], [0, 0]])) == 0.5


def test_a_loss_with_a_differentiable_target_and_a_function_as_loss():
    x, _ = blobs()
    model = scratch.Linear(4, 4, dtype="float64")

    def squares(prediction, target):
        d = prediction - target
        return (d * d).mean(), lambda dy=1.0: 2 * d * dy / d.size

    optimizer = optim.SGD(model.parameters(), lr=0.2)
    history = training.fit(model, squares, optimizer, (x, 2 * x), 5, 10)
    assert history["loss"][-1] < history["loss"][0]
    again = training.fit(model, scratch.MSELoss(), optimizer, (x, 2 * x), 5, 10)
    assert again["loss"][-1] < history["loss"][-1]


def test_no_input_gradient_is_asked_for_and_memory_is_let_go():
    asked = []

    class Spy(scratch.Module):
        def forward(self, x):
            return x, SpyBackward()

    class SpyBackward(Backward):
        learns = True

        def __call__(self, dy=None, *, input_grad=True, release=False):
            asked.append((input_grad, release))

    linear = scratch.Linear(4, 3, dtype="float64")
    training.train_step(
        scratch.Sequential(Spy(), linear), scratch.CrossEntropyLoss(), optim.SGD(linear.parameters()), *blobs(5)
    )
    assert asked == [(False, True)]


def test_lbfgs_style_closures_are_served():
    calls = []

    class Twice(optim.SGD):
        def step(self, closure: Any = None):
            first = closure()
            calls.append((first, super().step(closure)))
            return first

    x, y = blobs(10)
    model = mlp()
    value, _ = training.train_step(model, scratch.CrossEntropyLoss(), Twice(model.parameters()), x, y)
    assert calls == [(value, value)]


@pytest.fixture
def ctrl_c_works():
    """Also where the tests were started in the background, which a shell does with SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c_works")
@pytest.mark.parametrize("at", ["training", "validation"])
def test_ctrl_c_ends_after_the_step_under_way_and_gives_the_history_so_far(at):
    x, y = blobs(40)
    model, copy = mlp(), mlp()
    calls = 0

    def press_at_the_fifteenth_call(prediction, target):
        nonlocal calls
        calls += 1
        if calls == (15 if at == "training" else 22):  # 10 steps and 10 validation batches an epoch
            signal.raise_signal(signal.SIGINT)
        return 0.0

    history = training.fit(
        model,
        scratch.CrossEntropyLoss(),
        optim.Adam(model.parameters()),
        (x, y),
        5,
        4,
        metrics=[press_at_the_fifteenth_call],
        validation=None if at == "training" else (x, y),
        rng=3,
    )
    steps = 15 if at == "training" else 12
    assert history.interrupted
    assert len(history) == 1
    assert len(history.losses) == steps
    optimizer = optim.Adam(copy.parameters())
    taken = 0
    for epoch in range(2):
        rng = np.random.default_rng([3, epoch])
        for xb, yb in scratch.data.batches(x, y, 4, rng=rng):
            if taken < steps:
                training.train_step(copy, scratch.CrossEntropyLoss(), optimizer, xb, yb)
                taken += 1
    assert_same_weights(weights(model), weights(copy))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("ctrl_c_works")
def test_a_second_ctrl_c_stops_at_once():
    x, y = blobs(8)
    model = mlp()

    def press_twice(prediction, target):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        training.fit(
            model, scratch.CrossEntropyLoss(), optim.SGD(model.parameters()), (x, y), 1, 4, metrics=[press_twice]
        )
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_fit_runs_in_another_thread_too():
    x, y = blobs(8)
    model = mlp()
    found = []

    def work():
        found.append(
            training.fit(model, scratch.CrossEntropyLoss(), optim.SGD(model.parameters()), (x, y), 2, 4, rng=0)
        )

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert len(found[0]) == 2


def test_a_run_taken_up_at_start_epoch_equals_the_uninterrupted_one():
    x, y = blobs()
    whole, halves = mlp(), mlp()
    loss = scratch.CrossEntropyLoss()
    one, two = optim.Adam(whole.parameters()), optim.Adam(halves.parameters())
    schedulers = [lr_scheduler.StepLR(o, 2) for o in (one, two)]
    a = training.fit(whole, loss, one, (x, y), 6, 8, rng=7, scheduler=schedulers[0])
    b = training.fit(halves, loss, two, (x, y), 3, 8, rng=7, scheduler=schedulers[1])
    b = training.fit(halves, loss, two, (x, y), 6, 8, rng=7, scheduler=schedulers[1], start_epoch=3, history=b)
    assert_same_weights(weights(whole), weights(halves))
    assert a.losses == b.losses
    assert a["lr"] == b["lr"]
    assert b["epoch"] == [1, 2, 3, 4, 5, 6]


def test_schedulers_step_per_epoch_per_step_or_on_the_watched_number():
    x, y = blobs(20)
    for every, steps in (("epoch", 2), ("step", 10)):
        model = mlp()
        optimizer = optim.SGD(model.parameters(), lr=1.0)
        scheduler = lr_scheduler.ExponentialLR(optimizer, 0.5)
        training.fit(
            model,
            scratch.CrossEntropyLoss(),
            optimizer,
            (x, y),
            2,
            4,
            scheduler=scheduler,
            scheduler_every=every,
        )
        assert scheduler.last_epoch == steps
    model = mlp()
    optimizer = optim.SGD(model.parameters(), lr=0.0)
    plateau = lr_scheduler.ReduceLROnPlateau(optimizer, patience=0)
    training.fit(model, scratch.CrossEntropyLoss(), optimizer, (x, y), 3, 4, validation=(x, y), scheduler=plateau)
    assert plateau.num_bad_epochs + plateau.last_epoch >= 3


def test_evaluation_runs_in_eval_mode_and_restores_the_mode_of_every_part():
    modes = []

    class Watch(scratch.Module):
        def forward(self, x):
            modes.append(self.training)
            return x, lambda dy: dy

    model = scratch.Sequential(Watch(), scratch.Linear(4, 3, dtype="float64"), Watch())
    model[2].eval()
    training.evaluate(model, scratch.CrossEntropyLoss(), blobs(4))
    assert modes == [False, False]
    assert [m.training for m in model] == [True, True, False]
    model.eval()
    training.fit(model, scratch.CrossEntropyLoss(), optim.SGD(model.parameters()), blobs(4), 1)
    assert model.training


def test_after_epoch_is_called_and_may_end_the_training():
    model = mlp()
    seen = []

    def after(epoch, history):
        seen.append((epoch, len(history)))
        return epoch == 3

    training.fit(model, scratch.CrossEntropyLoss(), optim.SGD(model.parameters()), blobs(), 9, after_epoch=after)
    assert seen == [(1, 1), (2, 2), (3, 3)]


def test_batches_may_come_from_a_function():
    model = mlp()
    x, y = blobs(12)

    def windows(rng):
        for _ in range(3):
            part = rng.integers(0, 12, 5)
            yield x[part], y[part]

    history = training.fit(model, scratch.CrossEntropyLoss(), optim.SGD(model.parameters()), windows, 2, rng=0)
    assert len(history.losses) == 6


def test_the_progress_bar_shows_epochs_and_loss(capsys):
    model = mlp()
    loss = scratch.CrossEntropyLoss()
    training.fit(model, loss, optim.SGD(model.parameters()), blobs(), 2, progress=True)
    shown = capsys.readouterr().err
    assert "epoch 2/2: 100%" in shown
    assert "loss=" in shown
    training.fit(model, loss, optim.SGD(model.parameters()), blobs(), 1)  # no terminal: silence
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"train": (np.zeros((3, 4)), np.zeros(2, int))}, r"one row per example, but has \[3, 2\]"),
        ({"validation": (np.zeros((3, 4)), np.zeros(2, int))}, "validation must be"),
        ({"batch_size": 0}, "batch_size must be positive"),
        ({"scheduler_every": "batch"}, "scheduler_every must be"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_before_anything_happens(options, message):
    model = mlp().eval()
    before = weights(model)
    with pytest.raises(ValueError, match=message):
        training.fit(
            model,
            scratch.CrossEntropyLoss(),
            optim.SGD(model.parameters()),
            **{"train": blobs(), "epochs": 1, **options},
        )
    assert_same_weights(before, weights(model))
    assert not model.training
