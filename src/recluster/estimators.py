"""The scikit-learn door: the methods on anybody's data.

    from recluster import DynAE
    model = DynAE(n_clusters=10, random_state=0).fit(x)
    model.labels_, model.predict(new), model.transform(new)

An estimator is a list of parameters: those of its method's `Config` by the same names, where each
default cites its place in the paper, and those of the pretraining that the method starts from, with
the prefix `pretraining_` where a name alone would not tell. What all estimators can do stands in
`recluster.clusterer`; a new one lists its parameters, names its `Config`, and says in `_blank` how to
build the model that saved weights are put into.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from recluster.clusterer import (
    AutoencoderClusterer,
    Clusterer,
    PretrainedClusterer,
    SoftAssignment,
    Weights,
)
from recluster.methods import dcn, dcss, dec, dkm, dynae, idec, kmeans, pcx, secu, ulhe, vade
from recluster.nets.autoencoder import Autoencoder
from recluster.nets.mnet import mnet
from recluster.parts import acai, centring, normed
from recluster.parts.batches import in_batches
from recluster.parts.fuzzy import Clusters
from recluster.parts.origin import beginning
from recluster.spec import Config, Step, one_of


@dataclass(kw_only=True, eq=False, repr=False)
class PCX(SoftAssignment, Clusterer):
    """PC-X: an autoencoder whose decoder sees each cluster's exemplar. See `recluster.methods.pcx`."""

    network: str = pcx.Config.network  # or "conv", "dcss-conv", for images
    embedding_size: int = pcx.Config.embedding_size
    epochs: int = pcx.Config.epochs
    burn_in: int = pcx.Config.burn_in  # epochs before entropy and re-weighting
    batch_size: int = pcx.Config.batch_size
    learning_rate: float = pcx.Config.learning_rate
    sharpness: float = pcx.Config.sharpness  # of the soft assignment
    momentum: float = pcx.Config.momentum  # of the centroids
    clustering_weight: float = pcx.Config.clustering_weight  # of the distance to the centroid
    entropy_weight: float = pcx.Config.entropy_weight  # of the assignment's entropy
    centroid_integration: bool = pcx.Config.centroid_integration
    centroid_update: str = pcx.Config.centroid_update  # or "proximal", "running sums", "fixed"
    reweighted: bool = pcx.Config.reweighted  # for imbalanced data
    smoothing: float = pcx.Config.smoothing  # of the clusters' sizes
    start: Config | None = None  # a pretraining's config; None: random weights

    _method = pcx.Config

    def _start(self) -> Config | None:
        return self.start

    @staticmethod
    def _blank(config: Any, shape: tuple[int, ...], k: int, weights: Weights) -> Step:
        return pcx.observed(pcx.Model(shape, k, config), 1, {}, config)


@dataclass(kw_only=True, eq=False, repr=False)
class ULHE(PretrainedClusterer):
    """ULHE-DC: clusters as uniform directions on a sphere. See `recluster.methods.ulhe`."""

    embedding_size: int = normed.Config.embedding_size
    embedding: str = normed.Config.embedding  # or "relu"
    pretraining_epochs: int = normed.Config.epochs
    pretraining_batch_size: int = normed.Config.batch_size
    pretraining_learning_rate: float = normed.Config.learning_rate
    pretraining_momentum: float = normed.Config.momentum
    pretraining_longest_gradient: float = normed.Config.longest_gradient
    epochs: int = ulhe.Config.epochs
    batch_size: int = ulhe.Config.batch_size
    learning_rate: float = ulhe.Config.learning_rate
    momentum: float = ulhe.Config.momentum
    norm_weight: float = ulhe.Config.norm_weight
    uniformity_weight: float = ulhe.Config.uniformity_weight
    compactness_weight: float = ulhe.Config.compactness_weight
    compactness: str = ulhe.Config.compactness  # or "sum"
    iteration: str = ulhe.Config.iteration  # what `epochs` counts; or "batch"
    stages: int = ulhe.Config.stages  # from easy to hard samples
    tolerance: float = ulhe.Config.tolerance  # stop when fewer labels than this share change
    restarts: int = ulhe.Config.restarts  # of k-means
    longest_gradient: float = ulhe.Config.longest_gradient
    rotation: float = ulhe.Config.rotation  # degrees either way, of images
    shift: float = ulhe.Config.shift  # of height and width either way, of images

    _method = ulhe.Config
    _pretraining = normed.Config

    @staticmethod
    def _blank(config: Any, shape: tuple[int, ...], k: int, weights: Weights) -> Step:
        network = config.start.autoencoder(shape)
        model = ulhe.Model(network.encoder, weights["centroids"])
        return _step(model, model.encoder)


@dataclass(kw_only=True, eq=False, repr=False)
class DynAE(SoftAssignment, PretrainedClusterer):
    """DynAE: a dynamic autoencoder, pretrained on augmented samples. See `recluster.methods.dynae`."""

    network: str = acai.Config.network  # or "conv", "dcss-conv", for images
    embedding_size: int = acai.Config.embedding_size
    pretraining_steps: int = acai.Config.steps
    pretraining_batch_size: int = acai.Config.batch_size
    pretraining_learning_rate: float = acai.Config.learning_rate
    deception_weight: float = dynae.START.deception_weight  # of a critic; 0: a plain autoencoder
    pretraining_rotation: float = acai.Config.rotation  # of images, degrees either way
    pretraining_shift: float = acai.Config.shift  # of images, share of the side either way
    initialisation: str = dynae.START.initialisation  # of the weights; or "glorot"
    steps: int = dynae.Config.steps
    batch_size: int = dynae.Config.batch_size
    learning_rate: float = dynae.Config.learning_rate
    momentum: float = dynae.Config.momentum
    tolerance: float = dynae.Config.tolerance  # stop when fewer than this share are conflicted
    dynamic: bool = dynae.Config.dynamic  # False: nobody is conflicted, the ablation DC*
    confidence: float = dynae.Config.confidence
    drop: float = dynae.Config.drop  # of the thresholds
    clustering_weight: float = dynae.Config.clustering_weight
    refresh: int = dynae.Config.refresh  # steps between two counts of the conflicted
    target: str = dynae.Config.target  # or "neighbour", "decoded centroid"
    consistency: bool = dynae.Config.consistency
    rotation: float = dynae.Config.rotation  # of images, degrees either way
    shift: float = dynae.Config.shift  # of images, share of the side either way
    longest_gradient: float = dynae.Config.longest_gradient  # longer ones are cut

    _method = dynae.Config
    _pretraining = acai.Config

    @staticmethod
    def _blank(config: Any, shape: tuple[int, ...], k: int, weights: Weights) -> Step:
        network = config.start.autoencoder(shape)
        stand_in = torch.rand(k, *shape)  # the model looks for its first centroids
        return dynae.observed(dynae.Model(network, stand_in, k, config), 1, 1, {})


@dataclass(kw_only=True, eq=False, repr=False)
class DCSS(SoftAssignment, AutoencoderClusterer):
    """DCSS: fuzzy clusters, then pairs of similar samples, both phases in one `fit`.

    See `recluster.parts.centring` for the first phase and `recluster.methods.dcss` for the second.
    """

    phases: str = "both"  # or "first" alone, DCSS_u; "second" alone, MNet on the autoencoder's embedding
    fuzziness: float = centring.Config.fuzziness
    batch_size: int = centring.Config.batch_size
    centring_epochs: int = centring.Config.epochs  # of the first phase
    centring_learning_rate: float = centring.Config.learning_rate  # of the autoencoder in it
    centroid_interval: int = centring.Config.centroid_interval  # epochs between two updates
    centring_weight: float = centring.Config.centring_weight
    pairing_epochs: int = dcss.Config.epochs  # of the second phase
    guided_epochs: int = dcss.Config.guided_epochs  # of these, with the memberships as judge
    similar: float = dcss.Config.similar
    dissimilar: float = dcss.Config.dissimilar
    hidden_size: int = dcss.Config.hidden_size  # of MNet's layers
    learning_rate: float = dcss.Config.learning_rate  # of the encoder in the second phase
    mnet_learning_rate: float = dcss.Config.mnet_learning_rate

    _method = dcss.Config

    def _config(self) -> Config:
        one_of("phases", self.phases, ("both", "first", "second"))
        start: Config = self._start()
        if self.phases != "second":
            start = centring.Config(start=start, **self._options(centring.Config, "centring"))
        if self.phases == "first":
            return start
        return dcss.Config(start=start, **self._options(dcss.Config, "pairing"))

    @staticmethod
    def _blank(config: Any, shape: tuple[int, ...], k: int, weights: Weights) -> Step:
        network = beginning(config.start).autoencoder(shape)
        if isinstance(config, centring.Config):
            first = Clusters(network, weights["centroids"], config.fuzziness)
            return centring.observed(first, 1, 1, {})
        centroids = weights["clusters.centroids"]
        clusters = Clusters(network, centroids, config.fuzziness)
        head = mnet(centroids.shape[1], k, config.hidden_size)
        return dcss.observed(dcss.Model(clusters, head), 1, 1, {})


@dataclass(kw_only=True, eq=False, repr=False)
class SeCu(SoftAssignment, Clusterer):
    """SeCu: stable cluster discrimination on random views of images. See `recluster.methods.secu`."""

    network: str = secu.Config.network  # or "mlp", "conv", "dcss-conv", for small grey images
    features: int = secu.Config.features  # of the encoder
    embedding_size: int = secu.Config.embedding_size
    heads: int = secu.Config.heads
    constraint: str = secu.Config.constraint  # or "entropy"
    lower_ratio: float = secu.Config.lower_ratio  # of the least cluster to the mean
    upper_ratio: float | None = secu.Config.upper_ratio  # of the greatest cluster to the mean
    dual_rate: float = secu.Config.dual_rate
    entropy_weight: float = secu.Config.entropy_weight
    representation_temperature: float = secu.Config.representation_temperature
    centre_temperature: float = secu.Config.centre_temperature
    label_weight: float = secu.Config.label_weight  # of the previous label in a target
    epochs: int = secu.Config.epochs
    warm_up: int = secu.Config.warm_up  # epochs
    batch_size: int = secu.Config.batch_size
    learning_rate: float = secu.Config.learning_rate  # of the encoder
    centre_rate: float = secu.Config.centre_rate
    momentum: float = secu.Config.momentum
    weight_decay: float = secu.Config.weight_decay
    smallest_crop: float = secu.Config.smallest_crop  # share of the image's area
    self_labelling: bool = secu.Config.self_labelling
    self_labelling_epochs: int = secu.Config.self_labelling_epochs
    self_labelling_warm_up: int = secu.Config.self_labelling_warm_up
    self_labelling_batch: int = secu.Config.self_labelling_batch
    self_labelling_rate: float = secu.Config.self_labelling_rate
    confidence: float = secu.Config.confidence

    _method = secu.Config

    def _needs_images(self, config: Config) -> bool:
        return True

    def _centres(self, step: Step) -> Tensor:
        centres: Tensor = normalize(step.modules["model"].get_parameter("heads.0.centres"))
        return centres

    @staticmethod
    def _blank(config: Any, shape: tuple[int, ...], k: int, weights: Weights) -> Step:
        n = len(weights["heads.0.labels"])
        like = torch.empty(n, *shape, device="meta")  # only its shape is looked at
        return secu.observed(secu.Model(like, k, config), 0, config, {})


@dataclass(kw_only=True, eq=False, repr=False)
class DEC(SoftAssignment, AutoencoderClusterer):
    """DEC: an encoder drawn to its own sharpened assignment. See `recluster.methods.dec`."""

    steps: int = dec.Config.steps  # at most
    batch_size: int = dec.Config.batch_size
    learning_rate: float = dec.Config.learning_rate
    momentum: float = dec.Config.momentum
    refresh: int = dec.Config.refresh  # steps between two targets
    tolerance: float = dec.Config.tolerance  # stop when fewer labels than this share change

    _method = dec.Config

    @staticmethod
    def _blank(config: Any, shape: tuple[int, ...], k: int, weights: Weights) -> Step:
        network = config.start.autoencoder(shape)
        return dec.observed(dec.Model(network.encoder, weights["centroids"]), network, 1, 1, {})


@dataclass(kw_only=True, eq=False, repr=False)
class IDEC(SoftAssignment, AutoencoderClusterer):
    """IDEC: DEC that keeps reconstructing. See `recluster.methods.idec`."""

    steps: int = idec.Config.steps  # at most
    batch_size: int = idec.Config.batch_size
    learning_rate: float = idec.Config.learning_rate
    divergence_weight: float = idec.Config.divergence_weight
    refresh: int = idec.Config.refresh  # steps between two targets
    tolerance: float = idec.Config.tolerance  # stop when fewer labels than this share change

    _method = idec.Config

    @staticmethod
    def _blank(config: Any, shape: tuple[int, ...], k: int, weights: Weights) -> Step:
        model = idec.Model(config.start.autoencoder(shape), weights["centroids"])
        return idec.observed(model, 1, 1, {})


@dataclass(kw_only=True, eq=False, repr=False)
class DCN(AutoencoderClusterer):
    """DCN: a k-means-friendly space. See `recluster.methods.dcn`."""

    epochs: int = dcn.Config.epochs
    batch_size: int = dcn.Config.batch_size
    learning_rate: float = dcn.Config.learning_rate
    clustering_weight: float = dcn.Config.clustering_weight
    initial_count: int = dcn.Config.initial_count  # samples that a centroid counts as met before

    _method = dcn.Config

    @staticmethod
    def _blank(config: Any, shape: tuple[int, ...], k: int, weights: Weights) -> Step:
        network = config.start.autoencoder(shape)
        model = dcn.Model(network, weights["centroids"], config.initial_count)
        return dcn.observed(model, 1, 1, {})


@dataclass(kw_only=True, eq=False, repr=False)
class DKM(SoftAssignment, AutoencoderClusterer):
    """DKM: k-means made differentiable. See `recluster.methods.dkm`."""

    epochs: int = dkm.Config.epochs
    batch_size: int = dkm.Config.batch_size
    learning_rate: float = dkm.Config.learning_rate
    sharpness: float = dkm.Config.sharpness  # of the soft assignment
    clustering_weight: float = dkm.Config.clustering_weight

    _method = dkm.Config

    @staticmethod
    def _blank(config: Any, shape: tuple[int, ...], k: int, weights: Weights) -> Step:
        network = config.start.autoencoder(shape)
        return dkm.observed(dkm.Model(network, weights["centroids"], config.sharpness), 1, 1, {})


@dataclass(kw_only=True, eq=False, repr=False)
class VaDE(SoftAssignment, AutoencoderClusterer):
    """VaDE: a variational autoencoder with a mixture as prior. See `recluster.methods.vade`."""

    epochs: int = vade.Config.epochs
    batch_size: int = vade.Config.batch_size
    learning_rate: float = vade.Config.learning_rate
    decay: float = vade.Config.decay  # of the learning rate
    decay_epochs: int = vade.Config.decay_epochs  # between two decays
    least_learning_rate: float = vade.Config.least_learning_rate
    stability: float = vade.Config.stability  # Adam's epsilon
    likelihood: str = vade.Config.likelihood  # or "bernoulli", for data in [0, 1]

    _method = vade.Config

    def _centres(self, step: Step) -> Tensor:
        return step.modules["model"].get_parameter("means")

    @staticmethod
    def _blank(config: Any, shape: tuple[int, ...], k: int, weights: Weights) -> Step:
        network = config.start.autoencoder(shape)
        mixture = (weights["logits"], weights["means"], weights["log_variances"])
        return vade.observed(vade.Model(network, mixture, torch.ones(())), 1, {}, config)


@dataclass(kw_only=True, eq=False, repr=False)
class AEKMeans(AutoencoderClusterer):
    """k-means on the embedding of an autoencoder. See `recluster.methods.kmeans`."""

    restarts: int = kmeans.Config.restarts

    _method = kmeans.Config

    @staticmethod
    def _blank(config: Any, shape: tuple[int, ...], k: int, weights: Weights) -> Step:
        network: Autoencoder = config.start.autoencoder(shape)
        model = kmeans.Model(network.encoder, network.decoder, weights["centroids"])
        return _step(model, model.encoder)


def _step(model: Any, encoder: Any) -> Step:
    """A step of a method that has no function of its own for it."""
    return Step(
        phase="clustering",
        epoch=1,
        epochs=1,
        curves={},
        modules={"model": model},
        embed=lambda x: in_batches(encoder, x, model),
        assign=lambda x: in_batches(model.assign, x, model),
    )
