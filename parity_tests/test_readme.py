"""The README's code runs as it stands."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_readmes_code_runs_and_says_what_it_should(capsys):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert len(blocks) == 3
    namespace: dict = {}
    for block in blocks:
        exec(block, namespace)
    printed = capsys.readouterr().out
    assert float(re.search(r"accuracy ([\d.]+)", printed)[1]) > 0.9
    assert "dx is wrong" in printed
    assert "Smallest case found" in printed
