"""Run every benchmark, or those named, each in a process of its own: python -m evals.bench [NAME ...] [--option ...].

Options go to the benchmarks named.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Run them one after the other; the exit code is 1 where one failed."""
    known = sorted(file.stem for file in HERE.glob("[a-z]*.py"))
    given = sys.argv[1:]
    first = next((place for place, word in enumerate(given) if word.startswith("-")), len(given))
    chosen, options = given[:first] or known, given[first:]
    if unknown := sorted(set(chosen) - set(known)):
        sys.stderr.write(f"There is no benchmark {', '.join(unknown)}; the known ones are {', '.join(known)}.\n")
        return 2
    failed = []
    for name in chosen:
        print(f"== {name}", flush=True)
        command = [sys.executable, "-m", f"evals.bench.{name}", *options]
        if subprocess.run(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, check=False).returncode:
            failed.append(name)
    if failed:
        sys.stderr.write(f"Failed: {', '.join(failed)}.\n")
    return bool(failed)


if __name__ == "__main__":
    raise SystemExit(main())
