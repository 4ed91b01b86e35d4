"""A gate against growing slow: what the server does for one publish, one delivery, one connection, counted.

Instructions and kernel calls are counted, for seconds on a shared machine tell little. `counting` runs a real server
under valgrind, `cases` are what is asked of it, `limits.json` is what it may need, `test_limits` compares.

    PYTHONPATH=tests .venv/bin/python -m speed            # count, and print what was found beside what is kept
    PYTHONPATH=tests .venv/bin/python -m speed renew      # keep what was found as the new limits
    PYTHONPATH=tests .venv/bin/python -m speed why CASE   # by C function and by Python function
"""
