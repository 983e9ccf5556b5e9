"""BLIP's visual question answering: no chat, a question and an image in, a word or two out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import StoppingCriteriaList

from vlm_robot.answering.answerer import CancelToken
from vlm_robot.answering.chat.generation import Ended, option_chances, sureness
from vlm_robot.answering.proposal import FreeOptions, Proposal, answer_options, entropy
from vlm_robot.types import Frame, Image


class BlipProposer:
    """Asks a `BlipForQuestionAnswering`; the image's features are kept for the next question."""

    def __init__(
        self,
        model: Any,
        processor: Any,
        *,
        name: str,
        temperature: float = 1.0,
        options: FreeOptions | None = None,
    ) -> None:
        """Args:
        temperature: see `ChatModel`.
        """
        self._model = model.eval()
        self._processor = processor
        self._name = name
        self._temperature = temperature
        self._options = options or FreeOptions()
        self._seen: tuple[Image, Tensor] | None = None

    @property
    def name(self) -> str:
        """The checkpoint's."""
        return self._name

    @torch.inference_mode()
    def propose(
        self,
        question: str,
        frame: Frame,
        *,
        cancel: CancelToken,
        on_text: Callable[[str], None] | None = None,
    ) -> Proposal:
        """Answer by the likeliest words; see `Proposer`."""
        cancel.check()
        understood = self.understood(question, frame.image)
        found = self._chosen(question, understood) or self._written(understood, cancel)
        if on_text is not None:
            on_text(found.text)
        return found

    @torch.inference_mode()
    def sample(
        self, question: str, frame: Frame, *, count: int, cancel: CancelToken
    ) -> tuple[str, ...]:
        """`count` answers drawn at random; see `Proposer`."""
        cancel.check()
        understood = self.understood(question, frame.image).expand(count, -1, -1)
        drawn = {"do_sample": True, "temperature": self._temperature, "top_k": 0, "top_p": 1.0}
        made = self._generate(understood, cancel, **drawn)
        return tuple(self._processor.batch_decode(made.sequences, skip_special_tokens=True))

    @torch.inference_mode()
    def attention(self, question: str, frame: Frame) -> NDArray[np.float32]:
        """Where the question's tokens looked, mean over the last layer's heads; see `Attends`."""
        asked = self._tokens(question)
        layers = self._model.text_encoder(
            input_ids=asked["input_ids"],
            attention_mask=asked["attention_mask"],
            encoder_hidden_states=self._features(frame.image),
            output_attentions=True,
        ).cross_attentions
        places = layers[-1][0, :, :, 1:].mean(dim=(0, 1)).float()  # without the class token
        vision = self._model.config.vision_config
        side = vision.image_size // vision.patch_size
        grid: NDArray[np.float32] = (places / places.sum()).reshape(side, side).cpu().numpy()
        return grid

    def understood(self, question: str, image: Image) -> Tensor:
        """The question as the model understands it in view of the image, (1, tokens, width)."""
        asked = self._tokens(question)
        found: Tensor = self._model.text_encoder(
            input_ids=asked["input_ids"],
            attention_mask=asked["attention_mask"],
            encoder_hidden_states=self._features(image),
        )[0]
        return found

    def _tokens(self, question: str) -> Any:
        """The question's beginning, as far as the text encoder has places for it."""
        most = self._model.config.text_config.max_position_embeddings
        tokenizer = self._processor.tokenizer
        asked = tokenizer(question, truncation=True, max_length=most, return_tensors="pt")
        return asked.to(self._model.device)

    def _features(self, image: Image) -> Tensor:
        if self._seen is None or self._seen[0] is not image:
            made = self._processor.image_processor(image, return_tensors="pt")["pixel_values"]
            pixels = made.to(self._model.device, self._model.dtype)
            self._seen = image, self._model.vision_model(pixel_values=pixels)[0]
        return self._seen[1]

    def _chosen(self, question: str, understood: Tensor) -> Proposal | None:
        """One of the answers that the question leaves, from one pass; None where it leaves any."""
        options = answer_options(question)
        start = torch.full((1, 1), self._model.decoder_start_token_id, device=understood.device)
        if not options:
            return None
        logits = self._model.text_decoder(input_ids=start, encoder_hidden_states=understood).logits
        chances = option_chances(
            logits[0, -1], options, self._processor.tokenizer, self._temperature
        )
        if chances is None:
            return None
        best = int(np.argmax(chances))
        return Proposal(options[best], chances[best], entropy(chances))

    def _written(self, understood: Tensor, cancel: CancelToken) -> Proposal:
        made = self._generate(understood, cancel, do_sample=False, output_logits=True)
        tokens = made.sequences[0, 1:]
        text = self._processor.decode(tokens, skip_special_tokens=True)
        logits = torch.stack(made.logits)[:, 0]
        return Proposal(text.strip(), *sureness(tokens, logits, self._temperature))

    def _generate(self, understood: Tensor, cancel: CancelToken, **how: Any) -> Any:
        text = self._model.config.text_config
        start = torch.full(
            (len(understood), 1), self._model.decoder_start_token_id, device=understood.device
        )
        made = self._model.text_decoder.generate(
            input_ids=start,
            eos_token_id=text.sep_token_id,
            pad_token_id=text.pad_token_id,
            encoder_hidden_states=understood,
            encoder_attention_mask=torch.ones(understood.shape[:2], device=understood.device),
            max_new_tokens=min(self._options.most_tokens, text.max_position_embeddings - 1),
            stopping_criteria=StoppingCriteriaList([Ended(cancel)]),
            return_dict_in_generate=True,
            **how,
        )
        cancel.check()
        return made
