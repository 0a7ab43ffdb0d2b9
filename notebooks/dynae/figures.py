# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # DynAE: the figures
#
# Drawn like the paper's from what our records hold, with its appendix: the figures there show for the
# other data sets what the text shows for MNIST, and here each data set is a line or a panel. Dotted
# lines are values that the paper prints.

# %% tags=["parameters", "remove-cell"]
scale = "paper"

# %% tags=["remove-cell"]
from recluster.report import open_page

page = open_page("dynae", globals())

# %% tags=["remove-input"]
page.card("dynae.figure6", "dynae.figure9", "dynae.figure10", "dynae.figure17", "dynae.figure18")

# %% [markdown]
# ## The output images
#
# At the end every output is said to be the image of a centroid, smooth and easy to recognise. The paper
# shows outputs for samples. We draw the images of the centroids themselves, which the outputs should have
# become; above each stands the true class that is commonest in its cluster. A centroid without a single
# sample is decoded all the same, and its image may be as clean as any: ten clean digits here do not mean
# ten clusters, and only the numbers above them do.

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-dynae-figure6", "caption": "Beside the lower row of Figure 6: what the decoder makes of the centroids at the end of training, a row a data set, first seed. Above, the commonest true class of each cluster in two thousand samples, or none where it has none of them."}, "image": {"alt": "Rows of ten small decoded images, each under the number of a class or the word none."}}
page.figure("dynae.figure6")

# %% tags=["remove-input"]
page.table("dynae.figure6")

# %% [markdown]
# ## The dynamics of learning
#
# The loss should fall smoothly although what it asks for changes all the time, and the conflicted
# should become fewer by themselves, before an update of thresholds and centroids makes them fewer at
# once. A red circle is an epoch with such an update, as the run recorded its threshold $\beta_1$.

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-dynae-figure9", "caption": "After Figures 9, 19, 23 and 27: the loss of eq. (14), and the shares of conflicted and of unconflicted samples over the batches seen. A line a seed; red circles, updates."}, "image": {"alt": "Two panels over iterations: the loss, and the falling share of conflicted beside the rising share of unconflicted samples, a colour a data set."}}
page.figure("dynae.figure9")

# %% tags=["remove-input"]
page.table("dynae.figure9")

# %% [markdown]
# ## ACC and NMI over training
#
# The first point is the start: $k$-means on the pretrained autoencoder, before a step of clustering. The
# dotted line is the value of Table 2. Unconflicted and conflicted samples have a line each while there are
# any, scored as if they were all; labels split nothing, they only score.

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-dynae-figure10", "caption": "After Figures 10, 20, 24 and 28: ACC and NMI of all samples, and where records tell them apart of the unconflicted and the conflicted. A line a seed; labels are used to score, never to stop."}, "image": {"alt": "Two panels a data set: ACC and NMI over iterations, with the printed end value dotted."}}
page.figure("dynae.figure10")

# %% tags=["remove-input"]
page.table("dynae.figure10")

# %% [markdown]
# ## Feature Randomness
#
# Would the true labels move the encoder in the same direction as the pseudo labels do? 1 says the same
# direction, 0 an unrelated one. We measure the cosine while training goes on, without touching it.
# DC\* is DynAE without its dynamics: every sample is reconstructed and drawn to its centroid throughout.

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-dynae-figure11", "caption": "After Figures 11, 21, 25 and 29: cosine of the gradients of the clustering loss with true and with pseudo labels."}, "image": {"alt": "A panel a data set: a cosine between minus one and one over iterations, a colour a method."}}
page.figure("dynae.randomness")

# %% tags=["remove-input"]
page.table("dynae.randomness")

# %% [markdown]
# The methods by their mean over training:

# %% tags=["remove-input"]
page.order("dynae.randomness", "delta_fr_mean")

# %% [markdown]
# ## Feature Drift
#
# Do clustering and reconstruction pull the encoder the same way? Below zero they compete.

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-dynae-figure12", "caption": "After Figures 12, 22, 26 and 30: cosine of the gradients of clustering and of reconstruction."}, "image": {"alt": "A panel a data set: a cosine between minus one and one over iterations, a colour a method."}}
page.figure("dynae.drift")

# %% tags=["remove-input"]
page.table("dynae.drift")

# %% tags=["remove-input"]
page.order("dynae.drift", "delta_fd_mean")

# %% [markdown]
# ## The embedding

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-dynae-figure17", "caption": "After Figure 17: the first two principal components of two thousand embeddings, in the colours of the true classes."}, "image": {"alt": "Scatter plots of embeddings, a panel a data set, coloured by class."}}
page.figure("dynae.figure17")

# %% tags=["remove-input"]
page.table("dynae.figure17")

# %% [markdown]
# ## The most typical of each cluster

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-dynae-figure18", "caption": "After Figure 18: each row is a cluster, with its decoded centroid and the true classes of the ten samples nearest to its mean. A row of one colour is a cluster of one class at its core."}, "image": {"alt": "A grid a data set: rows of one decoded image and ten coloured squares with class numbers."}}
page.figure("dynae.figure18")

# %% tags=["remove-input"]
page.table("dynae.figure18")

# %% [markdown]
# ## Verdict

# %% tags=["remove-input"]
page.verdict("dynae.figure6", "dynae.figure9", "dynae.figure10", "dynae.figure17", "dynae.figure18")

# %% tags=["remove-input"]
page.verdict("dynae.randomness", "dynae.drift")
