# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # One protocol, and what it can tell
#
# A table of means makes every difference look like a finding. Here each difference is taken between two
# runs of the same data and seed, so that both began with the same pretrained autoencoder, and each comes
# with what it is worth. A run that is missing is never made up: what it would have been compared with is
# left out.

# %% tags=["parameters", "remove-cell"]
scale = "paper"

# %% tags=["remove-cell"]
from recluster.report import open_page

page = open_page("comparison", globals())

# %% tags=["remove-input"]
page.card()

# %% [markdown]
# ## How far so few runs can see
#
# The test flips signs. If a method were no better and no worse than another, each difference could as well
# have had the other sign; all patterns of signs are tried, and the p-value is the share of them whose mean
# is as far from nought. With few runs there are few patterns, and no p-value can be smaller than that
# of the one in which all signs agree.
#
# Many comparisons make chance finds likely, so p-values are corrected by Holm's method: the chance of even
# one false find among all comparisons of a table then stays below the level.
#
# Intervals are bootstrap intervals (BCa): seeds are drawn anew within each data set, in pairs. They
# speak of *other seeds on these data*. Of other data they say nothing, and with so few seeds they are too
# narrow; a simulation says by how much.

# %% tags=["remove-input"]
page.protocol("reach")

# %% [markdown]
# So the tables below are to be read as a list of effects with their sizes and their spread, not as a list
# of discoveries. An effect as large as the distance between two bands of dots is there to be seen; one as
# large as the dots' own spread is not.
#
# ## Mean ranks
#
# On each data set and seed the methods are ranked, and the ranks averaged. Methods with equal scores share
# a rank. Only seeds count that every method has.

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-ranks", "caption": "Mean rank by ACC. The black mark is the mean over all complete blocks, a dot that of one data set."}, "image": {"alt": "One row a method, from best to worst: a black mark for its mean rank and a coloured dot for each data set."}}
page.protocol("ranks figure")

# %% tags=["remove-input"]
page.protocol("ranks")

# %% [markdown]
# ## Against k-means on the data
#
# The least that a deep method must do is to beat k-means on the pixels.

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-over-raw", "caption": "ACC over k-means on the data, in percent points: a dot a seed, the black mark the mean over data sets, the bar its bootstrap interval."}, "image": {"alt": "One row a method, from the greatest gain to the greatest loss: coloured dots for seeds, a black mark and bar for mean and interval, and a line at nought."}}
page.protocol("k-means figure")

# %% tags=["remove-input"]
page.protocol("k-means")

# %% tags=["remove-input"]
page.protocol("k-means findings")

# %% [markdown]
# P(better) is the chance that a run of the method beats one of the reference on the same data, whatever
# their seeds: one half is a toss of a coin. It says how often, the mean says by how much.
#
# ## Against k-means on the method's own autoencoder
#
# What is left when the pretraining's merit is taken away.

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-over-start", "caption": "ACC over k-means on the very autoencoder that the method began with; marks as above."}, "image": {"alt": "One row a method that starts from an autoencoder, from the greatest gain to the greatest loss, with a line at nought."}}
page.protocol("start figure")

# %% tags=["remove-input"]
page.protocol("start")

# %% tags=["remove-input"]
page.protocol("start findings")

# %% [markdown]
# ## What each part adds
#
# Pairs of rows that differ in one thing: the pretraining, a term of the loss, a phase. What stands right
# of nought is worth having, on these data and at this scale.

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-parts", "caption": "ACC with a part less ACC without it, in percent points; marks as above."}, "image": {"alt": "Contrasts between two rows that differ in one part, grouped by part, with coloured dots for seeds and a line at nought."}}
page.protocol("parts figure")

# %% tags=["remove-input"]
page.protocol("parts")

# %% tags=["remove-input"]
page.protocol("parts findings")

# %% tags=["remove-input"]
page.protocol("parts lacking")

# %% [markdown]
# Two cautions. DynAE's pretraining brings augmented images, other initial weights and another number of steps
# at once, and rows that differ in all of them cannot tell them apart. And below paper scale a pretraining that is cut short may be cut at a
# different point of its course than another, so that its contrast compares beginnings.
