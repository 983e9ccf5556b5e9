"""How the transformers backend treats prompts, memory, exemplars and options."""

import logging
from collections import Counter
from functools import cache

import numpy as np
import pytest
import torch
from transformers import AutoModelForZeroShotObjectDetection

from vlm_robot.detection.detector import DetectionOptions
from vlm_robot.detection.factory import load_detector, warm_up
from vlm_robot.detection.postprocess import iou_matrix
from vlm_robot.detection.prompts import Exemplar, prompt_set
from vlm_robot.models.checkpoint import ModelError
from vlm_robot.types import InputError

OWLS = ("owlvit", "owlv2")
DINOS = ("grounding-dino", "mm-grounding-dino")
KINDS = (*OWLS, *DINOS, "omdet-turbo")
EVERYTHING = DetectionOptions(nms_iou=1.0, max_detections=10_000)
COLOURS = ("red", "blue", "green", "yellow", "black", "white", "a", "the")
THINGS = ("chair", "armchair", "table", "couch", "mug", "bottle", "box", "cat", "dog", "door")
MANY = [f"{colour} {thing}" for thing in THINGS for colour in COLOURS][:100] + list(THINGS)


def pictures(count, height=48, width=64, seed=7):
    return list(np.random.default_rng(seed).integers(0, 256, (count, height, width, 3), np.uint8))


@pytest.fixture
def fresh(tiny_checkpoint):
    return lambda kind: load_detector(str(tiny_checkpoint(kind)), device="cpu")


@pytest.fixture(scope="module")
def load(tiny_checkpoint):
    """Detectors that tests share: none may change one."""
    return cache(lambda kind: load_detector(str(tiny_checkpoint(kind)), device="cpu"))


def ask(detector, images, phrases, *, threshold=0.0, options=EVERYTHING, **more):
    prompts = detector.encode(prompt_set(phrases, threshold=threshold, **more))
    return detector.detect(images, prompts, options)


def same(ours, theirs):
    np.testing.assert_array_equal(ours.labels, theirs.labels)
    np.testing.assert_allclose(ours.scores, theirs.scores, atol=1e-4)
    np.testing.assert_allclose(ours.boxes, theirs.boxes, atol=1e-3)


@pytest.fixture
def runs():
    """Counts how often a torch module of each class ran."""
    counts = Counter()
    hook = torch.nn.modules.module.register_module_forward_hook(
        lambda module, inputs, outputs: counts.update([type(module).__name__])
    )
    yield counts
    hook.remove()


TEXT_SIDE = {
    "owlvit": "OwlViTTextTransformer",
    "owlv2": "Owlv2TextTransformer",
    "grounding-dino": "BertModel",
    "mm-grounding-dino": "BertModel",
    "omdet-turbo": "CLIPTextModel",
}


@pytest.mark.parametrize("kind", KINDS)
def test_text_is_encoded_once_for_a_prompt_set(kind, fresh, runs):
    detector = fresh(kind)
    prompts = detector.encode(prompt_set(["chair", "a cat"], threshold=0.3))
    for image in pictures(10):
        detector.detect([image], prompts, EVERYTHING)
    # OmDet encodes its classes and its task, one text each.
    assert runs[TEXT_SIDE[kind]] == (2 if kind == "omdet-turbo" else 1)


@pytest.mark.parametrize("kind", DINOS)
def test_several_texts_cost_one_run_of_the_image_backbone(kind, fresh, runs):
    detector = fresh(kind)
    prompts = detector.encode(prompt_set(MANY, threshold=0.3))
    texts = len(prompts.payload)
    for image in pictures(3):
        detector.detect([image], prompts, EVERYTHING)
    assert texts > 3
    assert runs["SwinBackbone"] == 3
    assert runs["BertModel"] == texts


@pytest.mark.parametrize("kind", DINOS)
def test_a_hundred_prompts_over_several_texts_keep_their_labels(kind, load):
    detector = load(kind)
    image = pictures(1)
    prompts = prompt_set(MANY, threshold=0.0)
    encoded = detector.encode(prompts)
    (together,) = detector.detect(image, encoded, EVERYTHING)
    labels_of_texts = [text.labels.tolist() for text in encoded.payload]
    assert [label for labels in labels_of_texts for label in labels] == list(range(len(MANY)))
    apart = [
        (float(score), found.phrase(row))
        for labels in labels_of_texts
        for found in ask(detector, image, [MANY[label] for label in labels])
        for row, score in enumerate(found.scores)
    ]
    apart.sort(key=lambda one: -one[0])
    np.testing.assert_allclose(together.scores, [score for score, _ in apart], atol=1e-4)
    assert [together.phrase(row) for row in range(len(together))] == [name for _, name in apart]


@pytest.mark.parametrize("kind", DINOS)
def test_no_text_passes_the_token_limit(kind, load):
    for text in load(kind).encode(prompt_set(MANY, threshold=0.3)).payload:
        assert text.input_ids.shape[1] <= 64  # max_text_len of the tiny checkpoints
        assert set(text.owners.tolist()) == set(range(len(text.labels)))


@pytest.mark.parametrize("kind", DINOS)
@pytest.mark.parametrize("phrases", [["armchair", "chair"], ["chair", "armchair"]])
def test_chair_is_not_armchair(kind, phrases, load):
    """The text holds '##chair' of armchair and 'chair': each belongs to its own phrase."""
    detector = load(kind)
    (text,) = detector.encode(prompt_set(phrases, threshold=0.0)).payload
    words = detector._family._tokenizer.convert_ids_to_tokens(text.input_ids[0])
    tokens = {"armchair": ["arm", "##chair"], "chair": ["chair"]}
    for owner, phrase in enumerate(phrases):
        mine = text.tokens[text.owners == owner]
        assert [words[position] for position in mine] == tokens[phrase]
    found = {phrases[label] for label in ask(detector, pictures(1), phrases)[0].labels}
    assert found == {"armchair", "chair"}


@pytest.mark.parametrize("kind", DINOS)
def test_a_full_stop_inside_a_phrase_does_not_part_it(kind, load):
    (dotted,) = load(kind).encode(prompt_set(["box no. 5?", "cat"], threshold=0.0)).payload
    (plain,) = load(kind).encode(prompt_set(["box no 5", "cat"], threshold=0.0)).payload
    assert torch.equal(dotted.input_ids, plain.input_ids)
    assert torch.equal(dotted.owners, plain.owners)


@pytest.mark.parametrize("kind", KINDS)
def test_a_thousand_prompts_are_looked_for(kind, load):
    phrases = [f"box {index}" for index in range(1000)]
    (found,) = ask(load(kind), pictures(1), phrases)
    assert found.phrases == tuple(phrases)
    assert len(found)


@pytest.mark.parametrize("kind", [*OWLS, "omdet-turbo"])
@pytest.mark.parametrize("phrase", ["🦆", "椅子", "стул", "👩‍🚒"])
def test_byte_tokenizers_take_any_script(kind, phrase, load):
    (found,) = ask(load(kind), pictures(1), [phrase])
    assert set(found.labels) == {0}
    assert found.phrases == (phrase,)


@pytest.mark.parametrize("kind", DINOS)
@pytest.mark.parametrize("phrase", ["🦆", "椅子", "стул", "?!", "..."])
def test_a_phrase_without_a_known_word_is_refused_by_name(kind, phrase, load):
    with pytest.raises(InputError, match=r"has no word that this model") as refusal:
        load(kind).encode(prompt_set(["chair", phrase], threshold=0.3))
    assert f"'{phrase}'" in str(refusal.value)


@pytest.mark.parametrize("kind", KINDS)
def test_a_phrase_longer_than_the_model_reads_is_refused_not_cut(kind, load):
    phrase = "the red chair of the black cat " * 20
    with pytest.raises(InputError, match=r"has \d+ tokens, and this model reads \d+") as refusal:
        load(kind).encode(prompt_set(["cat", phrase], threshold=0.3))
    assert len(str(refusal.value)) < 200


@pytest.mark.parametrize("kind", KINDS)
def test_no_prompts_find_nothing_without_running_the_model(kind, load, runs):
    detector = load(kind)
    prompts = detector.encode(prompt_set([], threshold=0.3, version=4))
    found = detector.detect(pictures(2), prompts, EVERYTHING)
    assert [(len(one), one.prompt_version) for one in found] == [(0, 4), (0, 4)]
    assert not runs


@pytest.mark.parametrize("kind", KINDS)
def test_no_images_give_no_results(kind, load):
    detector = load(kind)
    assert ask(detector, [], ["chair"]) == []


def test_results_carry_the_version_that_was_asked_with(load):
    detector = load("owlvit")
    first = detector.encode(prompt_set(["chair"], threshold=0.0, version=1))
    second = detector.encode(prompt_set(["cat", "dog"], threshold=0.0, version=2))
    for prompts in (first, second, first):
        (found,) = detector.detect(pictures(1), prompts, EVERYTHING)
        assert found.prompt_version == prompts.prompts.version
        assert found.phrases == prompts.prompts.phrases


@pytest.mark.parametrize("kind", KINDS)
def test_class_agnostic_nms_leaves_no_two_boxes_on_one_thing(kind, load):
    detector = load(kind)
    images = pictures(8)
    options = EVERYTHING._replace(nms_iou=0.0, class_agnostic_nms=True)
    every = ask(detector, images, ["chair", "cat"])
    found = ask(detector, images, ["chair", "cat"], options=options)
    for one in found:
        # What is cut at the edge may overlap more than the whole box did.
        whole = one.boxes[(one.boxes > 0).all(axis=1) & (one.boxes < [64, 48, 64, 48]).all(axis=1)]
        assert not np.triu(iou_matrix(whole, whole), k=1).any()
    assert 0 < sum(map(len, found)) < sum(map(len, every))


def test_at_most_the_asked_number_is_kept_and_it_is_the_best(load):
    detector = load("owlvit")
    (every,) = ask(detector, pictures(1), ["chair"])
    (few,) = ask(detector, pictures(1), ["chair"], options=EVERYTHING._replace(max_detections=3))
    np.testing.assert_array_equal(few.scores, every.scores[:3])


def test_an_exemplar_of_a_whole_image_is_the_models_own_image_query(load, tiny_checkpoint):
    """OWL-ViT's own query takes the whole query image as its box; OWLv2's takes none."""
    shown, image = pictures(2, 64, 64)
    box = np.array([[0, 0, 64, 64]], np.float32)
    detector = load("owlvit")
    (found,) = ask(detector, [image], [], exemplars=[Exemplar("this", shown, box)])
    model = AutoModelForZeroShotObjectDetection.from_pretrained(tiny_checkpoint("owlvit")).eval()
    prepare = detector._preprocess
    pixels = [
        prepare([one], device=torch.device("cpu"), dtype=torch.float32) for one in (image, shown)
    ]
    with torch.inference_mode():
        own = model.image_guided_detection(pixels[0], query_pixel_values=pixels[1])
    scores = own.logits[0].max(-1).values.sigmoid().numpy()
    np.testing.assert_allclose(found.scores, np.sort(scores)[::-1], atol=1e-4)


@pytest.mark.parametrize("kind", OWLS)
def test_an_exemplar_is_a_prompt_beside_phrases(kind, load):
    shown, image = pictures(2)
    exemplars = [Exemplar("this", shown, np.array([[5, 5, 40, 40]], np.float32))]
    detector = load(kind)
    mixed = prompt_set(["chair", "cat"], threshold=0.0, exemplars=exemplars)
    parts = [
        detector.encode(prompt_set(["chair", "cat"], threshold=0.0)),
        detector.encode(prompt_set([], threshold=0.0, exemplars=exemplars)),
    ]
    encoded = detector.encode(mixed)
    torch.testing.assert_close(
        encoded.payload.queries, torch.cat([part.payload.queries for part in parts])
    )
    (found,) = detector.detect([image], encoded, EVERYTHING)
    assert found.phrases == ("chair", "cat", "this")
    assert 2 in found.labels


@pytest.mark.parametrize("kind", OWLS)
def test_examples_of_one_name_are_averaged(kind, load):
    first, second = pictures(2)
    boxes = np.array([[5, 5, 40, 40], [10, 2, 60, 46]], np.float32)
    detector = load(kind)
    one, two = Exemplar("this", first, boxes), Exemplar("this", second, boxes[:1])
    both = detector.encode(prompt_set([], threshold=0.0, exemplars=[one, two])).payload
    alone = [
        detector.encode(
            prompt_set([], threshold=0.0, exemplars=[Exemplar("this", shown, box[None])])
        ).payload.queries
        for shown, box in ((first, boxes[0]), (first, boxes[1]), (second, boxes[0]))
    ]
    torch.testing.assert_close(both.queries, torch.cat(alone).mean(dim=0, keepdim=True))


def test_an_exemplar_box_where_the_model_sees_nothing_is_refused(load):
    detector = load("owlv2")
    image = np.zeros((20, 64, 3), np.uint8)
    corner = np.array([[63.9, 0, 64, 0.1]], np.float32)
    with pytest.raises(InputError, match=r"exemplar 'this': the model sees no object at its box"):
        ask(detector, [image], [], exemplars=[Exemplar("this", image, corner)])


@pytest.mark.parametrize("kind", [*DINOS, "omdet-turbo"])
def test_models_that_take_no_exemplars_say_so(kind, load):
    (image,) = pictures(1)
    exemplar = Exemplar("this", image, np.array([[5, 5, 40, 40]], np.float32))
    with pytest.raises(InputError, match=r"exemplar 'this': .* by words only"):
        load(kind).encode(prompt_set(["chair"], threshold=0.3, exemplars=[exemplar]))


class FakeSmallGpu:
    """A model on a GPU that holds `most` images: a fake, since a full GPU can't be had here."""

    def __init__(self, family, most):
        self.family, self.most, self.batches = family, most, []

    def encode(self, prompts):
        raise torch.OutOfMemoryError("CUDA out of memory")

    def find(self, pixels, payload):
        if len(pixels) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        self.batches.append(len(pixels))
        return self.family.find(pixels, payload)


@pytest.mark.parametrize("kind", KINDS)
def test_out_of_memory_halves_the_batch_says_so_once_and_goes_on(kind, fresh, caplog):
    detector = fresh(kind)
    prompts = detector.encode(prompt_set(["chair", "cat"], threshold=0.0))
    images = pictures(5)
    expected = detector.detect(images, prompts, EVERYTHING)
    detector._family = gpu = FakeSmallGpu(detector._family, most=2)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            for ours, theirs in zip(
                detector.detect(images, prompts, EVERYTHING), expected, strict=True
            ):
                same(ours, theirs)
    assert gpu.batches == [2, 2, 1] * 3
    assert len(caplog.messages) == 1
    assert "out of memory for a batch of 5 images; going on with 2" in caplog.text


def test_no_memory_for_a_single_image_tells_the_mend(fresh):
    detector = fresh("owlvit")
    prompts = detector.encode(prompt_set(["chair"], threshold=0.0))
    detector._family = FakeSmallGpu(detector._family, most=0)
    with pytest.raises(ModelError, match=r"more memory than cpu has free .*smaller model"):
        detector.detect(pictures(2), prompts, EVERYTHING)
    with pytest.raises(ModelError, match=r"more memory than cpu has free .*smaller model"):
        detector.encode(prompt_set(["chair"], threshold=0.0))


def test_numbers_that_overflow_are_told_and_not_published(fresh):
    detector = fresh("owlvit")
    prompts = detector.encode(prompt_set(["chair"], threshold=0.0))
    with torch.no_grad():
        detector._family._model.box_head.dense2.bias.fill_(torch.nan)
    with pytest.raises(ModelError, match=r"aren't finite in float32: .* set dtype to"):
        detector.detect(pictures(1), prompts, EVERYTHING)


@pytest.mark.parametrize("kind", KINDS)
def test_warming_up_runs_the_whole_model(kind, fresh, runs):
    warm_up(fresh(kind), width=64, height=48, batch=2)
    assert runs[TEXT_SIDE[kind]]
    assert any(
        name in runs
        for name in ("OwlViTVisionTransformer", "Owlv2VisionTransformer", "SwinBackbone")
    )


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", KINDS)
def test_a_compiled_model_gives_the_same(kind, load, tiny_checkpoint):
    compiled = load_detector(str(tiny_checkpoint(kind)), device="cpu", compile=True)
    for count in (1, 3):
        images = pictures(count)
        for ours, theirs in zip(
            ask(compiled, images, ["chair"]), ask(load(kind), images, ["chair"]), strict=True
        ):
            same(ours, theirs)
