"""One analysis with numpy, scipy and scikit-learn, on scores that are in memory: prints what it cost as JSON.

FOLDER has `scores.f64` and `earlier.f64` (raw little-endian, 25 columns) and `sides.u8` (1 for side A).
"""

import argparse
import json
import resource
import time
import warnings
from pathlib import Path

import numpy as np
from scipy import stats
from scipy.spatial.distance import jensenshannon
from sklearn.cluster import KMeans
from sklearn.covariance import EmpiricalCovariance
from sklearn.decomposition import PCA
from sklearn.metrics import silhouette_score

COLUMNS = 25
# Rows that everything is tried on before it counts.
WARM_UP = 2_000
# What Kartei learns of.
LEARNED_OF = 4_096
BINS = np.linspace(0, 1, 51)


def distribution(scores, earlier, sides):
    quantiles = np.quantile(scores, [0.1, 0.25, 0.5, 0.75, 0.9], axis=0)
    bins = [np.histogram(column, bins=BINS)[0] for column in scores.T]
    return quantiles, bins, scores.mean(axis=0), scores.std(axis=0, ddof=1)


def compare(scores, earlier, sides):
    a, b = scores[sides == 1], scores[sides == 0]
    found = []
    for x, y in zip(a.T, b.T):
        welch = stats.ttest_ind(x, y, equal_var=False)
        ranks = stats.mannwhitneyu(x, y)
        shapes = stats.ks_2samp(x, y)
        found.append([welch.pvalue, ranks.pvalue, shapes.pvalue])
    return stats.false_discovery_control(found, axis=0)


def best_k(learned, everybody):
    best = (-2.0, None)
    for k in range(2, 9):
        model = KMeans(n_clusters=k, random_state=0).fit(learned)
        judged = silhouette_score(learned, model.labels_, sample_size=1_000, random_state=0)
        best = max(best, (judged, model), key=lambda one: one[0])
    return best[1].labels_ if learned is everybody else best[1].predict(everybody)


def segments(scores, earlier, sides):
    return best_k(scores, scores)


def segments_sample(scores, earlier, sides):
    return best_k(scores[:LEARNED_OF], scores)


def plane(scores, earlier, sides):
    return PCA(n_components=2).fit_transform(scores)


def similar(scores, earlier, sides):
    weights = np.ones(COLUMNS)
    distances = np.sqrt((scores - scores[0]) ** 2 @ weights / weights.sum())
    nearest = np.argpartition(distances, 21)[:21]
    return nearest[np.argsort(distances[nearest])]


def far(learned, everybody):
    unusual = np.median(learned, axis=0), stats.median_abs_deviation(learned, axis=0)
    beyond = (np.abs((everybody - unusual[0]) / unusual[1]) > 3.5).sum(axis=0)
    distances = EmpiricalCovariance().fit(learned).mahalanobis(everybody)
    return beyond, np.argpartition(distances, -50)[-50:]


def outliers(scores, earlier, sides):
    return far(scores, scores)


def outliers_sample(scores, earlier, sides):
    return far(scores[:LEARNED_OF], scores)


def drift(scores, earlier, sides):
    found = []
    for before, after in zip(earlier.T, scores.T):
        p, q = np.histogram(before, bins=BINS)[0], np.histogram(after, bins=BINS)[0]
        js = jensenshannon(p, q, base=2) ** 2
        ks = stats.ks_2samp(before, after).statistic
        found.append([js, ks, stats.wasserstein_distance(before, after)])
    return found


ANALYSES = {
    "distribution": distribution,
    "compare": compare,
    "segments": segments,
    "segments-sample": segments_sample,
    "map": plane,
    "similar": similar,
    "outliers": outliers,
    "outliers-sample": outliers_sample,
    "drift": drift,
}


def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("analysis", choices=ANALYSES)
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    matrix = lambda name: np.fromfile(asked.folder / name, dtype="<f8").reshape(-1, COLUMNS)
    scores = matrix("scores.f64")
    # Only drift looks at the earlier scores: for the others they would be memory that is not theirs.
    earlier = matrix("earlier.f64") if asked.analysis == "drift" else scores
    sides = np.fromfile(asked.folder / "sides.u8", dtype=np.uint8)
    analysis = ANALYSES[asked.analysis]
    analysis(scores[:WARM_UP], earlier[:WARM_UP], sides[:WARM_UP])
    before = peak_mb()
    wall, cpu = time.perf_counter(), time.process_time()
    analysis(scores, earlier, sides)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = peak_mb()
    print(json.dumps({"wall_s": wall, "cpu_s": cpu, "peak_mb": peak, "above_mb": peak - before}))


if __name__ == "__main__":
    main()
