"""Answers questions about a run from its own record (arXiv 2312.04528, section 5.2). It writes nothing."""
