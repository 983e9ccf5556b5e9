import pytest
from tiny_embedded_vlm import save_tiny_parts, tiny_language

from vlm_robot.answering.embedded.assembly import assemble


@pytest.fixture
def make(tmp_path):
    """Assemble the tiny model into tmp_path/cache."""
    file = save_tiny_parts(tmp_path)

    def made(**options):
        given = {"language": file, "load": tiny_language, **options}
        return assemble(tmp_path / "parts", tmp_path / "cache", **given)

    return made
