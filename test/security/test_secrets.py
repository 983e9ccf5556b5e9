"""No setting holds a secret: settings are parameters, which any node may read, and go into logs."""

import re

from vlm_robot.settings import setting_infos

SECRET = re.compile(r"(^|_)(key|token|secret|password|credential)$")
"""A file that holds one may be named, and `answer_tokens` are words."""


def test_no_setting_is_a_secret():
    assert not [info.name for info in setting_infos() if SECRET.search(info.name)]
