"""What `test_stages.py` starts through torchrun: one compression by all processes, and what each saw of it.

    python -m torch.distributed.run ... compress_in_processes.py HOME OUT

Each process writes `rank-R.json`: the cut that was chosen, F1 on test, the digest of the delivered weights.
"""

import json
import os
import sys
from pathlib import Path

import pytest
from tiny_compression import steady, tiny_work

from utils.model.checkpoint import load_raner, model_digest
from utils.studies.compression.plan import Target
from utils.studies.compression.stages import compress


def main(home: Path, out: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        steady(patch)
        (trial,) = compress(tiny_work(out / "work", home, Target(speedup=1.6, lose=100)))
    model, _ = load_raner(out / "work" / "artifacts" / trial.name / "result" / "torch-fp32")
    seen = [*trial.choice, trial.row("compressed")["f1"], model_digest(model)]
    (out / f"rank-{os.environ['RANK']}.json").write_text(json.dumps(seen))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
