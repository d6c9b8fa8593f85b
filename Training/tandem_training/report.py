"""Results as JSON lines: what a run did, with the commit, the machine, the seed and the command that made it."""

from __future__ import annotations

import json
import platform
import shlex
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

from .recipe import Recipe


def machine() -> str:
    """The processor's name and the number of cores, as the system tells them."""
    import os

    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                name = line.split(":", 1)[1].strip()
                break
    return f"{name}, {os.cpu_count()} cores"


def commit() -> str:
    finished = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, cwd=Path(__file__).parent)
    return finished.stdout.strip() if finished.returncode == 0 else "unknown"


def provenance(seed: int | None) -> dict:
    """What every line of a results file says about its origin."""
    return {
        "commit": commit(), "machine": machine(), "seed": seed,
        "command": shlex.join(["python", "-m", "tandem_training", *sys.argv[1:]]),
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }


def summarise_run(recipe: Recipe, run: Path, every: int) -> list[dict]:
    """A run's log thinned to one line every `every` steps; lines with dev error rates and starts are all kept."""
    origin = provenance(recipe.seed)
    lines = []
    for text in (run / "log.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(text)
        if "dev" in record:
            kind = "dev"
        elif "parameters" in record:
            kind = "start"
        elif record["step"] % every == 0:
            kind = "losses"
        else:
            continue
        lines.append({"result": "training", "kind": kind, "model": recipe.name, **record, **origin})
    return lines
