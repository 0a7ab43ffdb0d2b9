# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Deep Clustering, Reproduced
#
# Some papers say how to learn a representation and a clustering together, without labels. Here are five
# of them, run again: every number that they print beside the one that our own runs gave, with the code,
# the seeds and the record behind it.

# %% tags=["parameters", "remove-cell"]
scale = "paper"

# %% tags=["remove-cell"]
from recluster.report import open_page

board = open_page("comparison", globals()).scoreboard()

# %% tags=["remove-input"]
board.headline()

# %% [markdown]
# What the colours mean, how a number gets here and what is no test of a paper is said on
# [one page](../../reading.md); all methods on the same data are on [another](methods.ipynb).
#
# ## Paper by paper
#
# Each bar is everything that a paper prints, divided by how it stands today.

# %% tags=["remove-input"]
board.papers()

# %% [markdown]
# ## The scoreboard
#
# A click on a heading sorts, the lists and the search box narrow it down, and every number of ours leads to
# its records. A run that is smaller than the paper's is shown as such: it is there to be looked at, and
# says nothing against a paper.

# %% tags=["remove-input", "full-width"]
board.table()

# %% [markdown]
# ## Run it yourself
#
#     make book                                # environment, notebooks, this site
#     recluster show pcx.table6                # one claim, printed | ours
#     recluster run pcx.table6 --scale smoke   # the records that it lacks
#
# ```python
# from recluster import PCX
#
# labels = PCX(n_clusters=10, random_state=0).fit_predict(x)
# ```
#
# The papers are {cite:t}`pcx,ulhe,dynae,dcss,secu`.
