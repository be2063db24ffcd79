"""The arithmetic of a training: float32, or bfloat16 where that is faster."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import nn

from ainu.errors import AinuError


def arithmetic(precision: str, network: nn.Module, device: torch.device) -> str:
    """What "auto" comes to: bfloat16 (mixed) where the device computes in it, which was measured to be faster.

    On a CPU that does, steps took 0.5 to 0.8 of the time (`benchmarks/training`), but 1.6 times as long with depthwise
    convolutions; on one that does not, bfloat16 is emulated. In three dimensions it stays float32 there: the gradients
    of convolutions in bfloat16 are then partly memory that was never written (torch 2.13; seen as NaN in one step of a
    hundred, and as values of another order of magnitude).

    Parameters
    ----------
    precision : str
        "auto", "float32" or "bfloat16".
    network : Module
        What is to be trained.
    device : torch.device
        Where.

    Returns
    -------
    str
        "float32" or "bfloat16".

    Raises
    ------
    AinuError
        If "bfloat16" is asked for in three dimensions on a CPU.
    """
    wrong = device.type == "cpu" and any(isinstance(module, nn.Conv3d) for module in network.modules())
    if wrong and precision == "bfloat16":
        raise AinuError(
            "training.precision: bfloat16 gives wrong gradients in three dimensions on a CPU; "
            "allowed there: auto, float32"
        )
    if precision != "auto":
        return precision
    if device.type == "cuda":
        able = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        abilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # older torch does not tell
        depthwise = any(getattr(module, "groups", 1) > 1 for module in network.modules())
        able = not (depthwise or wrong) and any(abilities.get(name) for name in ("avx512_bf16", "amx_bf16"))
    return "bfloat16" if able else "float32"


def mixed(precision: str, device: torch.device) -> AbstractContextManager[Any]:
    """Mixed precision, if that is wanted."""
    return torch.autocast(device.type, torch.bfloat16) if precision == "bfloat16" else nullcontext()
