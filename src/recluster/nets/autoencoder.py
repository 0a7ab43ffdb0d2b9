"""What every autoencoder here is: an encoder, a decoder, and weights drawn as Glorot has it."""

from torch import Tensor, nn


class Autoencoder(nn.Module):
    """Encoder x (b, ...) to z (b, d), decoder z (b, d) to x (b, ...)."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.apply(glorot)

    def forward(self, x: Tensor) -> Tensor:
        """Reconstruct x (b, ...)."""
        reconstruction: Tensor = self.decoder(self.encoder(x))
        return reconstruction


def glorot(module: nn.Module) -> None:
    """Glorot's uniform weights and zero biases (Glorot and Bengio, 2010, eq. 16)."""
    if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def fan_in(module: nn.Module) -> None:
    """Weights uniform within one over the root of a layer's inputs, and zero biases."""
    if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
        outputs = int(isinstance(module, nn.ConvTranspose2d))  # the weights' axis of outputs
        limit = module.weight.select(outputs, 0).numel() ** -0.5
        nn.init.uniform_(module.weight, -limit, limit)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
