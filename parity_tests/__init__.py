"""Proof that scratch is right: every layer against autograd, and a harness for layers of your own (`check`)."""


def __getattr__(name):
    # Loaded when asked for: the harness needs torch and all of scratch, a declaration alone does not.
    if name == "check":
        from parity_tests.harness import check

        return check
    raise AttributeError(f"module 'parity_tests' has no attribute {name!r}")
