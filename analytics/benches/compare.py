#!/usr/bin/env python3
"""How much faster this library is than what people use in its place, as ratios.

Run from the root of the workspace, on a machine with little else to do:

    python3 -m venv /tmp/peers
    /tmp/peers/bin/pip install numpy scipy pandas numba QuantLib statsmodels
    /tmp/peers/bin/python analytics/benches/compare.py [row ...]

Each row measures the peer, then the benchmark of this crate of the same size, then the peer
again, all on one thread, and takes the faster of the peer's two. Only the ratio means anything.
Both are charged for processor time, so that other work on the machine does not decide: the
clock of criterion is scaled by the share of a processor that its process had. Numbers drawn
differ, what they are drawn from does not.
"""
import os

for name in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
    os.environ[f"{name}_NUM_THREADS"] = "1"

import json, math, pathlib, resource, statistics, subprocess, sys, time

import numba, numpy as np, pandas as pd, QuantLib as ql, statsmodels.api as sm

rng = np.random.default_rng(42)


def nanoseconds(work, items):
    """Of processor time for an item, the median of seven rounds."""
    work()
    rounds = []
    for _ in range(7):
        start, times = time.process_time(), 0
        while time.process_time() - start < 0.3:
            work()
            times += 1
        rounds.append((time.process_time() - start) / times / items * 1e9)
    return statistics.median(rounds)


def ours(bench, name):
    """The same of a benchmark of this crate, by its full name."""
    arguments = ["--warm-up-time", "1", "--measurement-time", "4", "--noplot", "--exact", name]
    command = ["cargo", "bench", "-q", "-p", "sigmasight-analytics", "--bench", bench, "--"]
    processor = lambda: sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
    start, used = time.perf_counter(), processor()
    subprocess.run(command + arguments, check=True, capture_output=True)
    share = min(1, (processor() - used) / (time.perf_counter() - start))
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", "target"))
    for about in target.glob("criterion/*/*/new/benchmark.json"):
        described = json.loads(about.read_text())
        if described["full_id"] == name:
            times = json.loads((about.parent / "estimates.json").read_text())
            return times["mean"]["point_estimate"] * share / described["throughput"]["Elements"]
    raise SystemExit(f"no benchmark is called {name}")


# Options: strikes within a fifth of the spot, a week to two years, 10 to 60 % volatility.
N = 100_000
S = 100 * rng.uniform(0.5, 2, N)
K = S * rng.uniform(0.8, 1.2, N)
T, V = rng.uniform(7 / 365, 2, N), rng.uniform(0.1, 0.6, N)
R, Q, CALL = np.full(N, 0.04), np.full(N, 0.01), rng.random(N) < 0.5
today = ql.Date(30, 6, 2026)
ql.Settings.instance().evaluationDate = today


@numba.njit(fastmath=True, error_model="numpy")
def numba_greeks(S, K, T, R, Q, V, C, out):
    for i in range(S.size):
        root, sign = math.sqrt(T[i]), 1.0 if C[i] else -1.0
        spread = V[i] * root
        d1 = (math.log(S[i] / K[i]) + (R[i] - Q[i] + 0.5 * V[i] * V[i]) * T[i]) / spread
        d2 = d1 - spread
        kept, discount = math.exp(-Q[i] * T[i]), math.exp(-R[i] * T[i])
        n1 = 0.5 * math.erfc(-sign * d1 * 0.7071067811865476)
        n2 = 0.5 * math.erfc(-sign * d2 * 0.7071067811865476)
        density = math.exp(-0.5 * d1 * d1) * 0.3989422804014327
        out[0, i] = sign * (S[i] * kept * n1 - K[i] * discount * n2)
        out[1, i] = sign * kept * n1
        out[2, i] = kept * density / (S[i] * spread)
        decay = -S[i] * kept * density * V[i] / (2 * root)
        carry = sign * (Q[i] * S[i] * kept * n1 - R[i] * K[i] * discount * n2)
        out[3, i] = (decay + carry) / 365
        out[4, i] = S[i] * kept * density * root * 0.01
        out[5, i] = sign * K[i] * T[i] * discount * n2 * 0.01


def european():
    out = np.empty((6, N))
    return (lambda: numba_greeks(S, K, T, R, Q, V, CALL, out)), N


def implied():
    # What they are called with beside the price: no displacement, no guess, accuracy, steps.
    more = (1.0, 0.0, ql.nullDouble(), 1.0, 1e-12, 100)
    invert, cases = ql.blackFormulaImpliedStdDevLiRS, []
    for i in range(2_000):
        option, forward = ql.Option.Call if CALL[i] else ql.Option.Put, S[i] * math.exp(0.04 * T[i])
        price = ql.blackFormula(option, K[i], forward, V[i] * math.sqrt(T[i]))
        if 0.05 < price < 0.9 * S[i]:
            case = (option, float(K[i]), forward, price, *more)
            try:
                invert(*case)
                cases.append(case)
            except RuntimeError:
                pass  # some with next to no time value it cannot do

    def work():
        for case in cases:
            invert(*case)

    return work, len(cases)


def american(with_greeks):
    quote = {name: ql.SimpleQuote(x) for name, x in
             {"spot": 100, "vol": 0.2, "rate": 0.04, "yield": 0.02}.items()}
    handle = {name: ql.QuoteHandle(x) for name, x in quote.items()}
    days, none = ql.Actual365Fixed(), ql.NullCalendar()
    curve = lambda name: ql.YieldTermStructureHandle(ql.FlatForward(today, handle[name], days))
    volatility = ql.BlackConstantVol(today, none, handle["vol"], days)
    process = ql.BlackScholesMertonProcess(handle["spot"], curve("yield"), curve("rate"),
                                           ql.BlackVolTermStructureHandle(volatility))
    engine = ql.QdFpAmericanEngine(process, ql.QdFpAmericanEngine.fastScheme())
    options = []
    for i in range(50):
        payoff = ql.PlainVanillaPayoff(ql.Option.Call if CALL[i] else ql.Option.Put, float(K[i]))
        option = ql.VanillaOption(payoff, ql.AmericanExercise(today, today + max(7, int(T[i] * 365))))
        option.setPricingEngine(engine)
        options.append((option, float(S[i]), float(V[i])))

    def price(option, name, value):
        quote[name].setValue(value)
        return option.NPV()

    def work():
        for option, spot, vol in options:
            quote["vol"].setValue(vol)
            value = price(option, "spot", spot)
            if with_greeks:  # it has none of its own: spot up and down, volatility and rate up
                up, down = price(option, "spot", spot * 1.001), price(option, "spot", spot * 0.999)
                quote["spot"].setValue(spot)
                vega = price(option, "vol", vol + 1e-4) - value
                quote["vol"].setValue(vol)
                rho = price(option, "rate", 0.0401) - value
                quote["rate"].setValue(0.04)

    return work, len(options)


X = rng.normal(0, 0.01, (252, 7))
Y = X @ rng.normal(0.5, 0.5, (7, 500)) + rng.normal(0, 0.01, (252, 500))
ONES = np.column_stack([np.ones(252), X])


def normal_equations():
    def work():
        gram = ONES.T @ ONES
        betas = np.linalg.solve(gram, ONES.T @ Y)
        unexplained = ((Y - ONES @ betas) ** 2).sum(0)
        variation = ((Y - Y.mean(0)) ** 2).sum(0)
        errors = np.sqrt(np.diag(np.linalg.inv(gram))[:, None] * unexplained / (252 - 8))
        return betas, 1 - unexplained / variation, errors

    return work, 500


def statsmodels():
    def work():
        for j in range(20):
            fit = sm.OLS(Y[:, j], ONES).fit()
            fit.params, fit.rsquared, fit.tvalues, fit.bse

    return work, 20


def aggregation():
    rows, greeks = 10_000, ["delta", "gamma", "theta", "vega", "rho"]
    size, is_option = rng.uniform(1e2, 1e5, rows), rng.random(rows) < 0.5
    exposure = np.where(rng.random(rows) < 0.3, -size, size)
    frame = pd.DataFrame({"under": rng.integers(0, 500, rows).astype(str), "option": is_option,
                          "exp": exposure, "mv": size})
    for greek in greeks:
        frame[greek] = np.where(is_option, rng.uniform(-1, 1, rows), 0)
    two_tags = np.concatenate([rng.integers(0, 5, rows), rng.integers(5, 10, rows)]).astype(str)
    tagged = pd.DataFrame({"tag": two_tags, "exp": np.tile(exposure, 2)})
    sides = lambda frame: frame.assign(gross=frame["exp"].abs(), long=frame["exp"].clip(lower=0),
                                       short=frame["exp"].clip(upper=0))

    def work():
        e, o = frame["exp"], frame["option"]
        book = (e.abs().sum(), e.sum(), e[e > 0].sum(), e[e < 0].sum(), (e > 0).sum(), (e < 0).sum(),
                e[o].abs().sum(), e[~o].abs().sum(), frame["mv"].sum())
        grouped = sides(frame).groupby("under")
        by_under = grouped[["gross", "exp", "long", "short", *greeks]].sum(), grouped.size()
        by_tag = sides(tagged).groupby("tag")[["gross", "exp", "long", "short"]].sum()
        return book, frame[greeks].sum(), by_under, by_tag

    return work, rows


RETURNS = rng.normal(0, 0.01, (252, 500))


def corrcoef():
    return (lambda: np.corrcoef(RETURNS, rowvar=False)), 1


def pandas_corr():
    gapped = pd.DataFrame(np.where(rng.random(RETURNS.shape) < 0.01, np.nan, RETURNS))
    return gapped.corr, 1


def monte_carlo():
    paths, variables = 100_000, 50
    weights = rng.dirichlet(np.ones(variables))
    roots = rng.normal(0, 0.01, (variables, variables))
    factor = np.linalg.cholesky(roots @ roots.T / variables + np.eye(variables) * 1e-4)
    generator = np.random.Generator(np.random.SFC64(1))

    def work():
        moves = generator.standard_normal((paths, variables)) @ factor.T
        pnl = np.expm1(moves) @ weights
        tail = np.quantile(pnl, [0.01, 0.05])
        return tail, pnl[pnl <= tail[1]].mean()

    return work, paths


BOOK = "aggregation of 10,000 positions/four groupings, "
BETAS = "betas of 500 instruments to 7 factors/errors and R², the design factored in the same run"
# Row: peer, what it is called, the benchmark beside it, the ratio asked for.
ROWS = {
    "european": (european, "numba", "options", "european/value and five Greeks, in bulk", 1),
    "implied": (implied, "QuantLib LiRS", "options", "implied volatility/one at a time", 3),
    "american": (lambda: american(False), "QuantLib QdFp fast", "options", "american/value, fast", 3),
    "american-greeks": (lambda: american(True), "QuantLib QdFp fast", "options",
                        "american/value and five Greeks, fast", 8),
    "betas": (normal_equations, "numpy", "factors", BETAS, 1),
    "betas-one": (statsmodels, "statsmodels", "factors", BETAS, 500),
    "aggregation": (aggregation, "pandas", "exposure",
                    BOOK + "from holdings, keys are numbers of groups", 25),
    "aggregation-ready": (aggregation, "pandas", "exposure", BOOK + "figures ready", 25),
    "correlation": (corrcoef, "numpy", "factors", "correlations of 500 instruments/without gaps", 0.5),
    "correlation-gaps": (pandas_corr, "pandas", "factors",
                         "correlations of 500 instruments/one entry of a hundred missing", 10),
    "monte-carlo": (monte_carlo, "numpy", "risk", "Monte Carlo of 100,000 paths of 50 variables/"
                    "value at risk and expected shortfall", 3),
}

# Built before any is timed.
subprocess.run(["cargo", "bench", "-q", "-p", "sigmasight-analytics", "--no-run"], check=True)
print(f"{'row':18} {'peer':20} {'its ns an item':>15} {'ours':>15} {'ratio':>8} {'asked':>6}")
for row in sys.argv[1:] or ROWS:
    peer, called, bench, name, asked = ROWS[row]
    work, items = peer()
    before = nanoseconds(work, items)
    own = ours(bench, name)
    theirs = min(before, nanoseconds(work, items))
    print(f"{row:18} {called:20} {theirs:15,.1f} {own:15,.1f} {theirs / own:8.1f} {asked:6}", flush=True)
