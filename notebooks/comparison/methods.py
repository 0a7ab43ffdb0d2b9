# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Every method on the same data
#
# The papers compare themselves with numbers from elsewhere: other networks, other pretraining, other
# data. Here all methods see the same samples, and for each seed all that start from an autoencoder start
# from the same one.

# %% tags=["parameters", "remove-cell"]
scale = "paper"

# %% tags=["remove-cell"]
from recluster.report import open_page

page = open_page("comparison", globals())

# %% tags=["remove-input"]
page.card()

# %% [markdown]
# ## Printed beside ours
#
# NMI has two averages in these papers: the arithmetic one, and the larger entropy ("max"), which is the
# lower number.

# %% tags=["remove-input"]
page.table("comparison.methods")

# %% [markdown]
# ## What a method adds to its autoencoder
#
# A deep clustering method that ends below k-means on the very autoencoder that it began with has
# worked for nothing. DynAE and the starred methods begin with an autoencoder of their own (ACAI on
# augmented images), ULHE-DC with one whose embeddings have norm one, the others with the plain one.

# %% tags=["remove-input"]
page.gains()

# %% [markdown]
# ## Why some end below their start
#
# What the table says of their clusters explains some of it, and the rest is open:
#
# - **DKM**: at weight one the pull outweighs the reconstruction. Within two epochs clusters have lost all
#   their members, the largest takes them, and nothing in the loss brings them back. DKM+MNet begins
#   where that ended, and regains a part of it.
# - **DynAE**: its autoencoder has seen a small part of the printed steps and tells fewer classes apart.
#   Samples that are not in doubt pull the encoder towards the largest clusters, these win more samples,
#   and the others empty. Whether the printed pretraining prevents it needs the paper scale.
# - **VaDE** begins with the mixture of **AE + GMM**, not with k-means, and that mixture already ends below
#   k-means on the same embedding.
# - **DCN** hardly moves: it stays more alike to its start than any other, and the difference lies within
#   the range of the seeds.
# - DCSS and what ends in +MNet learn in phase 2 from the pairs that the start is sure of. Where its
#   memberships are soft, few pairs count as similar; and among those that count as dissimilar, and are
#   pushed apart, are many of one class too. So it hardens mistakes of the start with the rest. What decides
#   between gain and loss is taken apart on the page of [DCSS's ablations](../dcss/ablations.ipynb).
#
# ## From best to worst

# %% tags=["remove-input"]
page.order("comparison.methods", "acc")

# %% [markdown]
# ## The verdict

# %% tags=["remove-input"]
page.verdict()
