"""Write a tiny Llama model without weights: `python tiny_model.py DIRECTORY`, run in vLLM's environment.

vLLM fills the weights with noise (`--load-format dummy`), so nothing is downloaded. The tokenizer is trained in memory
on the sentences below. The result is the same every time.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

CONTEXT_WINDOW = 2048
_VOCABULARY = 512
_SENTENCES = (
    "The quick brown fox jumps over the lazy dog.",
    "A configuration names providers, and a provider serves models.",
    "Tokens arrive one after the other until the answer has ended.",
    'It is {"sunny": true, "degrees": 21} in Paris and raining in London.',
)
_CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def write(directory: Path) -> None:
    """Write the model's configuration and tokenizer into `directory`."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers  # type: ignore[import-not-found]

    directory.mkdir(parents=True, exist_ok=True)
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=_VOCABULARY, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator(_SENTENCES, trainer)
    tokenizer.save(str(directory / "tokenizer.json"))
    _write(
        directory / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": special[0],
            "eos_token": special[2],
            "pad_token": special[0],
            "model_max_length": CONTEXT_WINDOW,
            "chat_template": _CHATML,
        },
    )
    _write(
        directory / "config.json",
        {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_hidden_layers": 2,
            # 32 dimensions per head, the minimum of the CPU kernels.
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "vocab_size": _VOCABULARY,
            "max_position_embeddings": CONTEXT_WINDOW,
            "rms_norm_eps": 1e-6,
            "hidden_act": "silu",
            "bos_token_id": 0,
            "eos_token_id": 2,
            "tie_word_embeddings": False,
            "torch_dtype": "float32",
        },
    )


def write_adapter(directory: Path) -> None:
    """Write a LoRA adapter of that model into `directory`: rank 8 on the attention of both layers, all zeros."""
    import numpy as np  # type: ignore[import-not-found]
    from safetensors.numpy import save_file  # type: ignore[import-not-found]

    rank, hidden = 8, 64
    directory.mkdir(parents=True, exist_ok=True)
    weights = {}
    for layer in range(2):
        for name in ("q_proj", "v_proj"):
            prefix = f"base_model.model.model.layers.{layer}.self_attn.{name}"
            weights[f"{prefix}.lora_A.weight"] = np.zeros((rank, hidden), "float32")
            weights[f"{prefix}.lora_B.weight"] = np.zeros((hidden, rank), "float32")
    save_file(weights, str(directory / "adapter_model.safetensors"))
    _write(
        directory / "adapter_config.json",
        {
            "peft_type": "LORA",
            "task_type": "CAUSAL_LM",
            "base_model_name_or_path": "tiny-llama",
            "r": rank,
            "lora_alpha": 2 * rank,
            "lora_dropout": 0.0,
            "bias": "none",
            "target_modules": ["q_proj", "v_proj"],
        },
    )


def _write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
    write_adapter(Path(sys.argv[1]).with_name("adapter"))
