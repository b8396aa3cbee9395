"""The judgement of a soak: small leaks are found, noise is not called one."""

import random

import pytest

import flatness

LIFE_S = 15 * 60  # of the last server in a run of half an hour


def samples(leak=None, a_minute=0.0, seed=1, spikes=0, first_s=300, life_s=LIFE_S):
    """A server that dies after `first_s`, and the last one: 25 ± 3 MiB, 26 ± 6 descriptors, 2 ± 2
    uploads, and one of them leaks. Caches of both fill in their first seconds."""
    chance = random.Random(seed)
    made = []
    for pid, begin, end in ((1, 0, first_s), (2, first_s, first_s + life_s)):
        drift = 0.0
        for second in range(begin, end):
            # What a server holds is alike from one second to the next: noise that wanders.
            drift = 0.95 * drift + chance.uniform(-0.3, 0.3)
            sample = {"second": second, "server_pid": pid,
                      "rss_mib": 25 - 8 * 0.8 ** (second - begin) + chance.uniform(-3, 3) + drift,
                      "descriptors": 26 + chance.randint(-6, 6),
                      "open_uploads": chance.randint(0, 4)}
            if chance.random() < spikes:
                sample["rss_mib"] += 20
            if leak:
                grown = a_minute * (second - begin) / 60
                sample[leak] += grown if leak == "rss_mib" else int(grown)
            made.append(sample)
    return made


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("leak, a_minute", [("rss_mib", 0.5), ("descriptors", 1),
                                            ("open_uploads", 1)])
def test_small_leaks_are_found(leak, a_minute, seed):
    _, problems = flatness.judge(samples(leak, a_minute, seed))
    assert len(problems) == 1 and problems[0].startswith(f"{leak} of the last server grows"), problems


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("spikes", [0, 0.02])
@pytest.mark.parametrize("life_s", [40, 100, 200, LIFE_S])
def test_noise_is_no_leak(seed, spikes, life_s):
    _, problems = flatness.judge(samples(seed=seed, spikes=spikes, life_s=life_s))
    assert problems == []


@pytest.mark.parametrize("first_s, life_s", [(LIFE_S, 20), (300, LIFE_S)])
def test_what_any_server_holds_has_a_ceiling(first_s, life_s):
    """A leak of a server that died is not hidden by its death."""
    _, problems = flatness.judge(samples("descriptors", 10, first_s=first_s, life_s=life_s))
    assert any("more than 96" in problem for problem in problems), problems


def test_how_small_a_leak_is_found_is_told():
    """Half an hour finds half a MiB a minute; three minutes do not, and say so."""
    half_an_hour, _ = flatness.judge(samples())
    assert half_an_hour["rss_mib"]["life"]["bound"] < 0.4
    assert half_an_hour["descriptors"]["life"]["bound"] < 0.6
    three_minutes, _ = flatness.judge(samples(life_s=100))
    assert three_minutes["rss_mib"]["life"]["bound"] > 3
    assert flatness.judge(samples(life_s=60))[0]["rss_mib"]["life"]["bound"] is None
