"""The reconstruction loss, in the two reductions that the papers leave unsaid."""

from torch import Tensor


def summed_error(x: Tensor, reconstruction: Tensor) -> Tensor:
    """Squared error summed over a sample's features, averaged over the batch."""
    return (x - reconstruction).square().flatten(1).sum(1).mean()


def mean_error(x: Tensor, reconstruction: Tensor) -> Tensor:
    """Squared error averaged over features and batch."""
    return (x - reconstruction).square().mean()
