"""The whole system on one machine: local servers, Airflow and the app for `make run`."""
