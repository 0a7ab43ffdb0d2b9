"""Where the five papers contradict one another: X1 to X10."""

from recluster.papers.contradictions import checks_across as check
from recluster.papers.contradictions.checks_pcx import unmatched
from recluster.papers.contradictions.checks_secu import training_images
from recluster.papers.contradictions.checks_ulhe import two_averages
from recluster.papers.contradictions.entry import Contradiction

CONTRADICTIONS = (
    Contradiction(
        id="X1",
        kind="another",
        where="App. A.7 of PC-X; eq. (16) of DynAE; eq. (16) of ULHE-DC; eq. (6b) of DCSS",
        said="NMI is divided by the mean of both entropies in two papers, by the greater in two.",
        follows="One clustering has two NMIs; where clusters merge or vanish they are far apart.",
        done="Both are computed for every run, under two names.",
        claims=("pcx.table4", "ulhe.table1", "dynae.table2", "dcss.table1"),
        check=two_averages,
    ),
    Contradiction(
        id="X2",
        kind="another",
        where="Table 4 of PC-X; Table 1 of ULHE-DC; Table 2 of DynAE; Table 1 of DCSS",
        said="The same NMI is printed under both definitions.",
        follows="Quoted numbers of one average stand in one column beside numbers of the other.",
        done="Ours are compared under the definition that the paper prints.",
        claims=("pcx.table4", "ulhe.table1", "dynae.table2", "dcss.table1"),
        check=check.same_nmi,
    ),
    Contradiction(
        id="X3",
        kind="another",
        where="App. A.7 of PC-X; eq. (15) of ULHE-DC; eq. (15) of DynAE; eq. (6a) of DCSS",
        said="ACC takes the best matching of clusters to classes in three papers, none in PC-X.",
        follows="Without one, the score is a matter of numbering.",
        done="The best one-to-one matching everywhere.",
        check=unmatched,
    ),
    Contradiction(
        id="X4",
        kind="another",
        where="Table 3 of PC-X; Section 4.1 of ULHE-DC and DCSS; 5.1.1 of DynAE; Table 2 of SeCu",
        said="CIFAR-10 is all images as features, all images as other features, or training pixels.",
        follows="Equal names, different data; USPS and MNIST do agree.",
        done="Every record keeps its data's size and checksum.",
        claims=("pcx.table3", "secu.table2"),
        check=training_images,
    ),
    Contradiction(
        id="X5",
        kind="another",
        where="Table 4 of PC-X; Table 1 of ULHE-DC; Table 2 of DynAE; Table 1 of DCSS",
        said="One baseline on one data set has as many values as papers, or exactly one.",
        follows="Equal rows betray a common source; the others show how far a baseline can move.",
        done="All baselines are run by us, on the same data and from the same start.",
        claims=("pcx.table4", "ulhe.table1", "dynae.table2", "dcss.table1", "comparison.methods"),
        check=check.moving,
    ),
    Contradiction(
        id="X6",
        kind="another",
        where="Algorithm 1 of PC-X, ULHE-DC and DCSS; Section 5.1.3 of DynAE; Section 2 of SeCu",
        said="An iteration is an epoch in three papers and a mini-batch in DynAE; SeCu has both words.",
        follows="Read the wrong way, training is hundreds of times too short or too long.",
        done="Epochs or steps, as the rest of each paper shows.",
        check=check.batches,
    ),
    Contradiction(
        id="X7",
        kind="another",
        where="Table 4 of PC-X; Table 1 of ULHE-DC; Table 2 of DynAE; Table 1 of DCSS",
        said="Four papers claim the state of the art; none compares itself with another of the five.",
        follows="Some are below an older one on the data set that they lead.",
        done="All five methods stand on one page.",
        claims=("comparison.methods",),
        check=check.state_of_the_art,
    ),
    Contradiction(
        id="X8",
        kind="another",
        where="App. A.7 of PC-X; Section 4.2 of ULHE-DC; Section 5.1.3 of DynAE; Section 5 of DCSS",
        said="The code's activation is linear, rectified, or told in a way that allows both.",
        follows="Four answers for what is otherwise one encoder.",
        done="Linear in all; rectified where an option says so.",
    ),
    Contradiction(
        id="X9",
        kind="odd",
        where="Tables 4 and 6 of PC-X; Tables 1 and 3 of ULHE-DC; Table 2 of DynAE; Table 1 of DCSS",
        said="NMI is above ACC in many rows.",
        follows="Natural where classes merge, as on Fashion; not on MNIST at high accuracy.",
        done="Both scores and the number of clusters in use are recorded.",
        check=check.above_acc,
    ),
    Contradiction(
        id="X10",
        kind="another",
        where="Equations of all five, as eq. (2) of PC-X, (13) of ULHE-DC, (14) of DynAE, (2) of DCSS",
        said="α, γ, λ, κ, τ, ρ, m, q and others each mean something else in each paper.",
        follows="A setting carried over by its letter is the wrong setting.",
        done="Settings have English names; a table at the top of each page gives the letters.",
    ),
)
