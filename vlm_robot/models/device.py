"""Where models run, in which number format, and what memory that takes."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import NamedTuple

import torch

from vlm_robot.models.checkpoint import ModelError

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


class Memory(NamedTuple):
    """Memory of a device, bytes. On a CPU: of this process, and of the machine."""

    used: int
    peak: int
    total: int


def choose_device(name: str = "auto") -> torch.device:
    """The device of a name: auto (CUDA, then Apple's MPS, then CPU), cpu, cuda, cuda:1, mps.

    Raises:
        ModelError: the name is unknown, or torch doesn't see that device.
    """
    if name == "auto":
        return torch.device(_best())
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ModelError(
            f"device '{name}' is unknown: use auto, cpu, cuda, cuda:1 … or mps"
        ) from error
    if device.type == "cuda":
        _require_cuda(name, device)
    elif device.type == "mps" and not torch.backends.mps.is_available():
        raise ModelError("device 'mps' was asked for, but torch sees no Apple GPU: use auto or cpu")
    elif device.type not in ("cpu", "cuda", "mps"):
        raise ModelError(f"device '{name}' isn't supported: use auto, cpu, cuda, cuda:1 … or mps")
    return device


def use_threads(count: int) -> None:
    """Let threads that begin to compute from here on use `count` cores; 0: torch's own choice."""
    torch.set_num_threads(count or _chosen_by_torch())


@cache
def _chosen_by_torch() -> int:
    return torch.get_num_threads()


def cpu_has_bfloat16() -> bool:
    """Whether the processor computes bfloat16 itself: without, it is many times slower there."""
    return torch.cpu._is_avx512_bf16_supported()


def choose_dtype(name: str, device: torch.device, *, stored: str = "") -> torch.dtype:
    """The number format of a name.

    auto is bfloat16 or float16 on a GPU that has it; on a CPU that has bfloat16 it is that for a
    model that is stored so, and else float32.

    Args:
        stored: the checkpoint's number format, where it says.

    Raises:
        ModelError: the name is unknown.
    """
    if name in DTYPES:
        return DTYPES[name]
    if name != "auto":
        raise ModelError(f"dtype '{name}' is unknown: use auto, {', '.join(DTYPES)}")
    if device.type == "cuda":
        bfloat16 = torch.cuda.get_device_capability(device) >= (8, 0)
        return torch.bfloat16 if bfloat16 else torch.float16
    if device.type == "mps":
        return torch.float16
    return torch.bfloat16 if stored == "bfloat16" and cpu_has_bfloat16() else torch.float32


def out_of_memory(name: str, device: str, error: Exception) -> ModelError:
    """What to say when a device is too small for model `name`; `error` is torch's."""
    reason = next(iter(str(error).splitlines()), "")
    return ModelError(
        f"model '{name}' needs more memory than {device} has free ({reason}): use a smaller model,"
        " dtype float16 or bfloat16, or free the GPU"
    )


def dtype_name(dtype: torch.dtype) -> str:
    """The name that `choose_dtype` takes: 'float32'."""
    return str(dtype).removeprefix("torch.")


def memory(device: torch.device) -> Memory:
    """Memory in use: of a GPU, what torch holds there; of a CPU, what this process holds."""
    if device.type == "cuda":
        return Memory(
            torch.cuda.memory_reserved(device),
            torch.cuda.max_memory_reserved(device),
            torch.cuda.mem_get_info(device)[1],
        )
    if device.type == "mps":
        held = torch.mps.driver_allocated_memory()
        return Memory(held, held, torch.mps.recommended_max_memory())
    return _process_memory()


def _process_memory() -> Memory:
    """Resident set of this process, from Linux's /proc (man 5 proc_pid_status)."""
    page = os.sysconf("SC_PAGE_SIZE")
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    kibibytes = {
        key: int(rest.split()[0])
        for key, _, rest in (line.partition(":") for line in lines)
        if key in ("VmRSS", "VmHWM")
    }
    total = os.sysconf("SC_PHYS_PAGES") * page
    return Memory(kibibytes["VmRSS"] * 1024, kibibytes["VmHWM"] * 1024, total)


def _best() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _require_cuda(name: str, device: torch.device) -> None:
    if not torch.cuda.is_available():
        why = (
            f"torch {torch.__version__} was built without CUDA; install a build with it"
            if torch.version.cuda is None
            else "check the driver by `nvidia-smi`"
        )
        raise ModelError(
            f"device '{name}' was asked for, but torch sees no GPU: {why}, or use auto or cpu"
        )
    count = torch.cuda.device_count()
    if device.index is not None and device.index >= count:
        raise ModelError(
            f"device '{name}' was asked for, but torch sees {count} GPU(s):"
            f" use cuda:0 to cuda:{count - 1}"
        )
