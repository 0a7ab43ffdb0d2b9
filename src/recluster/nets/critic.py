"""The critic of an adversarial autoencoder: how much of a sample is mixed in, read off the sample."""

from torch import Tensor, nn


class Critic(nn.Module):
    """x (b, ...) to one number a sample (b,): the mean of an encoder's outputs."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, x: Tensor) -> Tensor:
        """The share of x (b, ...) that the critic believes to be another sample's, as (b,)."""
        outputs: Tensor = self.encoder(x)
        return outputs.mean(1)
