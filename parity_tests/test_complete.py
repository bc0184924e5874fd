"""Nothing is half there: every public name has a twin, a pair, a benchmark size and its place in the book."""

import re
from pathlib import Path

import pytest

import parity_tests.pairs  # noqa: F401  (fills the registry)
import scratch.models
import torch_ref
import torch_ref.functional
import torch_ref.models
from parity_tests import coverage
from parity_tests.pair import REGISTRY

ROOT = Path(__file__).parent.parent
CONTAINERS = {"Module", "ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Residual", "Sequential"}
CLASSES = [n for n in coverage.classes() if n not in CONTAINERS]
FUNCTIONS = coverage.functions()

NOT_YET: set[str] = set()


@pytest.mark.parametrize("name", CLASSES + FUNCTIONS)
def test_has_a_pair_and_a_twin(name):
    assert name in REGISTRY, f"{name} has no Pair: declare it in parity_tests/pairs/{coverage.topic(name)}.py"
    twin = hasattr(torch_ref, name) or hasattr(torch_ref.functional, name)
    assert twin, f"{name} has no twin: add it to torch_ref/{coverage.topic(name)}.py"


@pytest.mark.parametrize("name", CLASSES)
def test_has_a_benchmark_size(name):
    assert REGISTRY[name].sizes, f"{name}: its Pair names no sizes for the benchmarks"


@pytest.mark.parametrize("name", sorted({*coverage.classes(), *FUNCTIONS}))
def test_is_in_the_book(name):
    topic = coverage.page(name)
    page = ROOT / "docs" / f"{topic}.md"
    assert page.exists(), f"{name}: there is no docs/{topic}.md"
    assert f"`{name}`" in page.read_text(), f"docs/{topic}.md does not name `{name}`"


def test_bad_input_is_declared_for_every_topic():
    topics = {coverage.topic(n) for n in CLASSES + FUNCTIONS}
    refused = {coverage.topic(n) for n in CLASSES + FUNCTIONS if n in REGISTRY and REGISTRY[n].bad}
    assert topics == refused


def test_every_name_of_torch_is_here_or_left_out_with_a_reason():
    missing = coverage.missing(coverage.torch_classes(), coverage.classes())
    missing += coverage.missing(coverage.torch_functions(), coverage.functions())
    assert set(missing) == NOT_YET


def test_nothing_is_left_out_that_torch_does_not_have_or_that_is_here():
    theirs = {*coverage.torch_classes(), *coverage.torch_functions()}
    here = {*coverage.classes(), *coverage.functions()} - CONTAINERS
    assert set(coverage.LEFT_OUT) <= theirs
    assert not set(coverage.LEFT_OUT) & here


@pytest.mark.parametrize("name", [n for n in coverage.models() if n != "MySequential"])  # takes modules: has own tests
def test_a_model_has_a_pair_a_twin_and_a_benchmark_size(name):
    assert name in REGISTRY, f"{name} has no Pair: declare it in parity_tests/pairs/models/{coverage.stem(name)}.py"
    assert hasattr(torch_ref.models, name), f"{name} has no twin: add it to torch_ref/models/{coverage.stem(name)}.py"
    assert REGISTRY[name].sizes, f"{name}: its Pair names no sizes for the benchmarks"


@pytest.mark.parametrize("name", sorted(scratch.models.__all__))
def test_a_model_is_in_the_book(name):
    page = ROOT / "docs" / "models" / f"{coverage.stem(name)}.md"
    assert page.exists(), f"{name}: there is no docs/models/{page.name}"
    assert re.search(f"`{name}[`(]", page.read_text()), f"docs/models/{page.name} does not name `{name}`"


@pytest.mark.parametrize("name", coverage.examples())
def test_an_example_has_a_page_and_a_picture(name):
    assert (ROOT / "docs" / "examples" / f"{name}.md").exists(), f"there is no docs/examples/{name}.md"
    assert list((ROOT / "docs" / "images").glob(f"{name}*.png")), f"there is no docs/images/{name}.png"


def test_the_books_contents_link_to_every_page():
    contents = (ROOT / "docs" / "README.md").read_text()
    pages = [p.relative_to(ROOT / "docs").as_posix() for p in sorted((ROOT / "docs").rglob("*.md"))]
    assert [p for p in pages if p != "README.md" and f"({p})" not in contents] == []


def test_the_readmes_tables_are_the_generated_ones():
    readme = (ROOT / "README.md").read_text()
    assert readme == coverage.written(readme), "run `python -m parity_tests.coverage --readme`"
