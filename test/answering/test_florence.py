"""Florence-2's plumbing against transformers' own, on a tiny random checkpoint."""

import numpy as np
import pytest
import torch
from kitchen import FakeDetector, draw
from PIL import Image
from tiny_chat_models import save_florence2
from transformers import AutoProcessor, Florence2ForConditionalGeneration

from vlm_robot.answering import AnswerCancelled, CancelToken, load_answerer
from vlm_robot.answering.chat.generation import Generated
from vlm_robot.answering.florence import DESCRIBE, LOCATE, FlorenceProposer, asks_for_all
from vlm_robot.answering.loading import load_proposer
from vlm_robot.answering.proposal import FreeOptions
from vlm_robot.models.checkpoint import find_checkpoint
from vlm_robot.types import InputError, Verdict


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("florence2")
    save_florence2(folder)
    return folder


@pytest.fixture(scope="module")
def proposer(folder, encoder):
    return load_proposer(
        find_checkpoint(str(folder)),
        device=torch.device("cpu"),
        dtype=torch.float32,
        options=FreeOptions(most_tokens=10),
        encoder=encoder,
    )


@pytest.mark.parametrize("task", [DESCRIBE, f"{LOCATE}red mug"])
def test_what_it_writes_is_transformers_own(proposer, folder, task):
    processor = AutoProcessor.from_pretrained(folder)
    model = Florence2ForConditionalGeneration.from_pretrained(folder).eval()
    frame = draw()
    inputs = processor(images=Image.fromarray(frame.image), text=task, return_tensors="pt")
    tokens = model.generate(**inputs, max_new_tokens=10, num_beams=1, do_sample=False)
    (own,) = processor.batch_decode(tokens[:, 1:], skip_special_tokens=False)
    written = proposer._florence.write(frame.image, task)
    assert written.text == own.replace("<s>", "").replace("</s>", "").replace("<pad>", "").strip()
    assert 0.0 < written.probability < 1.0


def test_boxes_are_read_as_the_processor_reads_them(folder):
    from vlm_robot.answering.florence import read_boxes

    processor = AutoProcessor.from_pretrained(folder)
    text = "red mug<loc_100><loc_200><loc_300><loc_400>table<loc_0><loc_500><loc_999><loc_999>"
    own = processor.post_process_generation(text=text, task="<OD>", image_size=(640, 480))["<OD>"]
    boxes = read_boxes(text, np.zeros((480, 640, 3), np.uint8))
    assert [box.label for box in boxes] == own["labels"]
    np.testing.assert_allclose([box.box for box in boxes], own["bboxes"], atol=1.0)


class Written(FlorenceProposer):
    """Florence-2 with replies that are written down, so that the rules can be tested."""

    def __init__(self, replies, encoder):
        model = torch.nn.Module()
        model.device, model.dtype = torch.device("cpu"), torch.float32
        super().__init__(model, None, name="florence", encoder=encoder)
        self._florence.write = lambda image, task: Generated(
            replies.get(task, ""), 4, 0.9 if task in replies else 0.1, 0.1
        )


def test_an_answer_is_reasoned_from_what_it_locates(encoder):
    florence = Written({f"{LOCATE}mug": "mug<loc_359><loc_500><loc_421><loc_604>"}, encoder)
    found = florence.propose("What colour is the mug?", draw(), cancel=CancelToken())
    assert found.text == "The mug is red."
    np.testing.assert_allclose(found.boxes[0].box, (230, 240, 270, 290), atol=1.0)
    assert florence.propose("Is there a dog?", draw(), cancel=CancelToken()).text[:3] == "No:"


def test_the_whole_picture_is_described(encoder):
    florence = Written({DESCRIBE: "A mug and two chairs."}, encoder)
    found = florence.propose("What do you see?", draw(), cancel=CancelToken())
    assert found.text == "A mug and two chairs."


def test_what_no_task_can_tell_is_no_answer(encoder):
    found = Written({}, encoder).propose("Who lives here?", draw(), cancel=CancelToken())
    assert found.text == ""


@pytest.mark.parametrize(
    ("question", "everything"),
    [("What do you see?", True), ("what is on the table", False), ("is there a mug", False)],
)
def test_which_questions_ask_for_all(question, everything):
    assert asks_for_all(question) is everything


def test_a_cancel_ends_it(proposer):
    cancel = CancelToken()
    hook = proposer._florence._model.register_forward_pre_hook(lambda *_: cancel.cancel())
    with pytest.raises(AnswerCancelled):
        proposer.propose("Is there a mug?", draw(), cancel=cancel)
    hook.remove()


def test_exemplars_are_refused(proposer):
    from vlm_robot.detection.prompts import PromptSet

    exemplars = PromptSet.__new__(PromptSet)
    object.__setattr__(exemplars, "exemplars", (object(),))
    with pytest.raises(InputError, match="no exemplars"):
        proposer._florence.encode(exemplars)


def test_the_factory_loads_it_and_the_detector_checks_it(folder, encoder):
    answerer = load_answerer(
        str(folder), detector=FakeDetector(), encoder=encoder, device="cpu", dtype="float32"
    )
    answer = answerer.answer("Is there a mug?", draw(), cancel=CancelToken())
    # Random weights locate nothing, and the detector sees the mug.
    assert answer.text.startswith("No")
    assert answer.verdict is Verdict.CONTRADICTED
