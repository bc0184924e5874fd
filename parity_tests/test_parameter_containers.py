"""ParameterList and ParameterDict behave as torch's."""

import numpy as np
import pytest
import torch

import scratch
from scratch import ParameterDict, ParameterList
from scratch.parameter import Parameter


class Scales(scratch.Module):
    """y = x · scales[0] · ... · extra["b"]"""

    def __init__(self):
        self.scales = ParameterList([np.array([2.0]), Parameter(np.array([3.0]))])
        self.extra = ParameterDict({"b": np.array([5.0])})

    def forward(self, x):
        a, b, c = (p.data for p in (*self.scales, self.extra["b"]))

        def backward(dy):
            for p, others in zip((*self.scales, self.extra["b"]), (b * c, a * c, a * b)):
                p.add_grad((dy * x * others).sum(keepdims=True))
            return dy * a * b * c

        return x * a * b * c, backward


def test_their_parameters_are_found_saved_and_loaded_under_torchs_names():
    model = Scales()
    twin = torch.nn.Module()
    twin.scales = torch.nn.ParameterList([torch.tensor([2.0]), torch.tensor([3.0])])
    twin.extra = torch.nn.ParameterDict({"b": torch.tensor([5.0])})
    assert [name for name, _ in model.named_parameters()] == [name for name, _ in twin.named_parameters()]
    model.load_state_dict({key: 10 * value for key, value in twin.state_dict().items()})
    assert [p.data.item() for p in model.parameters()] == [20, 30, 50]


def test_an_optimizer_steps_them():
    model = Scales()
    y, backward = model(np.array([1.0]))
    assert y.item() == 30
    backward(np.array([1.0]))
    scratch.optim.SGD(model.parameters(), lr=0.1).step()
    assert [p.data.item() for p in model.parameters()] == [0.5, 2.0, 4.4]


def test_a_list_has_the_methods_of_torchs():
    a, b, c = (Parameter(np.full(2, float(i))) for i in range(3))
    ours = ParameterList([a]).append(b)
    ours += [c]
    assert list(ours) == [a, b, c]
    assert len(ours) == 3
    assert ours[-1] is c
    assert list(ours[1:]) == [b, c]
    ours[-1] = np.ones(3)
    assert ours[2].shape == (3,)
    assert list(ours.state_dict()) == ["0", "1", "2"]
    with pytest.raises(IndexError):
        ours[3]
    with pytest.raises(IndexError, match="out of range"):
        ours[3] = a


def test_a_dictionary_has_the_methods_of_torchs():
    a, b = Parameter(np.zeros(1)), Parameter(np.ones(1))
    ours = ParameterDict({"a": a})
    ours.update([("b", b)])
    assert list(ours) == ["a", "b"]
    assert list(ours.keys()) == ["a", "b"]
    assert list(ours.values()) == [a, b]
    assert dict(ours.items()) == {"a": a, "b": b}
    assert "a" in ours
    assert ours.get("z") is None
    assert ours.setdefault("a", b) is a
    assert ours.setdefault("c", np.ones(4)).shape == (4,)
    assert ours.popitem()[0] == "c"
    assert ours.pop("a") is a
    both = ours | {"d": a}
    assert list(both) == ["b", "d"]
    ours |= {"e": a}
    assert list(ours.copy()) == ["b", "e"]
    del ours["b"]
    ours.clear()
    assert len(ours) == 0
    for missing in (lambda: ours["b"], lambda: ours.pop("b"), ours.popitem):
        with pytest.raises(KeyError):
            missing()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: ParameterList([3]), TypeError, "expects Parameters or arrays"),
        (lambda: ParameterList([np.arange(3)]), TypeError, "floating-point"),
        (lambda: ParameterList().extend(np.ones(3)), TypeError, "expects several parameters"),
        (lambda: ParameterDict({"keys": np.ones(3)}), ValueError, "name of a method"),
        (lambda: ParameterDict({3: np.ones(3)}), TypeError, "must be a string"),
        (lambda: ParameterList()(np.ones(3)), RuntimeError, "should not be called"),
    ],
)
def test_what_does_not_belong_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_the_repr_names_dtypes_and_sizes():
    ours = ParameterList([np.zeros((2, 3), np.float32), np.zeros(4)])
    assert repr(ours) == (
        "ParameterList(\n  (0): Parameter containing: [float32 of size 2x3]\n"
        "  (1): Parameter containing: [float64 of size 4]\n)"
    )
    assert repr(ParameterDict()) == "ParameterDict()"
