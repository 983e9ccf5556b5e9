import numpy as np
import pytest
import torch

from vlm_robot.models import device
from vlm_robot.models.checkpoint import ModelError
from vlm_robot.models.device import choose_device, choose_dtype, dtype_name, memory

CPU = torch.device("cpu")
no_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")


def test_cpu_is_the_cpu():
    assert choose_device("cpu") == CPU


@no_gpu
def test_auto_without_a_gpu_is_the_cpu():
    assert choose_device("auto").type in ("cpu", "mps")


@no_gpu
@pytest.mark.parametrize("name", ["cuda", "cuda:1"])
def test_cuda_without_a_gpu_is_refused_with_the_mend(name):
    with pytest.raises(ModelError, match=f"'{name}' was asked for, but torch sees no GPU: .* cpu"):
        choose_device(name)


@pytest.mark.parametrize("name", ["gpu", "", "cuda:x", "xpu", "meta"])
def test_unknown_devices_are_refused_with_the_list(name):
    with pytest.raises(ModelError, match="use auto, cpu, cuda"):
        choose_device(name)


@pytest.mark.parametrize("name", ["float32", "float16", "bfloat16"])
def test_a_dtype_by_name(name):
    assert dtype_name(choose_dtype(name, CPU)) == name


@pytest.mark.parametrize(
    ("stored", "has_it", "dtype"),
    [
        ("bfloat16", True, torch.bfloat16),
        ("bfloat16", False, torch.float32),
        ("float16", True, torch.float32),
        ("", True, torch.float32),
    ],
)
def test_auto_on_a_cpu_is_float32_but_for_what_is_stored_as_it_computes(
    monkeypatch, stored, has_it, dtype
):
    monkeypatch.setattr(device, "cpu_has_bfloat16", lambda: has_it)
    assert choose_dtype("auto", CPU, stored=stored) == dtype


def test_an_unknown_dtype_is_refused_with_the_list():
    with pytest.raises(ModelError, match="'int8' is unknown: use auto, float32, float16, bfloat16"):
        choose_dtype("int8", CPU)


@pytest.mark.parametrize(
    ("capability", "dtype"),
    [((7, 5), torch.float16), ((8, 7), torch.bfloat16), ((12, 0), torch.bfloat16)],
    ids=["Turing", "Orin", "Blackwell"],
)
def test_auto_is_the_half_precision_that_the_gpu_has(monkeypatch, capability, dtype):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    assert choose_dtype("auto", torch.device("cuda")) == dtype


def test_memory_counts_what_the_process_takes():
    before = memory(CPU)
    taken = np.ones(64 << 20, np.uint8)
    after = memory(CPU)
    assert after.used - before.used > taken.nbytes // 2
    assert after.used <= after.peak <= after.total
