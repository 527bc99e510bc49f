"""Credits: balances exact at every edge, epochs, refunds."""

from interlock_hdl.credits import Credits
from lib.run import run


def test_credits():
    run(Credits(links=3), "credits_tests", parameters={"links": 3})
