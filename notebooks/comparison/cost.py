# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Cost against quality
#
# What does a better clustering cost? For each method the seconds from the first step of its pretraining to
# the end, and the greatest memory on the way, beside the ACC and NMI that they buy. On the *front* is a
# method that nothing beats in both.

# %% tags=["parameters", "remove-cell"]
scale = "paper"

# %% tags=["remove-cell"]
from recluster.report import open_page

page = open_page("comparison", globals())

# %% tags=["remove-input"]
page.card()

# %% [markdown]
# ## What the seconds are worth
#
# A record holds the training's seconds, by a clock on the wall, and the machine's kind. It does not hold
# what else the machine was doing, and ours were shared with other runs. How much that matters shows where
# the same work was done more than once:

# %% tags=["remove-input"]
page.cost("machines")

# %% [markdown]
# So a method that takes half as long again as another may be no slower. What does not depend on the
# neighbours stands in the table too: the epochs, those of the pretraining included, and the share of the
# seconds that went into what the method starts from. Memory is that of the whole process, on a GPU what
# was allocated there; a process that did several runs has the peak of the largest, so small differences
# mean nothing. A pretrained autoencoder is made once and shared by all that start from it; here everybody
# pays for it in full, as one who wants a single clustering must.
#
# ## Seconds

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-seconds-acc", "caption": "ACC against seconds, a panel a data set. In colour, the front, its methods' names in bold; in grey, all others, of which the papers' own are named."}, "image": {"alt": "Scatter plots of ACC against seconds on a logarithmic axis, with the Pareto front as a coloured staircase and names at the right."}}
page.cost("seconds acc")

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-seconds-nmi", "caption": "NMI (arithmetic) against seconds; marks as above."}, "image": {"alt": "Scatter plots of NMI against seconds on a logarithmic axis, with the Pareto front as a coloured staircase and names at the right."}}
page.cost("seconds nmi")

# %% [markdown]
# ## Memory

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-memory-acc", "caption": "ACC against peak memory; marks as above."}, "image": {"alt": "Scatter plots of ACC against peak memory on a logarithmic axis, with the Pareto front as a coloured staircase and names at the right."}}
page.cost("memory acc")

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-memory-nmi", "caption": "NMI (arithmetic) against peak memory; marks as above."}, "image": {"alt": "Scatter plots of NMI against peak memory on a logarithmic axis, with the Pareto front as a coloured staircase and names at the right."}}
page.cost("memory nmi")

# %% [markdown]
# ## The fronts in words

# %% tags=["remove-input"]
page.cost("findings")

# %% [markdown]
# ## All numbers

# %% tags=["remove-input"]
page.cost("table")
