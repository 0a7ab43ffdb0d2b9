# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # How to choose without labels
#
# Who clusters has no labels, and so no ACC. Many runs lie on the table: which one to keep? Several numbers
# can be had without labels. Our records hold them beside the ACC, so each can be asked: had you chosen by
# it, how well would you have done?

# %% tags=["parameters", "remove-cell"]
scale = "paper"

# %% tags=["remove-cell"]
from recluster.report import open_page

page = open_page("comparison", globals())

# %% tags=["remove-input"]
page.card()

# %% [markdown]
# ## Six numbers that need no labels
#
# All are turned so that the greater is taken for the better, and come from what a record keeps: every
# sample's cluster, and the embedding of two thousand samples.
#
# - **Silhouette, own embedding**: how far apart the clusters lie in the space that the method made. A
#   method that is paid for drawing clusters together pays itself.
# - **Silhouette, the data**: the same clusters, but distances between the data as they are.
# - **Agreement of the seeds**: mean ARI with the runs that differ in the seed alone.
# - **Evenness of the sizes**: entropy of the clusters' sizes, over that of equal ones.
# - **Agreement with k-means**: ARI with k-means on the data, for the same seed.
# - **Reconstruction**: minus the squared error a feature at the last epoch, where the run trains a decoder
#   by it, or clusters an autoencoder's embedding. The others have none, and are left out of that row.
#
# ## Do they go with ACC?

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-choosing", "caption": "ACC against each number: a dot a run, a colour a method, a panel a number and data set. To choose by a number is to take the dot farthest to the right."}, "image": {"alt": "Scatter plots of ACC against six numbers that need no labels, a panel for each number and data set, dots coloured by method."}}
page.choosing("figure")

# %% [markdown]
# The correlation is over methods, each the mean of its seeds: seeds of one method are no independent
# witnesses. Nor are methods that share an autoencoder quite, so the intervals are rather too narrow.

# %% tags=["remove-input"]
page.choosing("links")

# %% [markdown]
# ## Had you chosen by it

# %% tags=["remove-input"]
page.choosing("choices")

# %% [markdown]
# ## What follows

# %% tags=["remove-input"]
page.choosing("findings")

# %% [markdown]
# The runs here are ours, on images of digits or of clothes and with the settings of this scale. A number
# that chose well among them may choose badly elsewhere; one that chose badly here has failed in an easy
# case.
