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
# worked for nothing. DynAE and the starred methods begin with an autoencoder of their own, of augmented
# images (ACAI's, here without its critic), ULHE-DC with one whose embeddings have norm one, the others with
# the plain one.

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
# - **VaDE** begins with the mixture of **AE + GMM**, not with k-means, and that mixture already ends below
#   k-means on the same embedding.
# - **DCN** hardly moves: it stays more alike to its start than any other, and the difference lies within
#   the range of the seeds.
# - DCSS and what ends in +MNet learn in phase 2 from the pairs that the start is sure of. Where its
#   memberships are soft, few pairs count as similar; and among those that count as dissimilar, and are
#   pushed apart, are many of one class too. So it hardens mistakes of the start with the rest. What decides
#   between gain and loss is taken apart on the page of [DCSS's ablations](../dcss/ablations.ipynb).
#
# ## From one augmented autoencoder
#
# Some papers augment images and others do not, some pretrain for longer. Here every method that can begin
# with DynAE's autoencoder does: for each seed the same weights. What is left between them is the method.

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-comparison-augmented", "caption": "ACC of every method from one augmented autoencoder for each seed: a dot a seed, a bar the mean."}, "image": {"alt": "Two panels with a row for each method and dots for its seeds."}}
page.figure("comparison.augmented")

# %% tags=["remove-input"]
page.table("comparison.augmented")

# %% [markdown]
# What each adds to $k$-means on that autoencoder:

# %% tags=["remove-input"]
page.gains("comparison.augmented")

# %% [markdown]
# ## From best to worst

# %% tags=["remove-input"]
page.order("comparison.methods", "acc")

# %% [markdown]
# ## The verdict

# %% tags=["remove-input"]
page.verdict()
