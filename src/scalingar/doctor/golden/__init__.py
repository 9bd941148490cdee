"""Reference files of upstream code, and checks against them. No product code."""
