# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # DCSS: the figures
#
# Drawn like the paper's, from the curves, embeddings and assignments that our records hold. The paper
# hardly prints a number beside its figures; what it says of them in words we read as inequalities, fixed
# before any run, and each is a row of the table below its figure.

# %% tags=["parameters", "remove-cell"]
scale = "paper"

# %% tags=["remove-cell"]
from recluster.report import open_page

page = open_page("dcss", globals())

# %% tags=["remove-input"]
page.card()

# %% [markdown]
# ## The embedding after each phase
#
# In the first phase clusters are said to become spheres, not all well apart; in the second to part in $u$,
# and more so in $q$.

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-dcss-figure3", "caption": "After Figure 3 of the paper: t-SNE of a thousand samples in the colours of their true classes; a row a space, a column a data set."}, "image": {"alt": "Scatter plots of embeddings by the autoencoder, after the first phase, after the second, and of the assignments, coloured by class."}}
page.figure("dcss.figure3")

# %% tags=["remove-input"]
page.table("dcss.figure3")

# %% [markdown]
# ## Losses of the first phase
#
# All of them are said to converge, and the reconstruction to be given up a little at first for the sake of
# the centres.

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-dcss-figure4", "caption": "After Figure 4 of the paper: mean over seeds, with the range between the lowest and the highest seed; per sample, means over clusters and batches."}, "image": {"alt": "Three panels over the epochs: reconstruction loss, centring loss and their weighted sum, a line a data set."}}
page.figure("dcss.figure4")

# %% tags=["remove-input"]
page.table("dcss.figure4")

# %% [markdown]
# ## Loss of the second phase
#
# Up to the dashed line $p$ judges the pairs, after it $q$. There the loss is said to drop sharply, and in
# the end to be zero.

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-dcss-figure5", "caption": "After Figure 5 of the paper: the loss of equations (4) and (5), divided by the number of pairs."}, "image": {"alt": "Loss per pair over the epochs of the second phase, a line a data set, with a dashed line where q takes over."}}
page.figure("dcss.figure5")

# %% tags=["remove-input"]
page.table("dcss.figure5")

# %% [markdown]
# ## Assignments become one-hot
#
# The paper draws $q$ of a sample of each class, and for all samples the distance
# $h_i = \lVert I_i - q_i \rVert_1$ from the nearest one-hot vector. "Almost all" are said to be very close.

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-dcss-figure7", "caption": "After Figure 7 of the paper: q of the first sample of each class."}, "image": {"alt": "Bar charts of the ten elements of q, a column a class, a row a data set."}}
page.figure("dcss.figure7")

# %% tags=["remove-input"]
page.table("dcss.figure7")

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-dcss-figure8", "caption": "After Figure 8 of the paper: the distance of q from its one-hot vector, on a logarithmic scale of samples."}, "image": {"alt": "Histograms of distances from zero to two, a panel a data set."}}
page.figure("dcss.figure8")

# %% tags=["remove-input"]
page.table("dcss.figure8")

# %% [markdown]
# ## More and more pairs take part
#
# Only a few pairs are said to be similar or dissimilar enough at first, almost all at the end. A sample and
# itself are no pair here.

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-dcss-figure10a", "caption": "After Figure 10(a) of the paper: share of a batch’s pairs that are similar, dissimilar, and either."}, "image": {"alt": "Three panels over the epochs of the second phase: share of similar pairs, of dissimilar pairs, and of both."}}
page.figure("dcss.figure10a")

# %% tags=["remove-input"]
page.table("dcss.figure10a")

# %% [markdown]
# ## Samples without an adjacent one
#
# The appendix assumes that every sample has at least one adjacent other, and looks at how many have none.

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-dcss-figure13", "caption": "After Figure 13 of the paper: share of samples without an adjacent one. The diamond is the one value that is printed."}, "image": {"alt": "Share of samples without an adjacent one over the epochs of the second phase, falling, with a printed value at the right edge."}}
page.figure("dcss.figure13")

# %% tags=["remove-input"]
page.table("dcss.figure13")

# %% [markdown]
# ## Three theorems
#
# $q$ is a vector of probabilities, and its largest element says the cluster. Two samples are *adjacent* if
# $q_i^\top q_j \ge \zeta$, *dissimilar* if $q_i^\top q_j \le \gamma$. A run cannot prove a theorem, only
# refute it: we look for counterexamples, among random vectors of three elements (Dirichlet) and among the
# assignments of our runs. Dots are pairs of some of them; the count in a title is over a thousand vectors.
#
# **Theorem 1.** The inner product is at most the lesser of the two largest elements. No dot may lie above
# the diagonal. Its corollaries say what that means for neighbours.

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-dcss-theorem1", "caption": "Theorem 1: inner products of pairs of assignments, and the bound as a black line."}, "image": {"alt": "Panels of dots below a diagonal line: random vectors, then the assignments of a run on each data set."}}
page.figure("dcss.theorem1")

# %% tags=["remove-input"]
page.table("dcss.theorem1")

# %% [markdown]
# **Theorem 2.** Adjacent samples are in one cluster. The proof bounds the product of two samples of
# *different* clusters by $2(1 - \zeta)$, which meets the diagonal at $\zeta = 2/3$: hence the paper's
# condition. One line earlier the proof holds more, $2 \zeta (1 - \zeta)$, and that curve meets the diagonal
# at $1/2$ already: any $\zeta$ above one half is enough.

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-dcss-theorem2", "caption": "Theorem 2: pairs in different clusters alone. The black dots are where the printed and the sharper bound meet that of Theorem 1."}, "image": {"alt": "Panels of dots below a diagonal and two falling curves, which meet the diagonal at two thirds and at one half."}}
page.figure("dcss.theorem2")

# %% tags=["remove-input"]
page.table("dcss.theorem2")

# %% [markdown]
# **Theorem 3.** Two samples that are both adjacent to a third are not dissimilar: their product is at least
# the square of the lesser largest element, so at least $\zeta^2$, and $\gamma < \zeta^2$. A part of the
# range of the paper's Figure 10 breaks that condition: for $\gamma = 1 - \zeta$ it asks for
# $\zeta > (\sqrt 5 - 1) / 2$.

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-dcss-theorem3", "caption": "Theorem 3: pairs that are both adjacent to a third alone. They lie between the square of the lesser largest element and that element itself, far above γ."}, "image": {"alt": "Panels of dots in the upper right corner, between a parabola and a diagonal, above two horizontal lines."}}
page.figure("dcss.theorem3")

# %% tags=["remove-input"]
page.table("dcss.theorem3")

# %% [markdown]
# ## Not drawn
#
# Figure 11 holds outputs of the first convolution beside those of a network trained with labels. Ours
# cannot be trained with labels, and records do not keep these outputs. Figures 1, 2 and 12 are schemes.
# Figure 6 and the panels of Figures 9 and 10(b) stand on the page of [ablations](ablations.ipynb).

# %% tags=["remove-input"]
page.table("dcss.filters")

# %% [markdown]
# ## Departures

# %% tags=["remove-input"]
page.departures()

# %% [markdown]
# ## Verdict

# %% tags=["remove-input"]
page.verdict("dcss.figure3", "dcss.figure4", "dcss.figure5", "dcss.figure7", "dcss.figure8")

# %% tags=["remove-input"]
page.verdict("dcss.figure10a", "dcss.figure13", "dcss.filters")

# %% tags=["remove-input"]
page.verdict("dcss.theorem1", "dcss.theorem2", "dcss.theorem3")
