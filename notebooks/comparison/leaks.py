# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Where labels leak
#
# Clustering has no labels, its papers do. They stop training at some epoch, settle on some weights, report
# some runs. Whoever watches the accuracy while choosing has used the labels, and the number printed in
# the end is no longer that of an unsupervised method. The published code of one of the five papers keeps
# the pretraining checkpoint of highest accuracy against the true labels; another paper's weights for all
# data sets are those of highest accuracy in its own grid on MNIST (U17 among
# [what the papers leave open](contradictions.ipynb)).
#
# How much does that buy? Our records can tell, since they keep accuracy along the epochs, over settings
# and over seeds, and nothing in them was chosen by it.

# %% tags=["parameters", "remove-cell"]
scale = "paper"

# %% tags=["remove-cell"]
from recluster.report import open_page

page = open_page("comparison", globals())

# %% tags=["remove-input"]
page.leaks("findings")

# %% [markdown]
# ## Beside the margins that papers print
#
# Above, what each kind of choice buys: a dot is a method, or a sweep, on a data set. Below, by how much
# each paper says that it leads the strongest rival of its own table. A choice that buys as much as a lead
# is wide could have made that lead.

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-leaks-margins", "caption": "Points of ACC bought by choosing with labels (ours, above) beside the leads that the papers print (below). The mark is the median, the bar the middle half. Linear up to two points, logarithmic beyond."}, "image": {"alt": "Dots along one axis of points of ACC. Upper group: choosing the epoch, the setting and the seed by labels. Lower group: the papers' printed leads, table by table, most of them small and some negative."}}
page.leaks("margins figure")

# %% [markdown]
# The printed leads as numbers; a negative one is a column in which the paper's own method is not the best.

# %% tags=["remove-input"]
page.leaks("margins")

# %% [markdown]
# ## The epoch
#
# Every run of ours ends where its own rule says, without labels. Its curve shows where a reader of labels
# would have stopped. For a method whose accuracy rises to the end this buys nothing. It buys most where
# training harms a good start: there the labels hide the harm.

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-leaks-epoch", "caption": "Points of ACC between the last epoch and the best one by labels, one dot a seed. The mark is the mean over data sets, the bar its bootstrap interval over seeds. Linear up to two points, logarithmic beyond."}, "image": {"alt": "One row a method, one dot a seed in the colour of its data set, along an axis of points of ACC from nought. Most dots lie near nought, a few methods lie far to the right."}}
page.leaks("stopping figure")

# %% tags=["remove-input"]
page.leaks("stopping")

# %% [markdown]
# ## The setting
#
# The best of several settings, beside the mean of all of them and beside the paper's own. A part of it is
# merely the best of several draws: with few seeds, settings that are equally good do not score equally.

# %% tags=["remove-input"]
page.leaks("settings")

# %% [markdown]
# ## The seed
#
# Reporting the best run of several uses labels as much as any other choice. What it buys follows from the
# spread over seeds: the expected greatest of a few draws lies about one deviation above the mean.

# %% tags=["remove-input"]
page.leaks("seeds")

# %% [markdown]
# ## What is not here

# %% tags=["remove-input"]
page.leaks("missing")

# %% [markdown]
# ## How labels stay out of our runs
#
# - **They cannot be reached.** A method is handed the samples and the number of clusters. Its modules may
#   not import those that know labels, scores or records; a contract on imports says so, and the build
#   fails where it is broken.
# - **It is tested.** A law that every method must keep trains it with the true labels, with permuted ones
#   and with none, and asks for the same result to the last bit.
# - **Nothing waits for a score.** Training stops at its own rule or its last epoch. Accuracy is computed
#   by whoever watches, who puts the random state back, and it goes into the record alone.
# - **All seeds are reported**, failed ones as failed, and tolerances are fixed before anything is run.
#
# One leak remains, and the method's page names it: where a paper prints no value for a setting, somebody
# had to choose one, and people have eyes.
