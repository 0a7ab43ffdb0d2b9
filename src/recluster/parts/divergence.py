"""The Kullback-Leibler divergence by which DEC and IDEC draw an assignment towards its target."""

import torch
from torch import Tensor


def divergence(target: Tensor, soft: Tensor) -> Tensor:
    """Mean over samples of KL(p || q) (DEC, eq. 2); p and q are (b, k), 0 log 0 is 0."""
    tiny = torch.finfo(soft.dtype).tiny
    ratio = target.clamp_min(tiny).log() - soft.clamp_min(tiny).log()
    return (target * ratio).sum(1).mean()
