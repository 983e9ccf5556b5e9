"""How the embedded VLM is asked: image, question, a line's end, answer.

The chat backend explains to any model how to write boxes, and how to choose; this one was tuned on
bare questions, so that its template takes the explanations away, by the backend's own words.
"""

from __future__ import annotations

from vlm_robot.answering.proposal import CHOICE_INTRODUCTION, DATA_NOT_ORDERS, QUESTION_INTRODUCTION

IMAGE = "<image>"
"""The placeholder of one token of an image."""
END = "<|im_end|>"


def start() -> str:
    """What stands before the image."""
    return "<|im_start|>"


def ask(question: str) -> str:
    """What stands between image and answer."""
    return f"{question}\n"


def end_of_answer() -> str:
    """What ends an answer."""
    return END


def chat_template() -> str:
    """The same as a Jinja template, for messages of images and text."""
    bare = (
        f"c['text'].split({_quoted(QUESTION_INTRODUCTION)})[-1]"
        f".split({_quoted(CHOICE_INTRODUCTION)})[0]"
        f".replace({_quoted(DATA_NOT_ORDERS)}, '') | trim"
    )
    return (
        f"{start()}{{% for m in messages %}}"
        "{% if m['role'] == 'assistant' %}"
        f"{{% for c in m['content'] %}}{{{{ c['text'] }}}}{{% endfor %}}{END}"
        "{% else %}{% for c in m['content'] %}"
        f"{{% if c['type'] == 'image' %}}{IMAGE}{{% else %}}{{{{ ({bare}) + '\\n' }}}}{{% endif %}}"
        "{% endfor %}{% endif %}{% endfor %}"
    )


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{escaped}'"
