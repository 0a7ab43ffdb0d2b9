# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # The records
#
# What every finished run left: its scores, its cost, where and from which commit it was made, and the
# file itself. A number on another page leads to its line here.

# %% tags=["parameters", "remove-cell"]
scale = "paper"

# %% tags=["remove-cell"]
from recluster.report import open_page

records = open_page("comparison", globals()).records()

# %% tags=["remove-input"]
records.headline()

# %% [markdown]
# A record is *current* while the code still behaves as it did when the record was made: the losses of a
# few steps on fixed data are compared each time this page is made. It is *stale* when they differ. Stale and
# failed records are kept and count nowhere. Records of all scales are listed, whichever this page is of.
#
# ## All of them
#
# Runs that differ in nothing but the seed stand beside each other.

# %% tags=["remove-input", "full-width"]
records.table()

# %% [markdown]
# ## Those that do not count

# %% tags=["remove-input"]
records.faults()
