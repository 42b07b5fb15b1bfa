"""The parts of `deploy/proxies/lab`: Python 3.11 and its standard library."""
