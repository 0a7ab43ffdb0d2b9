# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # An explorer of embeddings
#
# What does a method make of the samples? Here each dot is one of them, and dots that lie together lie
# together in the embedding that the method has learned. Choose a run, point at a dot, and see its image.

# %% tags=["parameters", "remove-cell"]
scale = "paper"

# %% tags=["remove-cell"]
from recluster.report import open_page

page = open_page("comparison", globals())
explorer = page.explorer()

# %% [markdown]
# ## How to read it
#
# Coloured by **true class**, a map shows whether the embedding keeps the classes apart: a good one has
# islands of one colour. Coloured by **cluster**, it shows what the method says of the same dots. A cluster
# has the colour of the class that it stands for in the score ACC, so that dots which change their colour
# between the two are the mistakes; point at a few of them.
#
# Below the map runs the training. Move the slider to an epoch to read the scores and the losses that the
# run had then. Scores are drawn from nought to one, each loss over its own range, and so are the counts
# that some methods keep. The method itself has never seen a score.
#
# ## The explorer

# %% tags=["remove-input"]
explorer

# %% tags=["remove-input", "explorer-still"] mystnb={"figure": {"name": "fig-explorer", "caption": "All maps of the explorer at once: t-SNE of a part of each run's samples, in the colours of the true classes."}, "image": {"alt": "A grid of scatter plots, one for each method and data set, coloured by class."}}
explorer.still()

# %% [markdown]
# ## What a map does not show
#
# The maps are made by t-SNE, which keeps neighbours together and little else: the distance between two
# islands and the size of an island say nothing. Each run is the first seed's, and the map shows its end;
# records keep curves for every epoch, but no embeddings on the way. The numbers behind all seeds stand
# [beside one another](methods.ipynb).
