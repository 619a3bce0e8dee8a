# Nothing to install beside the Debian packages that the row names.
