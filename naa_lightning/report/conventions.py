"""The rates that published papers report, and their images, so that numbers are compared with their like."""

from dataclasses import dataclass

NIPS_2017 = "1,000 of the NIPS 2017 competition"
ILSVRC_2012 = "1,000 of the ILSVRC 2012 validation set, nearly all classified correctly by the targets"
UNNAMED = "1,000, which the release does not name"


@dataclass(frozen=True)
class Convention:
    """The rate that a paper calls its success rate.

    Args:
        paper: The title of the paper, as in `conf/attack/`, or the name of a benchmark.
        year: The year of publication.
        rate: The name, in `TransferRates`, of the rate that the paper reports.
        images: The images that the rate is over.
        source: The place in code or text that says so.
    """

    paper: str
    year: int
    rate: str
    images: str
    source: str


# By year; a paper that is absent was not checked. Where all images are classified correctly by every target, by choice,
# error and success rate are one number.
CONVENTIONS = (
    Convention(
        "Explaining and Harnessing Adversarial Examples",
        2015,
        "error_rate",
        "MNIST test set",
        "paper, where it introduces the method",
    ),
    Convention(
        "Adversarial Examples in the Physical World",
        2017,
        "error_rate",
        "50,000, the whole ImageNet validation set",
        "paper, section 2.4 (as accuracy, its complement)",
    ),
    Convention(
        "Improving Transferability of Adversarial Examples with Input Diversity",
        2019,
        "success_rate",
        "5,000 of the ImageNet validation set, all classified correctly by the targets",
        "paper, sections 4.1 and 4.2, as read in a public audit",
    ),
    Convention(
        "Evading Defenses to Transferable Adversarial Examples by Translation-Invariant Attacks",
        2019,
        "error_rate",
        NIPS_2017,
        "paper, sections 4.1 and 4.3, as read in a public audit; release, dataset/",
    ),
    Convention(
        "FDA: Feature Disruptive Attack",
        2019,
        "fooling_rate",
        "of the NIPS 2017 competition (final_dataset.csv)",
        "release, fda/metrics.py, scripts/run_eval.py and README",
    ),
    Convention(
        "Nesterov Accelerated Gradient and Scale Invariance for Adversarial Attacks",
        2020,
        "error_rate",
        ILSVRC_2012,
        "release, simple_eval.py; paper, section 4.1, as read in a public audit",
    ),
    Convention(
        "Patch-wise Attack for Fooling Deep Neural Network",
        2020,
        "error_rate",
        NIPS_2017,
        "release, patch-wise_iter_attack.py and dataset/dev_dataset.csv",
    ),
    Convention(
        "Enhancing the Transferability of Adversarial Attacks through Variance Tuning",
        2021,
        "error_rate",
        ILSVRC_2012,
        "release, simple_eval.py; paper, sections 4.1 and 4.2, as read in a public audit",
    ),
    Convention(
        "Admix: Enhancing the Transferability of Adversarial Attacks",
        2021,
        "error_rate",
        ILSVRC_2012,
        "release, simple_eval.py and README (the data of variance tuning)",
    ),
    Convention(
        "Feature Importance-aware Transferable Adversarial Attacks",
        2021,
        "fooling_rate",
        NIPS_2017,
        "release, verify.py and dataset/process.py",
    ),
    Convention(
        "Improving Adversarial Transferability via Neuron Attribution-Based Attacks",
        2022,
        "fooling_rate",
        NIPS_2017,
        "release, verify.py and dataset/process.py",
    ),
    Convention(
        "Enhancing the Transferability of Adversarial Examples with Random Patch",
        2022,
        "fooling_rate",
        UNNAMED,
        "release, verify_tf_model.py and verify_vits.py",
    ),
    Convention(
        "Frequency Domain Model Augmentation for Adversarial Attack",
        2022,
        "error_rate",
        NIPS_2017,
        "release, verify.py and dataset/images.csv",
    ),
    Convention(
        "DANAA: Towards Transferable Attacks with Double Adversarial Neuron Attribution",
        2023,
        "fooling_rate",
        UNNAMED,
        "release, verify.py",
    ),
    Convention(
        "Improving Adversarial Transferability via Intermediate-level Perturbation Decay",
        2023,
        "error_rate",
        "chosen ones of the ImageNet validation set",
        "release, test.py and README",
    ),
    Convention(
        "Structure Invariant Transformation for better Adversarial Transferability",
        2023,
        "error_rate",
        ILSVRC_2012,
        "release, main.py (as accuracy, its complement) and README (the data of Admix)",
    ),
    Convention(
        "TransferAttack",
        2023,
        "error_rate",
        "1,000 of the ImageNet validation set, one of each class, classified correctly by all or most of the targets",
        "release, main.py and README; for targeted attacks its main.py counts target_rate",
    ),
    Convention(
        "Boosting Adversarial Transferability by Block Shuffle and Rotation",
        2024,
        "error_rate",
        ILSVRC_2012,
        "release, simple_eval.py and README (the data of Admix)",
    ),
)
