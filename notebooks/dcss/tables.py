# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # DCSS: the tables
#
# The paper's three tables and what its text reads off them. In each cell the printed value stands above
# ours; its colour is the verdict, and a pointer held over it tells the seeds and the records. NMI is
# divided by the greater entropy here, as in the paper's eq. (6b).

# %% tags=["parameters", "remove-cell"]
scale = "paper"

# %% tags=["remove-cell"]
from recluster.report import open_page

page = open_page("dcss", globals())

# %% tags=["remove-input"]
page.card("dcss.table1", "dcss.table2", "dcss.table3", "dcss.mnet", "dcss.ahead", "dcss.phase2")

# %% [markdown]
# ## The claim
#
# DCSS is said to be more accurate than all methods that it is compared with, on all seven data sets; its
# first phase alone, DCSS_u, to be second to few; and MNet to improve DEC, IDEC, DCN and DKM.
#
# ## Accuracy beside other methods

# %% tags=["remove-input"]
page.table("dcss.table1")

# %% [markdown]
# From best to worst by ACC, with every row that has a number:

# %% tags=["remove-input"]
page.order("dcss.table1", "acc")

# %% [markdown]
# Read the last three columns with care. AE + k-means and both rows of DCSS cluster features of a network
# that was trained with labels, most other rows the pixels; for the same methods on the same features see
# the next table.
#
# ## Features of different pretrained networks
#
# A command [extracts these features](../../data.md) where the images and the networks' weights are; our copy
# of CIFAR-10 stands beside the original under its own name.

# %% tags=["remove-input"]
page.table("dcss.table2")

# %% [markdown]
# ## MNet on other methods' embeddings
#
# Each of the four methods trains its autoencoder, then the second phase of DCSS starts from its encoder.

# %% tags=["remove-input"]
page.table("dcss.table3")

# %% [markdown]
# By how much that is better than the method without MNet, from the same seed:

# %% tags=["remove-input"]
page.table("dcss.mnet")

# %% [markdown]
# These gains are [drawn](ablations.ipynb) on the page of ablations.
#
# ## What the text reads off the tables
#
# DCSS is said to be ahead of everybody on every data set, and its first phase of all but one:

# %% tags=["remove-input"]
page.table("dcss.ahead")

# %% [markdown]
# The second phase is said to improve on the first on every data set. Over the run of DCSS_u that it goes on
# from:

# %% tags=["remove-input"]
page.table("dcss.phase2")

# %% [markdown]
# ## Departures

# %% tags=["remove-input"]
page.departures()

# %% [markdown]
# ## Verdict

# %% tags=["remove-input"]
page.verdict("dcss.table1", "dcss.table2", "dcss.table3", "dcss.mnet", "dcss.ahead", "dcss.phase2")
