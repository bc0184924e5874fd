"""Checkpoints: the run goes on as if never interrupted; weights travel; a bad file changes nothing."""

import io
import os
import pickle
import zipfile

import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
import torch

import scratch
from scratch import checkpoint, optim, training
from scratch.optim import lr_scheduler
from scratch.parameter import Parameter


def network(rng=None):
    return scratch.Sequential(
        scratch.Linear(6, 8),
        scratch.BatchNorm1d(8),
        scratch.Tanh(),
        scratch.Dropout(0.4, rng=rng),
        scratch.Linear(8, 3),
        scratch.Dropout(0.1),
    )


def plain(value):
    """The same in types that compare, arrays as bytes."""
    if isinstance(value, dict):
        return {key: plain(v) for key, v in value.items()}
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    return [plain(v) for v in value] if isinstance(value, (list, tuple)) else value


class Run:
    """Everything a training run needs, with randomness from all three kinds of generators."""

    def __init__(self, seed, name="Adam", **options):
        scratch.manual_seed(seed)
        self.model = network(rng=seed + 1)
        self.optimizer = getattr(optim, name)(self.model.parameters(), lr=0.01, **options)
        self.scheduler = lr_scheduler.CosineAnnealingLR(self.optimizer, 6)
        self.rng = np.random.default_rng(seed + 2)
        rng = np.random.default_rng(100)
        self.data = rng.normal(size=(40, 6)).astype("f4"), rng.integers(0, 3, 40)

    def fit(self, start, stop):
        return training.fit(
            self.model,
            scratch.CrossEntropyLoss(),
            self.optimizer,
            self.data,
            stop,
            8,
            rng=self.rng,
            scheduler=self.scheduler,
            start_epoch=start,
        )

    def save(self, path, **more):
        checkpoint.save(path, self.model, self.optimizer, self.scheduler, rng=self.rng, **more)

    def load(self, path):
        return checkpoint.load(path, self.model, self.optimizer, self.scheduler, rng=self.rng)

    def everything(self):
        """All there is to know about the run, arrays as bytes."""
        states = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "shared": scratch.random.generator().bit_generator.state,
            "rng": self.rng.bit_generator.state,
            "dropout": self.model[3].rng.bit_generator.state,
        }
        return plain(states)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("Adam", {}),
        ("AdamW", {"amsgrad": True}),
        ("SGD", {"momentum": 0.9}),
        ("SGD", {}),
        ("Adamax", {}),
        ("NAdam", {}),
        ("RAdam", {}),
        ("RMSprop", {"momentum": 0.9, "centered": True}),
        ("Rprop", {}),
        ("Adagrad", {}),
        ("Adadelta", {}),
        ("ASGD", {}),
        ("Adafactor", {}),
        ("LBFGS", {"max_iter": 3, "history_size": 4}),
    ],
)
def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(tmp_path, name, options):
    path = tmp_path / "run.safetensors"
    run = Run(0, name, **options)
    run.fit(0, 3)
    run.save(path, epoch=3, extra={"note": [1, "two"]})
    rest = run.fit(3, 6)
    want = run.everything()

    other = Run(77, name, **options)
    found = other.load(path)
    assert found.epoch == 3
    assert found.extra == {"note": [1, "two"]}
    again = other.fit(found.epoch, 6)
    assert again.losses == rest.losses
    assert other.everything() == want


@pytest.mark.parametrize("kind", ["MT19937", "Philox", "SFC64", "PCG64DXSM"])
def test_every_kind_of_generator_is_restored(tmp_path, kind):
    model = scratch.Linear(2, 2)
    generator = np.random.Generator(getattr(np.random, kind)(3))
    generator.normal(size=5)
    checkpoint.save(tmp_path / "a", model, rng=generator)
    want = generator.normal(size=9)
    other = np.random.Generator(getattr(np.random, kind)(4))
    checkpoint.load(tmp_path / "a", model, rng=other)
    np.testing.assert_array_equal(other.normal(size=9), want)


def test_arrays_that_are_not_contiguous_or_have_no_axes_are_written_as_they_read(tmp_path):
    model = scratch.Linear(3, 2, bias=False)
    base = np.arange(6, dtype="f4").reshape(3, 2)
    model.weight.data = base.T
    model.register_buffer("count", np.array(7))
    model.register_buffer("none", np.zeros((0, 3), "f2"))
    model.register_buffer("flags", np.array([True, False]))
    model.register_buffer("big", np.arange(3, dtype=">f8"))
    for write in (checkpoint.save_weights, checkpoint.save):
        write(tmp_path / "a", model)
        found = checkpoint.load_weights(tmp_path / "a")
        assert found.keys() == model.state_dict().keys()
        for key, value in model.state_dict().items():
            np.testing.assert_array_equal(found[key], value)
            assert found[key].shape == value.shape
            assert found[key].dtype == value.dtype.newbyteorder("=")


def test_optimizer_state_of_transposed_parameters_survives(tmp_path):
    p = Parameter(np.arange(6.0).reshape(2, 3).T)
    model = scratch.Module()
    model.p = p
    optimizer = optim.Adam([p])
    p.grad = np.arange(6.0).reshape(3, 2)
    optimizer.step()
    checkpoint.save(tmp_path / "a", model, optimizer)
    want = optimizer.state_dict()["state"][0]["exp_avg"]
    fresh = optim.Adam([p])
    checkpoint.load(tmp_path / "a", model, fresh)
    np.testing.assert_array_equal(fresh.state_dict()["state"][0]["exp_avg"], want)


# ---------------------------------------------------------------------- to torch and back


def torch_network():
    return torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 3))


def test_torch_loads_what_scratch_saves(tmp_path):
    model = scratch.Sequential(scratch.Linear(4, 8), scratch.BatchNorm1d(8), scratch.Linear(8, 3))
    checkpoint.save_weights(tmp_path / "a.safetensors", model)
    twin = torch_network()
    twin.load_state_dict(safetensors.torch.load_file(tmp_path / "a.safetensors"))
    x = np.random.default_rng(0).normal(size=(5, 4)).astype("f4")
    np.testing.assert_allclose(
        model.eval().predict(x), twin.eval()(torch.tensor(x)).detach().numpy(), rtol=1e-5, atol=1e-6
    )
    checkpoint.save(tmp_path / "b.safetensors", model, optim.SGD(model.parameters()))
    twin.load_state_dict(safetensors.torch.load_file(tmp_path / "b.safetensors"))


@pytest.mark.parametrize("way", ["torch.save", "parameters", "safetensors"])
def test_scratch_loads_what_torch_saves(tmp_path, way):
    twin = torch_network()
    twin(torch.randn(10, 4))
    path = tmp_path / "model"
    if way == "safetensors":
        safetensors.torch.save_file(twin.state_dict(), path)
    else:
        torch.save(
            dict(twin.named_parameters()) | dict(twin.named_buffers()) if way == "parameters" else twin.state_dict(),
            path,
        )
    model = scratch.Sequential(scratch.Linear(4, 8), scratch.BatchNorm1d(8), scratch.Linear(8, 3))
    model.load_state_dict(checkpoint.load_weights(path))
    for key, value in twin.state_dict().items():
        np.testing.assert_array_equal(model.state_dict()[key], value.numpy())


def test_views_and_all_dtypes_of_torch_are_read(tmp_path):
    base = torch.arange(24.0).reshape(2, 3, 4)
    tensors = {
        "transposed": base.transpose(0, 2),
        "slice": base[1, ::2, 1:3],
        "expanded": torch.ones(1, 3).expand(4, 3),
        "scalar": torch.tensor(3),
        "empty": torch.zeros(0, 3),
    }
    for dtype in ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool"):
        tensors[dtype] = torch.tensor([0, 1, 3]).to(getattr(torch, dtype))
    torch.save(tensors, tmp_path / "a.pt")
    found = checkpoint.load_weights(tmp_path / "a.pt")
    for key, value in tensors.items():
        np.testing.assert_array_equal(found[key], value.numpy())
        assert found[key].dtype == value.numpy().dtype
        assert found[key].flags.writeable
        assert found[key].shape == tuple(value.shape)


def test_bfloat16_becomes_float32(tmp_path):
    tensor = torch.tensor([[1.0, -2.5], [3.1415927, float("inf")]]).bfloat16()
    torch.save({"w": tensor}, tmp_path / "a.pt")
    safetensors.torch.save_file({"w": tensor}, tmp_path / "a.safetensors")
    for name in ("a.pt", "a.safetensors"):
        found = checkpoint.load_weights(tmp_path / name)["w"]
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, tensor.float().numpy())


def test_one_entry_of_a_file_with_several_can_be_asked_for(tmp_path):
    torch.save({"epoch": 3, "model": {"w": torch.ones(2)}}, tmp_path / "a.pt")
    np.testing.assert_array_equal(checkpoint.load_weights(tmp_path / "a.pt", key="model")["w"], 1)
    with pytest.raises(ValueError, match=r"'epoch' is a int; perhaps load_weights\(path, key='model'\)"):
        checkpoint.load_weights(tmp_path / "a.pt")
    with pytest.raises(ValueError, match="has no entry 'net' but"):
        checkpoint.load_weights(tmp_path / "a.pt", key="net")


class Evil:
    """Unpickled, it would make a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_code_in_a_torch_file_is_never_run(tmp_path):
    torch.save({"w": Evil(str(tmp_path / "made"))}, tmp_path / "a.pt")
    with pytest.raises(ValueError, match="mkdir, and only dictionaries of tensors are read"):
        checkpoint.load_weights(tmp_path / "a.pt")
    assert not (tmp_path / "made").exists()
    torch.save(torch_network(), tmp_path / "b.pt")  # a whole module
    with pytest.raises(ValueError, match="torch.nn.modules.container.Sequential"):
        checkpoint.load_weights(tmp_path / "b.pt")


def handmade(path, storage, *arguments):
    """A torch file with one tensor whose description is made up."""

    class Tensor:
        def __reduce__(self):
            return torch._utils._rebuild_tensor_v2, (storage, *arguments)

    class Pickler(pickle.Pickler):
        def persistent_id(self, obj):
            return obj if isinstance(obj, tuple) and obj[:1] == ("storage",) else None

    content = io.BytesIO()
    Pickler(content, 2).dump({"w": Tensor()})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/data.pkl", content.getvalue())
        archive.writestr("a/data/0", bytes(40))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, (11,), (1,)), r"a tensor \(11,\)"),
        ((5, (3, 2), (2, 2)), "a tensor"),
        ((-1, (2,), (1,)), "a tensor"),
        ((0, (2,), (-1,)), "a tensor"),
        ((0, (2, 2), (1,)), "a tensor"),
    ],
)
def test_tensors_that_reach_beyond_their_storage_are_refused(tmp_path, arguments, message):
    storage = ("storage", torch.FloatStorage, "0", "cpu", 10)
    handmade(tmp_path / "a.pt", storage, *arguments, False, {})
    with pytest.raises(ValueError, match=message):
        checkpoint.load_weights(tmp_path / "a.pt")
    handmade(tmp_path / "a.pt", storage, 1, (3, 3), (3, 1), False, {})
    assert checkpoint.load_weights(tmp_path / "a.pt")["w"].shape == (3, 3)
    handmade(tmp_path / "a.pt", ("storage", torch.FloatStorage, "0", "cpu", 9), 1, (3,), (1,), False, {})
    with pytest.raises(ValueError, match="storage 0 has 10 items instead of 9"):
        checkpoint.load_weights(tmp_path / "a.pt")


# ---------------------------------------------------------------------- bad files change nothing


def damaged(content: bytes, rng) -> bytes:
    if rng.random() < 0.3:
        return content[: int(rng.integers(len(content)))]
    place = int(rng.integers(len(content)))
    return content[:place] + bytes([content[place] ^ (1 << int(rng.integers(8)))]) + content[place + 1 :]


def test_a_damaged_checkpoint_is_refused_and_changes_nothing(tmp_path):
    path = tmp_path / "run.safetensors"
    run = Run(0)
    run.fit(0, 1)
    run.save(path, epoch=1)
    content = path.read_bytes()
    run.fit(1, 2)
    before = run.everything()
    rng = np.random.default_rng(0)
    for _ in range(150):
        path.write_bytes(damaged(content, rng))
        with pytest.raises(ValueError, match=r"run\.safetensors"):
            run.load(path)
        assert run.everything() == before


@pytest.mark.parametrize("name", ["a.pt", "a.safetensors"])
def test_damaged_weights_never_raise_anything_but_a_value_error(tmp_path, name):
    path = tmp_path / name
    if name == "a.pt":
        torch.save(torch_network().state_dict(), path)
    else:
        checkpoint.save(path, network())
    content, whole = path.read_bytes(), checkpoint.load_weights(path)
    rng = np.random.default_rng(1)
    messages = []
    for _ in range(300):
        path.write_bytes(damaged(content, rng))
        try:
            found = checkpoint.load_weights(path)
        except ValueError as error:
            messages.append(str(error))
        else:  # the damage was in the padding between the tensors
            assert plain(found) == plain(whole)
    assert all(name in message for message in messages)
    assert len(messages) > 150


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "damaged"), (b"hello", "damaged"), (b"<html>" * 100, "damaged"), (b"PK\x03\x04 no zip", "damaged")],
)
def test_foreign_files_are_refused(tmp_path, content, message):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        checkpoint.load_weights(tmp_path / "a")
    with pytest.raises(ValueError, match=message):
        checkpoint.load(tmp_path / "a", scratch.Linear(2, 2))


def test_a_zip_file_that_is_none_of_torchs_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("hello.txt", "hello")
    with pytest.raises(ValueError, match=r"without torch\.save's data\.pkl"):
        checkpoint.load_weights(tmp_path / "a.zip")


def test_a_file_of_weights_is_no_checkpoint(tmp_path):
    model = scratch.Linear(2, 2)
    checkpoint.save_weights(tmp_path / "a", model)
    with pytest.raises(ValueError, match="use load_weights"):
        checkpoint.load(tmp_path / "a", model)


def test_what_does_not_fit_changes_nothing(tmp_path):
    path = tmp_path / "run.safetensors"
    Run(0).save(path)
    small = scratch.Linear(2, 2)
    run = Run(1)
    before = run.everything()
    cases = [
        ((small, run.optimizer, run.scheduler), run.rng, "missing: weight"),
        ((run.model, optim.SGD(small.parameters()), None), None, r"parameter groups have \[2\]"),
        ((run.model, run.optimizer, lr_scheduler.StepLR(run.optimizer, 3)), None, "state of a CosineAnnealingLR"),
        ((run.model, run.optimizer, None), np.random.Generator(np.random.SFC64()), "was a PCG64, but is now a SFC64"),
    ]
    for arguments, rng, message in cases:
        with pytest.raises(ValueError, match=message):
            checkpoint.load(path, *arguments, rng=rng)
        assert run.everything() == before
    bare = tmp_path / "bare.safetensors"
    checkpoint.save(bare, run.model)
    with pytest.raises(ValueError, match="was saved without optimizer"):
        checkpoint.load(bare, run.model, run.optimizer)
    with pytest.raises(ValueError, match=r"without the generators \['rng'\]"):
        checkpoint.load(bare, run.model, rng=run.rng)


def test_a_failed_save_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "a.safetensors"
    model = scratch.Linear(2, 2)
    checkpoint.save(path, model, epoch=1)
    with pytest.raises(TypeError):
        checkpoint.save(path, model, epoch=2, extra=object())

    def full(descriptor):
        raise OSError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="disk full"):
            checkpoint.save(path, model, epoch=2)
    with monkeypatch.context() as patched:  # cut off at the last moment: the new file never had the old one's name
        patched.setattr(os, "replace", full)
        with pytest.raises(TypeError):
            checkpoint.save(path, model, epoch=2)
    assert checkpoint.load(path, model).epoch == 1
    assert [f.name for f in tmp_path.iterdir()] == ["a.safetensors"]


def test_a_link_stays_a_link(tmp_path):
    model = scratch.Linear(2, 2)
    (tmp_path / "link").symlink_to(tmp_path / "target")
    checkpoint.save(tmp_path / "link", model, epoch=4)
    assert (tmp_path / "link").is_symlink()
    assert checkpoint.load(tmp_path / "target", model).epoch == 4
