"""Returns more than a result may have."""

EXPECTED = "contained"
OPTIONS = {"max_result": 1_000_000}
SAYS = r"the result has 2,000,002 bytes, which is over max_result \(1,000,000\)"


def attack(aim):
    return "x" * 2_000_000
