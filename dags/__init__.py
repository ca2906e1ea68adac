"""What Airflow runs: the DAG, its launchers, plan and publish.

Meets the stages in object storage and the app in Postgres; imports ``contracts`` and nothing of
``tasks`` or ``dashboard``. Airflow needs the project's root on PYTHONPATH.
"""
