"""What nobody thought of: parsers fed by a fuzzer, and sessions by Hypothesis. See docs/fuzzing.md."""
