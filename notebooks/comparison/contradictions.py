# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # What the papers leave open
#
# Whoever runs a paper again has to decide what it means. A table says one thing and the text another, an
# equation cannot be coded as it stands, a setting is nowhere printed. Here are all the places that we
# have found in the five papers, what follows from each for a rerun, and what we do about it.
#
# None of this says that a method does not work. Most are slips that any long paper has; a few decide
# what one gets.

# %% tags=["parameters", "remove-cell"]
scale = "paper"

# %% tags=["remove-cell"]
from recluster.report import open_page

page = open_page("comparison", globals())

# %% [markdown]
# ## Do not believe us
#
# Where arithmetic can tell, it does, and it was done when this page was made: on the printed cells as the
# claims of this project hold them, or on the method's own equations and a few numbers. The rest is by
# reading, and each place is named so that you can read it too.

# %% tags=["remove-input"]
page.contradictions("summary")

# %% [markdown]
# [checked: holds]{.state-differs}
# : The contradiction is there; the numbers that show it stand beside it.
#
# [checked: does not hold]{.state-agrees}
# : It looked like one, and arithmetic allows another explanation.
#
# [by reading]{.state-not-run}
# : A matter of words or of a proof.
#
# ## The dozen that matter most
#
# In this order, to somebody who wants to run these methods again.

# %% tags=["remove-input"]
page.contradictions("foremost")

# %% [markdown]
# ## How far one baseline can move
#
# The papers compare themselves with the same older methods on the same data, and print different numbers
# for them, or the very same ones to the last digit. A mark is a paper, a line joins what is printed for
# one baseline. Where marks coincide, the number was most likely handed on.

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-baselines", "caption": "ACC of older methods as the papers print them. A line is one method on one data set; its length is how far the papers differ."}, "image": {"alt": "Four panels, one a data set. Each row is a baseline with one mark a paper. On MNIST and MNIST-test most marks coincide; on Fashion several baselines differ widely."}}
page.contradictions("baselines")

# %% [markdown]
# The same as numbers:

# %% tags=["remove-input"]
page.contradictions("baselines table")

# %% [markdown]
# ## All places
#
# By paper. Where scripts run, headings sort, and the lists above choose a paper, a kind, or what a check
# found. "Departure" is the number in the list on the method's page.

# %% tags=["remove-input"]
page.contradictions("everything")
