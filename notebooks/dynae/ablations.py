# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # DynAE: the ablations
#
# What a weight $\gamma$ between the two losses does, $L_1 + \gamma L_2$ (Section 5.2.4), and what is
# left of DynAE without its dynamics.

# %% tags=["parameters", "remove-cell"]
scale = "paper"

# %% tags=["remove-cell"]
from recluster.report import open_page

page = open_page("dynae", globals())

# %% tags=["remove-input"]
page.card("dynae.figure13", "dynae.figure14")

# %% [markdown]
# ## The claim
#
# DynAE has no weight to tune. With one, it is said to reach almost the same accuracy for all but the
# smallest of seven values, and IDEC\* for a single one of them.
#
# ## Seven weights

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-dynae-figure13", "caption": "After Figure 13: ACC over training for seven weights γ, a panel a method, and at the end. Dotted: the best ACC that the paper names; grey: what we read as almost the same."}, "image": {"alt": "Three panels: ACC over iterations for DynAE and for IDEC*, a colour a weight, and the final ACC over the weight."}}
page.figure("dynae.figure13")

# %% tags=["remove-input"]
page.table("dynae.figure13")

# %% [markdown]
# From best to worst, where there are runs:

# %% tags=["remove-input"]
page.order("dynae.figure13", "acc")

# %% [markdown]
# ## The best weight
#
# At the weight that the paper finds best for both, DynAE should rise smoothly while IDEC\* wavers.
# Figures 15 and 16 are enlargements of this one.

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-dynae-figure14", "caption": "After Figures 14, 15 and 16: ACC and NMI of DynAE and IDEC* at the paper's best weight. A line a seed; dotted, the best ACC that is printed."}, "image": {"alt": "Two panels, ACC and NMI over iterations, a colour a method."}}
page.figure("dynae.figure14")

# %% tags=["remove-input"]
page.table("dynae.figure14")

# %% [markdown]
# A weight counts in units of the losses. Ours are means over elements, as in the official code; in the
# sums that the paper prints, the same number would mean another balance. And a weight above one would
# lengthen every step of plain gradient descent, so that the figure would test the step instead: ours divides
# the whole loss by such a weight.
#
# ## Without the dynamics
#
# DC\* is the paper's own ablation: k-means and reconstruction together from start to end, with DynAE's own
# optimiser and start. Nobody is in doubt, and nothing is updated. The paper
# shows only the directions of its gradients; they are on the page of [figures](figures.ipynb), and its
# accuracy beside that of all others is on the [comparison's page](../comparison/methods.ipynb).
#
# ## Departures

# %% tags=["remove-input"]
page.departures()

# %% [markdown]
# ## Verdict

# %% tags=["remove-input"]
page.verdict("dynae.figure13", "dynae.figure14")
