"""The comparison's chart, drawn by the program in `bench/` as a user runs it."""

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parent.parent
RESULT = ROOT / "bench" / "results" / "comparison.json"
CHART = ROOT / "docs" / "bench.svg"
LIMIT = 60.0


def test_the_chart_in_the_docs_is_what_the_stored_figures_draw(tmp_path: Path) -> None:
    drawn = tmp_path / "bench.svg"
    subprocess.run([sys.executable, ROOT / "bench" / "chart.py", RESULT, drawn], check=True, timeout=LIMIT)
    assert drawn.read_bytes() == CHART.read_bytes(), f"python bench/chart.py {RESULT} {CHART}"
    image = ElementTree.parse(drawn).getroot()
    named = {child.get("id"): child.text for child in image}
    assert image.get("role") == "img"
    assert all(named[name] for name in image.get("aria-labelledby", "").split())
