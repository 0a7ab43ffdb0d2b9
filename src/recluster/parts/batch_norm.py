"""What batch normalisation asks of a training loop: no batch of one row, no gradient without bound."""

import torch
from torch import Tensor, nn

LONGEST_GRADIENT = 100.0


def paired(batches: tuple[Tensor, ...], least: int = 2) -> tuple[Tensor, ...]:
    """The batches, a last one of fewer than `least` rows joined to the one before.

    Batch statistics need two.
    """
    return batches if len(batches[-1]) >= least else (*batches[:-2], torch.cat(batches[-2:]))


def descend(encoder: nn.Module, optimiser: torch.optim.Optimizer, loss: Tensor, rate: float) -> None:
    """One step down the loss, at this rate for the optimiser's first group of parameters.

    The encoder's gradient is cut to `LONGEST_GRADIENT`: batch normalisation of equal images with
    different labels multiplies it without bound.
    """
    optimiser.param_groups[0]["lr"] = rate
    optimiser.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(encoder.parameters(), LONGEST_GRADIENT)
    optimiser.step()
