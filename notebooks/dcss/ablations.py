# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # DCSS: the ablations
#
# What each phase adds, what MNet adds to other methods, and how much the settings matter.

# %% tags=["parameters", "remove-cell"]
scale = "paper"

# %% tags=["remove-cell"]
from recluster.report import open_page

page = open_page("dcss", globals())

# %% tags=["remove-input"]
page.card()

# %% [markdown]
# ## The claim
#
# Each phase is said to improve on what was there before, MNet to help whatever method it is put on, and
# DCSS to stand uneven classes well and to depend little on its settings.
#
# ## What each phase adds
#
# Runs are scored along the way. The dashed line parts the two phases: left of it the clusters are those of
# the largest membership $p$, right of it of the largest $q$.

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-dcss-phase2", "caption": "ACC over the epochs of both phases, mean and range over seeds. Diamonds are what Table 1 prints after each phase, where it has the data set."}, "image": {"alt": "Accuracy over the epochs, a panel a data set, with a dashed line between the phases and grey diamonds for printed values."}}
page.figure("dcss.phase2")

# %% tags=["remove-input"]
page.table("dcss.phase2")

# %% [markdown]
# ## Why it gains or loses
#
# MNet can learn what $p$ says of pairs, and not much more. Three things decide whether that is worth having,
# and each is changed alone here, after one and the same first phase.
#
# - **Are there similar pairs at all?** Crisp and even clusters would make one pair in $K$ similar. The softer
#   the first phase leaves $p$, the fewer there are; nearly all others count as dissimilar, since $\gamma$ is
#   not below $1/K$, those of one class among them. Then MNet is told to part samples, and seldom to join any.
# - **Is $p$ left alone?** The second phase trains the encoder too, and with it moves the memberships by which
#   it is judged. At a rate above the printed one pairs that were wrongly called similar become so in the
#   embedding: the judge confirms itself, and what $p$ knew is lost. Where $p$ judges to the end, as at the
#   right of Figure 9(d), that goes on longest, so a fall there need not be for the paper's reason.
# - **Is there anything to add?** On crisp memberships, as DEC's, MNet copies them.
#
# Precision is measured with the true classes, which no run sees.

# %% tags=["remove-input"]
page.table("dcss.causes")

# %% [markdown]
# ## What MNet adds
#
# The second phase does not ask where its embedding comes from. Each line goes from a method to the same
# method with MNet, which is the end with the mark.

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-dcss-mnet", "caption": "ACC without and with MNet, mean over seeds. Grey is what Tables 1 and 3 print, where they have the data set."}, "image": {"alt": "A panel a data set; for each of four methods a line from its accuracy to that with MNet, ours in blue and printed in grey."}}
page.figure("dcss.mnet")

# %% tags=["remove-input"]
page.table("dcss.mnet")

# %% [markdown]
# ## Imbalanced classes
#
# Figure 6 clusters subsets of MNIST in which classes are kept with probabilities from $r$ to one. Which
# methods and scores are drawn is not in our copy; ours are DCSS, its first phase, and its baselines.

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-dcss-imbalance", "caption": "After Figure 6: a dot is the mean over seeds, a bar the range. At the left end the first class has a tenth of the samples of the last."}, "image": {"alt": "ACC and NMI over five retention rates, a line a method."}}
page.figure("dcss.imbalance")

# %% tags=["remove-input"]
page.table("dcss.imbalance")

# %% [markdown]
# The text reads off it that DCSS is far ahead for every $r$, and that more samples help:

# %% tags=["remove-input"]
page.table("dcss.uneven")

# %% [markdown]
# ## Settings of the first phase
#
# These are of DCSS_u. The weight $\alpha$ of the centring loss:

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-dcss-figure9a", "caption": "After Figure 9(a) of the paper: a dot is the mean over seeds, a bar the range; a diamond is what Table 1 prints for the setting that the paper chose."}, "image": {"alt": "ACC and NMI over four values of the weight alpha, a line a data set."}}
page.figure("dcss.figure9a")

# %% tags=["remove-input"]
page.table("dcss.figure9a")

# %% [markdown]
# The fuzziness $m$, which is said to matter little:

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-dcss-figure9b", "caption": "After Figure 9(b) of the paper: a dot is the mean over seeds, a bar the range; a diamond is what Table 1 prints for the setting that the paper chose."}, "image": {"alt": "ACC and NMI over four values of the fuzziness m, a line a data set."}}
page.figure("dcss.figure9b")

# %% tags=["remove-input"]
page.table("dcss.figure9b")

# %% [markdown]
# The interval $T_1$ between two updates of the centres, which is said to be better when it is short. It
# goes to fifteen epochs, more than a first phase has at laptop scale:

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-dcss-figure9c", "caption": "After Figure 9(c) of the paper: a dot is the mean over seeds, a bar the range; a diamond is what Table 1 prints for the setting that the paper chose."}, "image": {"alt": "ACC and NMI over four values of the interval T1, a line a data set."}}
page.figure("dcss.figure9c")

# %% tags=["remove-input"]
page.table("dcss.figure9c")

# %% [markdown]
# ## Settings of the second phase
#
# For how many epochs should $p$ judge the pairs before $q$ does? Neither for one nor for all twenty, the
# paper says. These runs share one first phase a seed, and with it its centres.

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-dcss-figure9d", "caption": "After Figure 9(d) of the paper: a dot is the mean over seeds, a bar the range; a diamond is what Table 1 prints for the setting that the paper chose."}, "image": {"alt": "ACC and NMI over four values of T2, a line a data set."}}
page.figure("dcss.figure9d")

# %% tags=["remove-input"]
page.table("dcss.figure9d")

# %% [markdown]
# The thresholds, with $\gamma = 1 - \zeta$: a low $\zeta$ lets every pair take part, and a $\zeta$ of one
# none that is not certain.

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-dcss-figure10b", "caption": "After Figure 10(b) of the paper: a dot is the mean over seeds, a bar the range; a diamond is what Table 1 prints for the setting that the paper chose."}, "image": {"alt": "ACC and NMI over six values of the threshold zeta, a line a data set."}}
page.figure("dcss.figure10b")

# %% tags=["remove-input"]
page.table("dcss.figure10b")

# %% [markdown]
# ## What the text says of the settings
#
# From one value to another, or over all of them, seed by seed:

# %% tags=["remove-input"]
page.table("dcss.settings")

# %% [markdown]
# ## Departures

# %% tags=["remove-input"]
page.departures()

# %% [markdown]
# ## Verdict

# %% tags=["remove-input"]
page.verdict("dcss.phase2", "dcss.causes", "dcss.mnet", "dcss.imbalance", "dcss.uneven")

# %% tags=["remove-input"]
page.verdict("dcss.figure9a", "dcss.figure9b", "dcss.figure9c", "dcss.figure9d", "dcss.figure10b")

# %% tags=["remove-input"]
page.verdict("dcss.settings")
