"""Try again all that fuzzers have found on this machine: `python -m fuzz.replay [TARGET …]`.

For a native module that is built in another way (`native.sh checked`), and after a change. Ends with the first that
fails.
"""

import argparse
from pathlib import Path

from fuzz import targets

SCRATCH = Path(".venv/fuzzing")


def main() -> None:
    """Try all of some targets, or of all."""
    parser = argparse.ArgumentParser(prog="python -m fuzz.replay")
    parser.add_argument("targets", nargs="*", default=targets.NAMES)
    for name in parser.parse_args().targets:
        check, folder = targets.target(name).check, SCRATCH / name
        inputs = sorted(folder.iterdir()) if folder.is_dir() else []
        for path in inputs:
            try:
                check(path.read_bytes())
            except Exception as error:
                raise AssertionError(f"{path}") from error
        print(f"{name}\t{len(inputs)} inputs", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
