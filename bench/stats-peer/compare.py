"""Compares crates/stats with scipy, scikit-learn and numpy on random inputs with a fixed seed.

Prints a line for each statistic, with the largest relative difference, and fails above its tolerance.
"""

import argparse
import json
import math
import platform
import subprocess
import sys
import warnings
from fractions import Fraction

import numpy as np
import scipy
import scipy.linalg
import scipy.spatial.distance
import scipy.special
import scipy.stats
import sklearn
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import silhouette_score

SEED = 20260101
REFUSED = "refused"

random = np.random.default_rng(SEED)
questions = []


def texts(value):
    """Numbers as texts that keep all their digits; lists of them, too."""
    if isinstance(value, (list, tuple, np.ndarray)):
        return [texts(item) for item in value]
    if isinstance(value, str):
        return value
    return str(int(value)) if isinstance(value, (int, np.integer)) else repr(float(value))


def ask(what, expected, within, peer, scale=0.0, name=None, **given):
    """`scale` is added to what a difference is divided by: for values that may be 0."""
    raw = given.pop("raw", {})
    questions.append(
        {
            "what": what,
            "input": {name: texts(value) for name, value in given.items()} | raw,
            "expected": expected,
            "within": within,
            "peer": peer,
            "scale": scale,
            "name": name or what,
        }
    )


def samples():
    """Pairs of samples: of several kinds and sizes, with ties, with constants."""
    for size in (2, 3, 5, 12, 40, 150):
        other = max(2, size // 2 + 3)
        for shift in (0.0, 0.3, 2.0):
            yield random.normal(size=size), random.normal(shift, 1.7, size=other)
            yield np.exp(random.normal(size=size)), np.exp(random.normal(shift, 1, size=other))
            yield random.integers(0, 9, size) * 1.0, random.integers(0, 12, other) + shift
            yield 1e4 + random.normal(size=size), 1e4 + random.normal(shift, 3, size=other)
        yield np.full(size, 2.0), random.integers(0, 5, other) * 1.0
    yield np.array([3.0]), np.array([1.0, 2.0, 5.0])
    yield np.array([3.0]), np.array([3.0])


def exact(values):
    return [Fraction(float(value)) for value in values]


def one_list(x):
    x_exact = exact(x)
    mean = sum(x_exact) / len(x)
    ask("exact_sum", [math.fsum(x)], 0.0, "math.fsum", x=x)
    ask("mean", [float(mean)], 1e-15, "fractions", scale=1e-16 * np.abs(x).max(), x=x)
    ask("median", [np.median(x)], 0.0, "numpy", x=x)
    mad = scipy.stats.median_abs_deviation(x) * 1.4826
    ask("mad", [mad], 1e-15, "scipy", x=x)
    wide = np.ptp(x)
    for q in (0.0, 0.1, 0.25, 0.5, 0.9, 1.0):
        ask("quantile", [np.quantile(x, q)], 1e-14, "numpy", scale=wide, x=x, q=q)
    if mad > 0:
        ask("robust_z", list((x - np.median(x)) / mad), 1e-14, "scipy", x=x)
    else:
        ask("robust_z", REFUSED, 0.0, "scipy", x=x)
    if len(x) > 1:
        variance = sum((value - mean) ** 2 for value in x_exact) / (len(x) - 1)
        ask("variance", [float(variance)], 1e-14, "fractions", x=x)
    else:
        ask("variance", REFUSED, 0.0, "fractions", x=x)


def j_of_hedges(free):
    """Gamma(free/2) / Gamma((free - 1)/2), by its recurrence from where it is closed."""
    ratio = Fraction(1)
    at = free
    while at > 3:
        ratio *= Fraction(at - 2, at - 3)
        at -= 2
    closed = {1: 0.0, 2: 1 / math.sqrt(math.pi), 3: math.sqrt(math.pi) / 2}[at]
    return float(ratio) * closed / math.sqrt(free / 2)


def exact_moments(values):
    values = exact(values)
    mean = sum(values) / len(values)
    return len(values), mean, sum((value - mean) ** 2 for value in values)


def exact_welch(x, y):
    (n, mean_x, squares_x), (m, mean_y, squares_y) = exact_moments(x), exact_moments(y)
    a, b = squares_x / (n - 1) / n, squares_y / (m - 1) / m
    df = (a + b) ** 2 / (a * a / (n - 1) + b * b / (m - 1))
    return [float(mean_x - mean_y) / math.sqrt(a + b), float(df)]


def hedges(x, y):
    (n, mean_x, squares_x), (m, mean_y, squares_y) = exact_moments(x), exact_moments(y)
    pooled = math.sqrt((squares_x + squares_y) / (n + m - 2))
    g = j_of_hedges(n + m - 2) * float(mean_x - mean_y) / pooled
    half = scipy.stats.norm.ppf(0.975) * math.sqrt((n + m) / (n * m) + g * g / (2 * (n + m)))
    return [g, g - half, g + half]


def cliff(x, y):
    signs = np.sign(x[:, None] - y[None, :])
    n, m = signs.shape
    delta = signs.mean()
    z = scipy.stats.norm.ppf(0.975)
    if abs(delta) == 1:
        inner = max(0.0, (min(n, m) - z * z) / (min(n, m) + z * z))
        return [delta, inner, 1.0] if delta > 0 else [delta, -1.0, -inner]
    rows, columns = signs.mean(1).var(ddof=1), signs.mean(0).var(ddof=1)
    if n == 1 or m == 1:
        return REFUSED
    cells = ((signs - delta) ** 2).sum() / ((n - 1) * (m - 1))
    spread = z * z * ((m - 1) * rows + (n - 1) * columns + cells) / (n * m)
    half = math.sqrt(spread) * math.sqrt((1 - delta**2) ** 2 + spread)
    ends = [(delta - delta**3 + side * half) / (1 - delta**2 + spread) for side in (-1, 1)]
    return [delta, max(-1.0, ends[0]), min(1.0, ends[1])]


def two_lists(x, y):
    found = scipy.stats.mannwhitneyu(x, y, method="asymptotic")
    ask("mann_whitney", [found.statistic, found.pvalue], 1e-12, "scipy", x=x, y=y)
    tied = len(np.unique(np.concatenate([x, y]))) < len(x) + len(y)
    if tied or len(x) * len(y) > 2500:
        ask("mann_whitney_exact", REFUSED, 0.0, "scipy", x=x, y=y)
    else:
        found = scipy.stats.mannwhitneyu(x, y, method="exact")
        ask("mann_whitney_exact", [found.pvalue], 1e-12, "scipy", x=x, y=y)
    d = scipy.stats.ks_2samp(x, y, method="asymp").statistic
    p = scipy.stats.kstwobign.sf(d * math.sqrt(len(x) * len(y) / (len(x) + len(y))))
    ask("kolmogorov_smirnov", [d, p], 1e-12, "scipy", x=x, y=y)
    if min(len(x), len(y)) < 2:
        for what in ("welch", "hedges_g", "cliffs_delta"):
            ask(what, REFUSED, 0.0, "scipy", x=x, y=y)
        return
    if np.ptp(x) == 0 and np.ptp(y) == 0:
        ask("welch", REFUSED, 0.0, "scipy", x=x, y=y)
        ask("hedges_g", REFUSED, 0.0, "numpy", x=x, y=y)
    else:
        found = scipy.stats.ttest_ind(x, y, equal_var=False)
        expected = [found.statistic, found.df, found.pvalue]
        ask("welch", expected, 1e-9, "scipy", scale=1e-6, x=x, y=y)
        ask("welch", exact_welch(x, y), 1e-14, "fractions", name="welch: t, df", x=x, y=y)
        ask("hedges_g", hedges(x, y), 1e-13, "fractions", scale=1e-3, x=x, y=y)
    ask("cliffs_delta", cliff(x, y), 1e-12, "numpy", scale=1e-3, x=x, y=y)


def groups():
    for sizes in ((3, 3), (5, 9, 2), (20, 30, 10, 1), (50,) * 6, (1, 4), (2, 2)):
        for shift in (0.0, 0.5, 5.0):
            yield [random.normal(shift * at, 1.0, size) for at, size in enumerate(sizes)]
            yield [random.integers(0, 4, size) + shift * at for at, size in enumerate(sizes)]


def anova(of):
    whole = exact(np.concatenate(of))
    mean = sum(whole) / len(whole)
    within = between = Fraction(0)
    for group in of:
        values = exact(group)
        middle = sum(values) / len(values)
        within += sum((value - middle) ** 2 for value in values)
        between += len(values) * (middle - mean) ** 2
    if within == 0:
        return
    f = between / (len(of) - 1) / (within / (len(whole) - len(of)))
    p = scipy.stats.f.sf(float(f), len(of) - 1, len(whole) - len(of))
    expected = [float(between), float(within), float(f)]
    ask("anova", expected, 1e-15, "fractions", name="anova: squares, F", groups=of)
    expected = [float(between), float(within), scipy.stats.f_oneway(*of).statistic, p]
    ask("anova", expected, 1e-12, "scipy", name="anova: F, p", groups=of)


def distributions():
    for _ in range(40):
        z = np.concatenate([random.normal(0, 3, 20), [0.0, -10.0, -30.0, 8.0]])
        ask("normal", list(scipy.special.ndtr(z)), 1e-12, "scipy", z=z)
        p = np.concatenate([random.uniform(0, 1, 20), 10.0 ** random.uniform(-250, -1, 10)])
        ask("normal_quantile", list(scipy.special.ndtri(p)), 1e-13, "scipy", scale=1e-2, p=p)
    for _ in range(400):
        a, b = 10 ** random.uniform(-1, 3.5, 2)
        x = random.beta(a, b) if random.uniform() < 0.7 else random.uniform()
        expected = scipy.special.betainc(a, b, x)
        if expected > 1e-290:
            ask("beta_share", [expected], 1e-11, "scipy", a=a, b=b, x=x, rest=1 - x)
        t, df = random.normal(0, 4), 10 ** random.uniform(0, 6)
        ask("t_two_sided", [2 * scipy.stats.t.sf(abs(t), df)], 1e-11, "scipy", t=t, df=df)
        f = abs(random.normal(1, 2))
        between, within = 10 ** random.uniform(0, 3), 10 ** random.uniform(0, 5)
        expected = scipy.stats.f.sf(f, between, within)
        if expected > 1e-290:
            given = {"f": texts(f), "between": texts(between), "within": texts(within)}
            ask("upper_f", [expected], 1e-10, "scipy", raw=given)


def lists_of_shares():
    for size in (1, 2, 7, 60):
        for _ in range(8):
            p = random.uniform(0, 1, size) ** 3
            p[random.uniform(size=size) < 0.3] = 0.01
            expected = list(scipy.stats.false_discovery_control(p))
            ask("benjamini_hochberg", expected, 1e-14, "scipy", p=p)
            a, b = random.integers(0, 30, size), random.integers(0, 30, size)
            a[0], b[-1] = a[0] + 1, b[-1] + 1
            js = scipy.spatial.distance.jensenshannon(a, b, base=2) ** 2
            # scipy's terms cancel to about the last digits of 1.
            ask("jensen_shannon", [js], 1e-12, "scipy", scale=1e-3, p=a * 1.0, q=b * 1.0)
            e, f = (np.maximum(list_ / list_.sum(), 1e-4) for list_ in (a, b))
            psi = float(np.sum((f - e) * np.log(f / e)))
            given = {"expected": texts([int(n) for n in a]), "found": texts([int(n) for n in b])}
            ask("population_stability", [psi], 1e-12, "numpy", scale=1e-3, raw=given)
            x, y = np.sort(random.normal(size=size).round(1)), np.sort(random.normal(1, 2, size))
            wide = scipy.stats.wasserstein_distance(x, y, a + 1, b + 1)
            d = scipy.stats.ks_2samp(np.repeat(x, a + 1), np.repeat(y, b + 1)).statistic
            counts = {"x_counts": texts(a + 1), "y_counts": texts(b + 1)}
            ask("weighted_distances", [d, wide], 1e-12, "scipy", x=x, y=y, raw=counts)


def tables():
    for rows, columns in ((5, 1), (8, 2), (40, 3), (150, 6), (300, 12)):
        for _ in range(4):
            mix = random.normal(size=(columns, columns))
            table = random.normal(size=(rows, columns)) @ mix + random.normal(size=columns) * 10
            flat = {"rows": table.ravel(), "columns": columns}
            covariance = np.atleast_2d(np.cov(table.T))
            size = np.abs(covariance).max()
            ask("covariance", list(covariance.ravel()), 1e-13, "numpy", scale=size, **flat)
            correlation = np.atleast_2d(np.corrcoef(table.T)).ravel()
            ask("correlation", list(correlation), 1e-12, "numpy", scale=1e-2, **flat)
            found = PCA(svd_solver="full").fit(table)
            expected = {
                "ratios": list(found.explained_variance_ratio_),
                "weights": [list(row) for row in found.components_],
            }
            ask("pca", expected, 1e-9, "scikit-learn", scale=1e-2, **flat)
            symmetric = covariance - np.eye(columns) * 0.3 * size
            symmetric = (symmetric + symmetric.T) / 2
            values = list(scipy.linalg.eigh(symmetric)[0][::-1])
            square = {"rows": symmetric.ravel(), "columns": columns}
            ask("eigen", values, 1e-13, "scipy", scale=size, **square)
            b = random.normal(size=columns)
            definite = covariance + np.eye(columns) * 0.1 * size
            definite = (definite + definite.T) / 2
            solved = list(scipy.linalg.cho_solve(scipy.linalg.cho_factor(definite), b))
            square = {"rows": definite.ravel(), "columns": columns}
            ask("solve", solved, 1e-11, "scipy", scale=1e-2, b=b, **square)
            ridge = 0.05 * size
            inverse = np.linalg.inv(covariance + np.eye(columns) * ridge)
            middle = table.mean(0)
            far = [scipy.spatial.distance.mahalanobis(row, middle, inverse) ** 2 for row in table]
            ask("mahalanobis", far, 1e-11, "scipy", scale=1e-2, ridge=ridge, **flat)
            items = [list(table[:, at]) for at in range(columns)]
            whole = table.sum(1).var(ddof=1)
            if columns > 1:
                apart = table.var(axis=0, ddof=1).sum()
                alpha = columns / (columns - 1) * (1 - apart / whole)
                ask("alpha", [alpha], 1e-11, "numpy", scale=1e-2, items=items)
    twice = np.array([[1.0, 2.0], [2.0, 4.0], [4.0, 8.0]])
    ask("mahalanobis", REFUSED, 0.0, "scipy", rows=twice.ravel(), columns=2, ridge=0.0)


def heaps():
    for rows, columns, count in ((30, 1, 2), (90, 2, 3), (200, 4, 4), (300, 3, 5)):
        for spread in (0.3, 1.0):
            centers = random.normal(size=(count, columns)) * 5
            table = centers[random.integers(0, count, rows)]
            table = table + random.normal(size=table.shape) * spread
            flat = {"rows": table.ravel(), "columns": columns}
            scores = {}
            for k in range(2, count + 2):
                found = KMeans(k, n_init=60, tol=0, random_state=0).fit(table)
                score = silhouette_score(table, found.labels_)
                scores[k] = score
                given = {"assigned": texts([int(label) for label in found.labels_])}
                ask("silhouette", [score], 1e-11, "scikit-learn", raw=given, **flat)
                expected = {"inertia": found.inertia_}
                ask("k_means", expected, 1e-10, "scikit-learn", k=k, **flat)
            best = max(scores, key=scores.get)
            ask("choose_k", [best], 0.0, "scikit-learn", k_max=count + 1, **flat)


def jaro(a, b):
    """As its definition has it, with a list of places that are free."""
    if not a and not b:
        return 1.0
    reach = max(0, max(len(a), len(b)) // 2 - 1)
    free, of_a = list(range(len(b))), []
    for at, char in enumerate(a):
        for place in free:
            if abs(place - at) <= reach and b[place] == char:
                of_a.append((char, place))
                free.remove(place)
                break
    m = len(of_a)
    if m == 0:
        return 0.0
    of_b = sorted(place for _, place in of_a)
    swaps = sum(char != b[place] for (char, _), place in zip(of_a, of_b)) // 2
    return (m / len(a) + m / len(b) + (m - swaps) / m) / 3


def words():
    letters = list("abcdeä")
    fixed = [("MARTHA", "MARHTA"), ("DWAYNE", "DUANE"), ("DIXON", "DICKSONX"), ("", ""), ("", "x")]
    drawn = ["".join(random.choice(letters, random.integers(0, 11))) for _ in range(600)]
    for a, b in fixed + list(zip(drawn[::2], drawn[1::2])):
        plain = jaro(a, b)
        prefix = 0
        while prefix < min(4, len(a), len(b)) and a[prefix] == b[prefix]:
            prefix += 1
        raised = plain + prefix * 0.1 * (1 - plain)
        ask("jaro", [plain, raised], 1e-15, "its definition", raw={"a": a, "b": b})


def linkage():
    """EM with numpy over all patterns of four fields that agree or not."""
    m, u, p = np.array([0.95, 0.9, 0.85, 0.7]), np.array([0.05, 0.2, 0.1, 0.3]), 0.08
    bits = np.array([[(code >> at) & 1 for at in range(4)] for code in range(16)])

    def joint(p, m, u):
        of = [np.prod(np.where(bits == 1, q, 1 - q), axis=1) for q in (m, u)]
        return p * of[0], (1 - p) * of[1]

    for whole in (1e5, 1e9):
        of_m, of_u = joint(p, m, u)
        counts = np.round(whole * (of_m + of_u))
        p_, m_, u_ = 0.1, np.full(4, 0.9), np.full(4, 0.1)
        for _ in range(10_000):
            of_m, of_u = joint(p_, m_, u_)
            match = counts * of_m / (of_m + of_u)
            other = counts - match
            m_, u_ = match @ bits / match.sum(), other @ bits / other.sum()
            p_ = match.sum() / counts.sum()
        likelihood = float(np.sum(counts * np.log(sum(joint(p_, m_, u_)))))
        fields = [x for at in range(4) for x in (1 - m_[at], m_[at], 1 - u_[at], u_[at])]
        patterns = [
            {"levels": [int(bit) for bit in row], "count": int(count)}
            for row, count in zip(bits, counts)
        ]
        given = {"levels": [2, 2, 2, 2], "patterns": patterns}
        ask("linkage", [p_, likelihood] + fields, 1e-8, "numpy", raw=given)


def refusals():
    """A number that is none in every statistic of numbers."""
    for wrong in (math.nan, math.inf):
        bad, good = [1.0, wrong, 3.0], [1.0, 2.0, 4.0]
        for what in ("mean", "variance", "median", "mad", "robust_z"):
            ask(what, REFUSED, 0.0, "", x=bad)
        ask("quantile", REFUSED, 0.0, "", x=bad, q=0.5)
        pairs = ("welch", "mann_whitney", "mann_whitney_exact", "kolmogorov_smirnov")
        for what in pairs + ("hedges_g", "cliffs_delta"):
            ask(what, REFUSED, 0.0, "", x=bad, y=good)
            ask(what, REFUSED, 0.0, "", x=good, y=bad)
        ask("benjamini_hochberg", REFUSED, 0.0, "", p=bad)
        ask("normal_quantile", REFUSED, 0.0, "", p=[wrong])
        ask("jensen_shannon", REFUSED, 0.0, "", p=bad, q=good)
        counts = {"x_counts": texts([1, 1, 1]), "y_counts": texts([1, 1, 1])}
        ask("weighted_distances", REFUSED, 0.0, "", x=bad, y=good, raw=counts)
        ask("anova", REFUSED, 0.0, "", groups=[bad, good])
        ask("alpha", REFUSED, 0.0, "", items=[bad, good])
        for what in ("covariance", "correlation", "pca", "eigen"):
            ask(what, REFUSED, 0.0, "", rows=bad + [1.0], columns=2)
        ask("solve", REFUSED, 0.0, "", rows=bad + [1.0], columns=2, b=[1.0, 1.0])
        ask("mahalanobis", REFUSED, 0.0, "", rows=bad + [1.0], columns=2, ridge=1.0)
        ask("k_means", REFUSED, 0.0, "", rows=bad, columns=1, k=2)
        ask("choose_k", REFUSED, 0.0, "", rows=bad, columns=1, k_max=2)
        assigned = {"assigned": texts([0, 1, 1])}
        ask("silhouette", REFUSED, 0.0, "", rows=bad, columns=1, raw=assigned)


def difference(found, question):
    """The largest relative difference of an answer, infinite where its form is another one."""
    expected, what = question["expected"], question["what"]
    if expected == REFUSED or "error" in found:
        return 0.0 if expected == REFUSED and "error" in found else math.inf
    value = found["value"]
    if what == "k_means":
        assigned, inertia = np.array(value["assigned"]), value["inertia"]
        table = np.array(question["input"]["rows"], dtype=float)
        table = table.reshape(len(assigned), -1)
        heaps_ = [table[assigned == k] for k in np.unique(assigned)]
        squares = sum(((heap - heap.mean(0)) ** 2).sum() for heap in heaps_)
        # Fewer squares than the peer has are no fault.
        value, expected = [max(inertia, expected["inertia"]), inertia], [expected["inertia"], squares]
    if what == "pca":
        signs = [1.0 if np.dot(a, b) > 0 else -1.0 for a, b in zip(value["weights"], expected["weights"])]
        value = value["ratios"] + [s * x for s, row in zip(signs, value["weights"]) for x in row]
        expected = expected["ratios"] + [x for row in expected["weights"] for x in row]
    if question["name"] in ("anova: squares, F", "welch: t, df"):
        value = value[: len(expected)]
    if len(value) != len(expected):
        return math.inf
    worst = 0.0
    for a, b in zip(value, expected):
        if a is None or not math.isfinite(b):
            return math.inf
        if a != b:
            worst = max(worst, abs(a - b) / (max(abs(a), abs(b)) + question["scale"]))
    return worst


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("answers", help="the program built from crates/stats/examples/answers.rs")
    program = parser.parse_args().answers
    warnings.simplefilter("ignore")
    seen = list(samples())
    for x, y in seen:
        one_list(x)
        one_list(y)
        two_lists(x, y)
        pair = min(len(x), len(y))
        a, b = x[:pair], y[:pair]
        dot = sum((p * q for p, q in zip(exact(a), exact(b))), Fraction(0))
        ask("exact_products", [float(dot)], 0.0, "fractions", x=a, y=b)
    for of in groups():
        anova(of)
    for more in (distributions, lists_of_shares, tables, heaps, words, linkage, refusals):
        more()
    lines = "".join(json.dumps({k: q[k] for k in ("what", "input")}) + "\n" for q in questions)
    run = subprocess.run([program], input=lines, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        sys.exit(run.stderr)
    answers = [json.loads(line) for line in run.stdout.splitlines()]
    if len(answers) != len(questions):
        sys.exit(f"{len(answers)} answers to {len(questions)} questions")
    table, failed = {}, []
    for question, found in zip(questions, answers):
        apart = difference(found, question)
        if apart > question["within"]:
            failed.append((question["what"], apart, json.dumps(question["input"])[:200], found))
        if question["expected"] == REFUSED:
            key = (question["name"], "")
        else:
            key = (question["name"], question["peer"])
        row = table.setdefault(key, [0, 0.0, 0.0])
        row[0] += 1
        row[1], row[2] = max(row[1], apart), max(row[2], question["within"])
    print(
        f"Python {platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}, "
        f"scikit-learn {sklearn.__version__}, seed {SEED}"
    )
    refused = sum(row[0] for (_, peer), row in table.items() if not peer)
    wrong = sum(apart == math.inf for _, apart, _, _ in failed)
    for (what, peer), (count, worst, within) in table.items():
        if peer:
            print(f"{what:22} {peer:20} {count:5} inputs  {worst:8.1e}  (at most {within:.0e})")
    print(f"{refused} inputs that must be refused, {wrong} answers of another kind than expected")
    for what, apart, given, found in failed:
        print(f"FAILED {what}: {apart:.1e} {given} {found}", file=sys.stderr)
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
