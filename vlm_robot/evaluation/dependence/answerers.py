"""What can be audited: the robot's own answerer, and VQA and chat models in transformers."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from vlm_robot.answering.chat.generation import ChatModel
from vlm_robot.evaluation.dependence.audit import Reply
from vlm_robot.models.checkpoint import ModelError, find_checkpoint
from vlm_robot.perception import Perception
from vlm_robot.types import Frame, Image, InputError, Verdict

_NO_BOXES = np.zeros((0, 4), np.float32)
_OTHER_WAY = {"yes": "no", "no": "yes"}


class PerceptionAnswering:
    """The answerer that the node has, by its confidence."""

    def __init__(self, perception: Perception, name: str) -> None:
        self._perception = perception
        self.name = name

    def reply(self, frame: Frame, question: str) -> Reply:
        """Answer; an abstention is an empty text."""
        try:
            answer = self._perception.ask(question, frame)
        except InputError:
            return Reply("", 0.0, _NO_BOXES)
        text = "" if answer.verdict is Verdict.ABSTAINED else answer.text
        return Reply(text, answer.confidence, answer.evidence.boxes)

    def probability(self, frame: Frame, question: str, reply: Reply) -> float:
        """The confidence where the answer is the same, its rest where yes became no, else 0."""
        now = self.reply(frame, question)
        if _said(now.text) == _said(reply.text):
            return now.probability
        turned = _OTHER_WAY.get(_said(now.text)) == _said(reply.text)
        return 1.0 - now.probability if turned else 0.0


def _said(text: str) -> str:
    """Yes or no alone, since what follows it may differ; else the whole text."""
    words = text.lower().replace(",", " ").replace(".", " ").split()
    return words[0] if words[:1] in (["yes"], ["no"]) else " ".join(words)


class BlipAnswering:
    """BLIP for questions: the probability is of all tokens of the answer."""

    def __init__(self, model: Any, processor: Any, name: str) -> None:
        self.model = model.eval().requires_grad_(False)
        self.processor = processor
        self.name = name

    @torch.inference_mode()
    def reply(self, frame: Frame, question: str) -> Reply:
        """Answer greedily."""
        inputs = self.inputs(frame.image, question)
        tokens = self.model.generate(**inputs, max_new_tokens=8)[0]
        text = self.processor.decode(tokens, skip_special_tokens=True).strip()
        answer = self.answer_tokens(text)
        return Reply(text, self.probability_of(inputs, answer) if len(answer) else 0.0, _NO_BOXES)

    @torch.inference_mode()
    def probability(self, frame: Frame, question: str, reply: Reply) -> float:
        """Of the reply's tokens, one after the other."""
        answer = self.answer_tokens(reply.text)
        if not len(answer):
            return 0.0
        return self.probability_of(self.inputs(frame.image, question), answer)

    def inputs(self, image: Image, question: str) -> dict[str, Tensor]:
        """What the processor makes of them."""
        made = self.processor(images=image, text=question, return_tensors="pt")
        moved = made.to(self.model.device)
        return {name: moved[name] for name in ("input_ids", "attention_mask", "pixel_values")}

    def answer_tokens(self, text: str) -> Tensor:
        """(N,) tokens of an answer."""
        made = self.processor.tokenizer(text, add_special_tokens=False, return_tensors="pt")
        tokens: Tensor = made["input_ids"][0].long().to(self.model.device)
        return tokens

    def probability_of(self, inputs: dict[str, Tensor], answer: Tensor) -> float:
        """Of `answer` (N,) after the start token; the model is called as for training."""
        start = answer.new_tensor([self.model.decoder_start_token_id])
        seen = self.model.vision_model(pixel_values=inputs["pixel_values"]).last_hidden_state
        asked = self.model.text_encoder(
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
            encoder_hidden_states=seen,
            encoder_attention_mask=torch.ones(seen.shape[:-1], dtype=torch.long),
        ).last_hidden_state
        logits = self.model.text_decoder(
            input_ids=torch.cat([start, answer[:-1]])[None],
            encoder_hidden_states=asked,
            encoder_attention_mask=inputs["attention_mask"],
            use_cache=False,
        ).logits[0]
        chances = logits.float().log_softmax(-1).gather(1, answer[:, None])
        return float(chances.sum().exp())


class ChatAnswering:
    """A decoder-only chat model: the probability is of the answer's first token."""

    def __init__(self, model: Any, processor: Any, name: str) -> None:
        self.model = model.eval().requires_grad_(False)
        self.processor = processor
        self.name = name
        self._chat = ChatModel(model, processor)

    @torch.inference_mode()
    def reply(self, frame: Frame, question: str) -> Reply:
        """Answer greedily."""
        inputs = self.inputs(frame.image, question)
        made = self.model.generate(**inputs, max_new_tokens=8, do_sample=False)[0]
        tokens = made[inputs["input_ids"].shape[1] :]
        text = self.processor.decode(tokens, skip_special_tokens=True).strip()
        return Reply(text, self.probability_of(inputs, tokens), _NO_BOXES)

    @torch.inference_mode()
    def probability(self, frame: Frame, question: str, reply: Reply) -> float:
        """Of the reply's first token."""
        answer = self.answer_tokens(reply.text)
        if not len(answer):
            return 0.0
        return self.probability_of(self.inputs(frame.image, question), answer)

    def inputs(self, image: Image, question: str) -> dict[str, Tensor]:
        """What the chat template makes of them."""
        return self._chat.inputs(image, f"{question}\nAnswer with one word.")

    def answer_tokens(self, text: str) -> Tensor:
        """(N,) tokens of an answer."""
        made = self.processor.tokenizer(text, add_special_tokens=False, return_tensors="pt")
        tokens: Tensor = made["input_ids"][0].long().to(self.model.device)
        return tokens

    def probability_of(self, inputs: dict[str, Tensor], answer: Tensor) -> float:
        """Of the first of `answer` (N,) as the reply's first token."""
        logits = self.model(**inputs, use_cache=False).logits[0, -1]
        return float(logits.float().softmax(-1)[answer[0]])


def load_answering(name: str) -> BlipAnswering | ChatAnswering:
    """Load a VQA model (BLIP) or a chat model; no code of the checkpoint runs.

    Raises:
        ModelError: it can't be loaded, or is of neither kind.
    """
    from transformers import (
        AutoConfig,
        AutoModelForImageTextToText,
        AutoProcessor,
        BlipForQuestionAnswering,
    )

    folder = find_checkpoint(name).folder
    try:
        is_blip = AutoConfig.from_pretrained(folder, local_files_only=True).model_type == "blip"
        kind = BlipForQuestionAnswering if is_blip else AutoModelForImageTextToText
        processor = AutoProcessor.from_pretrained(folder, local_files_only=True)
        model = kind.from_pretrained(folder, local_files_only=True, use_safetensors=True)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise ModelError(
            f"model '{name}' can't be loaded as BLIP for questions or as a chat model ({error})"
        ) from error
    return (BlipAnswering if is_blip else ChatAnswering)(model, processor, name)
