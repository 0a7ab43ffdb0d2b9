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
# WHY
#
# ## From best to worst

# %% tags=["remove-input"]
page.order("comparison.methods", "acc")

# %% [markdown]
# ## The verdict

# %% tags=["remove-input"]
page.verdict()
