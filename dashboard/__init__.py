"""The analysts' app: ``store`` reads results, ``state`` is one browser tab, ``views`` draw it."""
