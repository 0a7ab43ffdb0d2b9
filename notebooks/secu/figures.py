# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # SeCu: the figures
#
# The supplement has no figure. What it has are two propositions, a theorem and a constraint, and each can
# be looked at: some by calculation on points made for it, some in our records.

# %% tags=["parameters", "remove-cell"]
scale = "paper"

# %% tags=["remove-cell"]
from recluster.report import open_page
from recluster.report.toys import secu as calculated

page = open_page("secu", globals())

# %% tags=["remove-input"]
page.card("secu.sizes", "secu.proposition1", "secu.proposition2", "secu.theorem1")

# %% [markdown]
# ## The size constraint, in our runs
#
# The duals start at nothing and have to find their values, while the embedding changes below them.

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-secu-sizes", "caption": "Largest and smallest cluster over the epochs, in units of the mean size: mean over seeds, with the range between the lowest and the highest seed. Dotted: the lower bound."}, "image": {"alt": "A panel for each data set with the sizes of the largest and the smallest cluster over the epochs, and the bound as a dotted line."}}
page.figure("secu.sizes")

# %% tags=["remove-input"]
page.table("secu.sizes")

# %% [markdown]
# ## The size constraint, on a stream
#
# Table 2 without any learning: fixed points, some clusters far more popular than others, and the duals
# alone at work. The squares are the paper's numbers, on other data; what can be compared is where the two
# lie with regard to the bound.

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-secu-bounds", "caption": "Largest and smallest cluster in units of the mean size, for each γ of Table 2: as printed, and on an uneven stream of points under the same duals."}, "image": {"alt": "Lines of the largest and smallest cluster's size over four values of gamma, printed and calculated, with the lower bound."}}
calculated.bounds()

# %% [markdown]
# ## Proposition 1: clusters without an instance
#
# A batch of $b$ images cannot hold members of more than $b$ clusters. With as many clusters as classes that
# says little; but SeCu has further heads with more centres, and there it matters (left). A centre without
# a member in the batch is moved by the softmax loss all the same, away from whatever came by. The stable
# loss lets it rest. On the right stands how much noise there is in what turns a centre, under either loss:
# on these points they hardly differ, so that what the stable loss gains in a training has to come from
# elsewhere, or from images that are less tidy than our points. The proposition itself is a matter of
# counting, and the table below the figure goes through every batch of a few clusters.

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-secu-proposition1", "caption": "Left: share of clusters without a member in a batch (band: least and most of the batches; dotted: the proposition's least; dashed: the batch size that is used). Right: variance over batches of the part of a centre's gradient that turns it, over its squared mean; median over centres."}, "image": {"alt": "Two panels over the batch size: the share of empty clusters falls, and so does the noise of a centre's gradient, for two losses."}}
calculated.empty_clusters()

# %% tags=["remove-input"]
page.table("secu.proposition1")

# %% [markdown]
# ## Proposition 2: negatives vary more than positives
#
# Here is why negatives make noise: they vary more. The proposition says how much more, for clusters of one
# size whose centres have the mean zero. In our records a measured bar is the lower one where the centres
# have a direction in common: negatives then lie closer together than the proposition takes them to do.

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-secu-proposition2", "caption": "The ratio of the variances of negatives and positives in each record's sample, beside what the proposition gives for the record's centres."}, "image": {"alt": "Pairs of bars, predicted and measured, one pair for each data set and seed."}}
page.figure("secu.proposition2")

# %% tags=["remove-input"]
page.table("secu.proposition2")

# %% [markdown]
# The proof takes the squared mean of the other centres for $a^2 / (K - 1)$. That is right for centres drawn
# independently. If all centres together sum to zero, it is $a^2 / (K - 1)^2$, and then the printed ratio is
# a little too small. Points made for both cases show it:

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-secu-readings", "caption": "The measured ratio of variances over the printed one, for two readings of a uniform distribution of centres."}, "image": {"alt": "Two lines over the number of clusters; both come close to one as it grows."}}
calculated.variances()

# %% [markdown]
# ## Theorem 1: a fixed point, and how to come there
#
# Eq. (4) is called a closed form, but its $p$ holds the centre that it defines. So it is a condition that the
# best centres meet, not a recipe. The angle between centres and what eq. (4) makes of them says how far they
# are from it. The table below the figure judges the theorem's statements, on points made for it.

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-secu-theorem1", "caption": "Largest angle between a centre and the right-hand side of eq. (4), step by step: when eq. (4) is put in for the centres again and again, and under gradient descent at the constant rate of the method. Left at a high temperature, right at the one that is used."}, "image": {"alt": "Two panels of the angle over the steps on a logarithmic scale, for iterating the equation and for gradient descent."}}
calculated.fixed_points()

# %% tags=["remove-input"]
page.table("secu.theorem1")

# %% [markdown]
# ## Verdict

# %% tags=["remove-input"]
page.verdict("secu.sizes", "secu.proposition1", "secu.proposition2", "secu.theorem1")
