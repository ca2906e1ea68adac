"""All that runs in a pod: the five stages, the laptop run and the simulator. No Airflow, no SQL."""
