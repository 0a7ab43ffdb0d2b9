# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # SeCu: the tables
#
# The three tables of the supplement. All of them are of CIFAR-10, of which we have a copy compressed as
# JPEG: its runs stand in columns of their own and are never held against the printed number. In each cell
# the printed value stands above ours, and a pointer held over it tells the seeds and the records.

# %% tags=["parameters", "remove-cell"]
scale = "paper"

# %% tags=["remove-cell"]
from recluster.report import open_page
from recluster.report import told_secu as told

page = open_page("secu", globals())

# %% tags=["remove-input"]
page.card("secu.table1", "secu.table2", "secu.table3", "secu.sizes")

# %% [markdown]
# ## The claim
#
# SeCu is said to be steady: neither the width of the embedding nor the size of a batch moves the accuracy
# by much, and a lower bound a little under perfect balance is better than perfect balance.
#
# ## Width of the embedding

# %% tags=["remove-input"]
page.table("secu.table1")

# %% [markdown]
# ## What the smaller runs are worth
#
# Where the runs of the paper's scale are missing, shorter ones on other data stand in. They are no test of
# the printed numbers. How far they have come is seen beside k-means on the raw pixels, which learns nothing:
# a method that is still below it has hardly begun. Rows of such runs tell which setting starts faster, and
# not where it ends.

# %% tags=["remove-input"]
told.beside_kmeans(page, "secu.table1")

# %% [markdown]
# [The ablations](ablations.ipynb) have longer runs, made to see which way these tables point.
#
# ## Lower bound of the sizes

# %% tags=["remove-input"]
page.table("secu.table2")

# %% [markdown]
# ## Are the bounds kept?
#
# The sizes that Table 2 prints, as an inequality: no cluster is smaller than the share $\gamma$ of the mean
# size, but for as little as the paper's own sizes fall short. This one does not hang on the data, so a run of ours can be held against it wherever it was made.

# %% tags=["remove-input"]
page.table("secu.sizes")

# %% [markdown]
# How the sizes come to lie there is [a figure](figures.ipynb).
#
# ## Size of a batch

# %% tags=["remove-input"]
page.table("secu.table3")

# %% [markdown]
# All rows are trained for as many epochs, so that large batches take far fewer steps. In a training that
# goes on until nothing moves, that matters little. In our short runs it cannot be told from the size itself:

# %% tags=["remove-input"]
told.steps(page, "secu.table3")

# %% [markdown]
# ## Departures

# %% tags=["remove-input"]
page.departures()

# %% [markdown]
# ## Verdict

# %% tags=["remove-input"]
page.verdict("secu.table1", "secu.table2", "secu.table3", "secu.sizes")
