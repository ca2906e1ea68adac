"""What dags, tasks and dashboard share, and nothing else. Imports pydantic only; every image has it."""
