"""One thread a process, so that tests beside each other don't fight for cores."""

import os
import sys
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
sys.path.append(str(Path(__file__).parent))  # for what tests share: tiny_checkpoints


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory):
    """Folder of a tiny random detector, by its `model_type`; made once a session."""
    made = {}

    def folder(model_type: str) -> Path:
        from tiny_checkpoints import SAVERS

        if model_type not in made:
            made[model_type] = SAVERS[model_type](tmp_path_factory.mktemp(model_type))
        return made[model_type]

    return folder
