# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # SeCu: the method
#
# A classifier learns well from labels. SeCu {cite:p}`secu` has none, so it makes them: each image belongs
# to the cluster whose centre is nearest, and the encoder learns to tell it from all others, while the
# centres follow. Two small changes keep this from going wrong. A centre is moved by its own members alone,
# and a cluster that gets too few samples becomes cheaper, batch by batch, until it gets enough.

# %% tags=["parameters", "remove-cell"]
scale = "paper"

# %% tags=["remove-cell"]
from recluster.report import open_page

page = open_page("secu", globals())

# %% tags=["remove-input"]
page.card()

# %% [markdown]
# We have the paper's supplement, not the paper itself. So its large tables are not here: what can be held
# against our runs are three ablations, one constraint, two propositions and a theorem.
#
# ## The claim
#
# Clusters learned this way are said to be stable: their sizes stay [within their bounds](tables.ipynb),
# the accuracy hardly depends on [the size of a batch or of the embedding](ablations.ipynb), and a centre
# can be moved at [a constant rate](figures.ipynb).
#
# ## The idea on a toy
#
# Points on a circle pass by in batches, and most of them lie around the first of three fixed centres. Left
# alone, each goes to the nearest centre and the sizes are as uneven as the stream. With the constraint,
# every cluster has a *dual*: it grows while the cluster is too small, is added to the cluster's scores, and
# so the borders move until the shares keep to the dashed line.

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-secu-toy", "caption": "Above: labels of the last points without and with the size constraint; crosses are the centres. Below: each cluster's share of the last twenty batches (dotted: without the constraint; dashed: the lower bound), and the duals."}, "image": {"alt": "Two rings of points in three colours, once in three uneven parts and once in more even ones, above two line charts over the batches."}}
page.toy()

# %% [markdown]
# Nobody looked ahead or back: each batch is labelled once, as it comes, with the duals that the batches
# before it have left.
#
# ## The equations, beside their source
#
# **Assignment probability**, eq. (3). Embedding and centres have unit length, $\lambda$ is a temperature:
#
# $$
# p_{i,j} = \frac{\exp(x_i^\top w_j / \lambda)}{\sum_k \exp(x_i^\top w_k / \lambda)} .
# $$
#
# ```{literalinclude} ../../../src/recluster/methods/secu.py
# :language: python
# :pyobject: probabilities
# ```
#
# **The stable loss of the centres**, eq. (1). It looks like the softmax loss, but $\tilde w_k$ are centres
# that the gradient does not reach:
#
# $$
# \min_{\{w_j\}} \sum_i \log\Bigl(\exp(x_i^\top w_{y_i}/\lambda)
# + \sum_{k: k \neq y_i} \exp(x_i^\top \tilde w_k/\lambda)\Bigr) - x_i^\top w_{y_i}/\lambda .
# $$
#
# ```{literalinclude} ../../../src/recluster/methods/secu.py
# :language: python
# :pyobject: centre_loss
# ```
#
# **Theorem 1**, eq. (4). The best centre is the mean of its members, those most that it is least sure of,
# brought back to unit length by $\Pi$:
#
# $$
# w_j = \Pi_{\lVert w \rVert_2 = 1} \left(
# \frac{\sum_{i: y_i = j} (1 - p_{i,j}) x_i}{\sum_{i: y_i = j} 1 - p_{i,j}} \right) .
# $$
#
# ```{literalinclude} ../../../src/recluster/methods/secu.py
# :language: python
# :pyobject: optimal_centres
# ```
#
# **Labels under the size constraint**, Section 2. With $\rho_j$ for the lower bound and $\rho'_j$ for the
# upper, a label is
#
# $$
# y_i = \operatorname{argmin}_j \; -\log p_{i,j} - \rho_j + \rho'_j ,
# $$
#
# ```{literalinclude} ../../../src/recluster/parts/balance.py
# :language: python
# :pyobject: assigned
# ```
#
# and after each batch of $b$ the duals move by how far the batch was from the bound:
#
# $$
# \rho_j \leftarrow \max\Bigl(0, \rho_j - \eta_\rho \frac1b \sum_{s=1}^b (y_{s,j} - \gamma / K)\Bigr), \qquad
# \rho'_j \leftarrow \max\Bigl(0, \rho'_j + \eta_\rho \frac1b \sum_{s=1}^b (y_{s,j} - \gamma' / K)\Bigr) .
# $$
#
# ```{literalinclude} ../../../src/recluster/parts/balance.py
# :language: python
# :pyobject: ascended
# ```
#
# ```{literalinclude} ../../../src/recluster/parts/balance.py
# :language: python
# :pyobject: Partition.bounded
# ```
#
# **The representation** learns from two random views of an image: what the other view says, mixed with the
# label that the epoch before gave it. The supplement leaves this to the main paper; it is read off the
# authors' code.
#
# ```{literalinclude} ../../../src/recluster/methods/secu.py
# :language: python
# :pyobject: soft_target
# ```
#
# ```{literalinclude} ../../../src/recluster/methods/secu.py
# :language: python
# :pyobject: Head.losses
# ```
#
# **The training**, as it runs here:
#
# ```{literalinclude} ../../../src/recluster/methods/secu.py
# :language: python
# :pyobject: fit
# ```
#
# **Self-labelling**, Section 3.1, may follow: the confident answers become labels of a stronger view.
#
# ```{literalinclude} ../../../src/recluster/parts/self_labelling.py
# :language: python
# :pyobject: self_labelled
# ```
#
# ## Printed beside ours

# %% tags=["remove-input"]
page.table("secu.table2")

# %% [markdown]
# ## Departures
#
# The supplement is short. What it leaves out comes from the authors' code, and the rest we had to choose.

# %% tags=["remove-input"]
page.departures()

# %% [markdown]
# ## Verdict

# %% tags=["remove-input"]
page.verdict()
