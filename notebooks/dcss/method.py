# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # DCSS: the method
#
# Is this image like that one? For some pairs the answer is easy, and DCSS {cite:p}`dcss` learns from
# those alone. A first phase draws an autoencoder's embedding together around $K$ centres. A second one
# throws the decoder away and trains a small network, MNet, to give one answer to two similar samples
# and two answers to two dissimilar ones. Pairs in between say nothing, until they lean one way.
#
# Here each phase is a run of its own: the first alone is the paper's DCSS_u, DCSS goes on from it with its
# centres, and X+MNet goes on from another method X.

# %% tags=["parameters", "remove-cell"]
scale = "paper"

# %% tags=["remove-cell"]
from recluster.report import open_page

page = open_page("dcss", globals())

# %% tags=["remove-input"]
page.card("dcss.table1", "dcss.ahead", "dcss.phase2", "dcss.mnet", "dcss.preflight")

# %% [markdown]
# ## The claim
#
# On seven data sets DCSS is said to be more accurate than all it is compared with. The first phase alone,
# DCSS_u, is said to be good and the second to make it better; and MNet, put on the embedding of another
# method, to improve that too. The [tables](tables.ipynb) hold the comparison, the
# [ablations](ablations.ipynb) what each part adds, and the [figures](figures.ipynb) show how $q$ comes
# near a one-hot vector, with the three theorems that are to say why.
#
# ## The idea on a toy
#
# Three clouds that touch, and a centre for each. A point's colour is a mixture of the centres' colours by
# its memberships $p$, and the formula as printed gives the far centres the most. The right way up,
# points near a centre bear its colour, and those between two centres a mixture. Two points whose $p$ have
# a large inner product are a similar pair, two whose product is small a dissimilar one; the grey pairs
# take no part.
#
# Below are the assignments $q$ in the triangle of all there are: a corner is a one-hot vector. They start
# anywhere. While $p$ judges the pairs, similar ones are pulled together and dissimilar ones pushed apart.
# Then $q$ itself judges, and whoever is near a corner goes there.
#
# Three clear clouds in a plane are kind to it. The last row has ten that overlap, in ten dimensions, as an
# embedding has them. Eq. (3) alone, again and again, then draws the centres together at the paper's
# $m$, and less so where memberships are crisper. Hardly a pair is similar there, and nearly all are
# dissimilar, those of one cloud too: a membership of which nothing is known is one in $K$ everywhere, the
# product of two of them is $1/K$, and from five clusters on that is no more than $\gamma$. Who is undecided
# is driven apart.

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-dcss-toy", "caption": "Above: memberships under equation (2) as printed and the right way up, and the pairs that the latter make, sorted by cluster. In the middle: the way of each q down the losses (4) and (5), with logits of its own in place of MNet. Below, for ten clouds in ten dimensions: the least distance of two centres in radii of the clusters, with our dashed line of contraction; the inner products of the memberships of two samples; and the product of two undecided ones, red where it counts as dissimilar."}, "image": {"alt": "Nine panels. Above, points in three clouds coloured by memberships, wrongly in the first panel and rightly in the second, and a matrix of pairs. In the middle, three triangles in which points move from the middle to the corners. Below, three lines of which the lowest falls below a dashed one, a histogram of products most of which are small, and dots that fall with the number of clusters and turn red at five."}}
page.toy()

# %% [markdown]
# ## The equations, beside their source
#
# **Memberships**, eq. (2). As printed they grow with the distance: numerator and denominator have changed
# places. The text wants the opposite, "the closer ... the higher", which is fuzzy c-means and what runs
# here:
#
# $$
# p_{ik} = \Biggl( \sum_{j=1}^K
# \frac{\lVert u_i - \mu^{(k)} \rVert^{2/(m-1)}}{\lVert u_i - \mu^{(j)} \rVert^{2/(m-1)}} \Biggr)^{-1} .
# $$
#
# ```{literalinclude} ../../../src/recluster/parts/fuzzy.py
# :language: python
# :pyobject: log_memberships
# ```
#
# **The first phase**, eqs. (1a) to (1c). Each batch makes $K$ updates, one a cluster. Its loss counts each
# sample by its membership $p_{ik}^m$, which is a constant there:
#
# $$
# \mathcal L_u^{(k)} = \sum_{x_i \in \mathfrak B} p_{ik}^m \lVert x_i - \hat x_i \rVert^2
# + \alpha \sum_{x_i \in \mathfrak B} p_{ik}^m \lVert u_i - \mu^{(k)} \rVert^2 .
# $$
#
# ```{literalinclude} ../../../src/recluster/parts/centring.py
# :language: python
# :pyobject: reconstruction_loss
# ```
#
# ```{literalinclude} ../../../src/recluster/parts/centring.py
# :language: python
# :pyobject: centring_loss
# ```
#
# **The centres**, eq. (3): means of all embeddings, weighted by $p_{ik}^m$, every $T_1$ epochs.
#
# ```{literalinclude} ../../../src/recluster/parts/fuzzy.py
# :language: python
# :pyobject: weighted_means
# ```
#
# **Lines 1 to 8 of Algorithm 1**, as they run here:
#
# ```{literalinclude} ../../../src/recluster/parts/centring.py
# :language: python
# :pyobject: fit
# ```
#
# **The second phase**, eqs. (4) and (5). With $s_{ij} = p_i^\top p_j$ up to epoch $T_2$, and
# $s_{ij} = q_i^\top q_j$ after it,
#
# $$
# \mathcal L_M = \sum_{x_i, x_j \in \mathfrak B}
# \mathbb 1\{s_{ij} \ge \zeta\} \, (1 - q_i^\top q_j) + \mathbb 1\{s_{ij} \le \gamma\} \, q_i^\top q_j .
# $$
#
# ```{literalinclude} ../../../src/recluster/methods/dcss.py
# :language: python
# :pyobject: pairwise_loss
# ```
#
# **Lines 9 to 21**, from the centres and the encoder that the first phase leaves:
#
# ```{literalinclude} ../../../src/recluster/methods/dcss.py
# :language: python
# :pyobject: fit
# ```
#
# ## The two networks
#
# **MNet** has three hidden layers:
#
# ```{literalinclude} ../../../src/recluster/nets/mnet.py
# :language: python
# :pyobject: mnet
# ```
#
# **The autoencoder of Figure 12** is for grey images at the paper's scale. Its encoder has residual blocks,
# its decoder has none:
#
# ```{literalinclude} ../../../src/recluster/nets/dcss_conv.py
# :language: python
# :pyobject: bottlenecked
# ```
#
# ## Before the first phase is paid for
#
# A first phase makes $K$ steps a batch for hundreds of epochs. Whether its centres will keep apart can be
# asked for much less: eq. (3) a hundred times on an embedding that stands still, and a few epochs of
# training. The rule was set before the runs, and needs no labels.

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-dcss-preflight", "caption": "Not in the paper: the least distance of two centres over the clusters' radius, update by update or epoch by epoch, mean and range over seeds; below the dashed line we speak of a contraction."}, "image": {"alt": "A panel for each trial, with a line a data set over updates or epochs and a dashed line at the rule."}}
page.figure("dcss.preflight")

# %% tags=["remove-input"]
page.table("dcss.preflight")

# %% [markdown]
# And over the whole first phase:

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-dcss-contraction", "caption": "Not in the paper: the same over the epochs of the first phase."}, "image": {"alt": "A line a data set over the epochs, and a dashed line at the rule."}}
page.figure("dcss.contraction")

# %% tags=["remove-input"]
page.table("dcss.contraction")

# %% [markdown]
# ## The scales
#
# At the paper's scale DCSS runs as printed. The smaller scales differ in these settings. A first phase of so
# few epochs would not move at the printed rate, and has a greater one; the second phase is short as it is,
# and keeps its rate.

# %% tags=["remove-input"]
page.settings("dcss.table1", "DCSS_u", "DCSS")

# %% [markdown]
# ## Printed beside ours
#
# What the second phase adds to the first, over the run that it goes on from:

# %% tags=["remove-input"]
page.table("dcss.phase2")

# %% [markdown]
# All methods beside one another, with the numbers of the paper's Table 1, stand on the page of
# [tables](tables.ipynb).
#
# ## Departures
#
# Where the paper is silent or contradicts itself we had to choose; where we depart from what it prints,
# there is a reason.

# %% tags=["remove-input"]
page.departures()

# %% [markdown]
# ## Verdict
#
# Of every claim of the paper that we found in it:

# %% tags=["remove-input"]
page.verdict()
