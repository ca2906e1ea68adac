"""One module a stage, each thin: read, call pure functions, write. Entered by tasks.attempt."""
