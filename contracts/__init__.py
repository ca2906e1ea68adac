"""What dags, tasks and dashboard share, and nothing else: pydantic only; every image has it."""
