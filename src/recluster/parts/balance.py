"""Labels that change batch by batch while a model is trained, and keep the clusters' sizes in balance.

SeCu's constraints: by bounds on the sizes (Section 2 of its supplement), each with a dual for every
cluster, or by the entropy of the sizes, as in its authors' code.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot


def assigned(scores: Tensor, lower: Tensor, upper: Tensor) -> Tensor:
    """Labels (b,) of Section 2 from scores (b, k): log p, or cosines with duals to match."""
    return (scores + lower - upper).argmax(1)


def ascended(dual: Tensor, violation: Tensor, rate: float) -> Tensor:
    """Duals (k,) of Section 2 after a batch by whose mean the bound is violated, or kept if negative."""
    return (dual + rate * violation).clamp_min(0)


def entropy_change(counts: Tensor, current: Tensor) -> Tensor:
    """Change (b, k) of sum_j pi_j log pi_j, were instance i to move from `current` (b,) to cluster j.

    Pi are the shares of `counts` (k,). An instance with the label -1 is not counted yet and joins.
    """
    member = current[:, None] == torch.arange(len(counts), device=counts.device)
    others = counts - member.to(counts.dtype)
    total = others.sum(1, keepdim=True) + 1
    # (c + 1) log (c + 1) - c log c, written so that nothing cancels
    gain: Tensor = others.log1p() + torch.special.xlog1py(others, 1 / others)
    joining = (gain - total.log()) / total
    return joining - (joining * member).sum(1, keepdim=True)


class Partition(nn.Module):
    """The label of each of n instances (-1: none yet), and count and duals of each of k clusters.

    Abstract: where the scores come from is for whoever inherits.
    """

    labels: Tensor
    counts: Tensor
    lower: Tensor
    upper: Tensor

    def __init__(self, n: int, k: int) -> None:
        super().__init__()
        self.register_buffer("labels", torch.full((n,), -1))
        for name in ("counts", "lower", "upper"):
            self.register_buffer(name, torch.zeros(k))

    @torch.no_grad()
    def bounded(self, scores: Tensor, rows: Tensor, bounds: tuple[float, float], rate: float) -> Tensor:
        """New labels (b,) of the rows from scores (b, k), by duals that then move at the rate.

        The bounds are those of a cluster's share of the instances, from below and from above.
        """
        labels = assigned(scores, self.lower, self.upper)
        share = one_hot(labels, len(self.counts)).to(scores.dtype).mean(0)
        self.lower.copy_(ascended(self.lower, bounds[0] - share, rate))
        self.upper.copy_(ascended(self.upper, share - bounds[1], rate))
        return self.kept(labels, rows)

    @torch.no_grad()
    def spread(self, scores: Tensor, rows: Tensor, weight: float) -> Tensor:
        """New labels (b,) of the rows from scores (b, k) and the entropy, of this weight an instance."""
        change = entropy_change(self.counts, self.labels[rows])
        return self.kept((scores - weight * len(self.labels) * change).argmax(1), rows)

    def kept(self, labels: Tensor, rows: Tensor) -> Tensor:
        """The labels (b,), after they have taken the place of the rows' earlier ones."""
        k, before = len(self.counts), self.labels[rows]
        self.counts += (one_hot(labels, k) - one_hot(before + 1, k + 1)[:, 1:]).sum(0)
        self.labels[rows] = labels
        return labels
