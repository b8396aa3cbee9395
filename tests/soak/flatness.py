"""Whether a server keeps growing, judged by its samples ({"second", "rss_mib", "descriptors",
"open_uploads"}, one a second).

Two questions. Of the last server: the Theil-Sen slope (the median of the slopes between all pairs, which
outliers do not move) of what it holds. Of the whole run: a ceiling that no moment may pass."""

import statistics

# field: growth a minute that is none yet, slope that noise feigns within one minute, ceiling
LIMITS = {"rss_mib": (0.2, 6, 64), "descriptors": (0.3, 12, 96), "open_uploads": (0.3, 6, 48)}
WARM_UP_S = 30  # caches fill, connections are made
MINUTES_MIN = 1  # less than that says nothing
POINTS = 300  # Theil-Sen compares all pairs


def thinned(samples, field):
    """[(minute, median)] of at most POINTS equal stretches."""
    size = -(-len(samples) // POINTS)
    parts = [samples[i:i + size] for i in range(0, len(samples), size)]
    return [(statistics.median(s["second"] for s in part) / 60,
             statistics.median(s[field] for s in part)) for part in parts]


def slope(points):
    """Theil-Sen, a minute."""
    slopes = [(b - a) / (t - s) for i, (s, a) in enumerate(points) for t, b in points[i + 1:] if t > s]
    return statistics.median(slopes) if slopes else 0.0


def of_life(samples, field):
    """Of one server: what it grows by a minute, and whether that is more than noise. The longer the
    life, the smaller a leak is found: the slope of n samples over a time t is uncertain by
    1 / (t * sqrt(n)), hence the power of 1.5."""
    warm = [s for s in samples if s["second"] >= samples[0]["second"] + WARM_UP_S]
    minutes = (warm[-1]["second"] - warm[0]["second"]) / 60 if warm else 0
    if minutes < MINUTES_MIN:
        return {"minutes": round(minutes, 1), "per_minute": None, "bound": None, "flat": True}
    per_minute, noise, _ = LIMITS[field]
    grows, bound = slope(thinned(warm, field)), per_minute + noise / minutes ** 1.5
    return {"minutes": round(minutes, 1), "per_minute": round(grows, 3), "bound": round(bound, 3),
            "flat": grows <= bound}


def of_run(samples, field):
    """Of all servers: the highest value and its ceiling."""
    highest, ceiling = max(s[field] for s in samples), LIMITS[field][2]
    return {"median": statistics.median(s[field] for s in samples), "highest": highest,
            "ceiling": ceiling, "flat": highest <= ceiling}


def judge(samples):
    """({field: {"life": …, "run": …}}, problems)."""
    last = [s for s in samples if s["server_pid"] == samples[-1]["server_pid"]]
    flat, problems = {}, []
    for field in LIMITS:
        life, run = of_life(last, field), of_run(samples, field)
        flat[field] = {"life": life, "run": run}
        if not life["flat"]:
            problems.append(f"{field} of the last server grows by {life['per_minute']} a minute for "
                            f"{life['minutes']} minutes")
        if not run["flat"]:
            problems.append(f"{field} was {run['highest']}: more than {run['ceiling']}")
    return flat, problems
