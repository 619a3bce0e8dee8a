# Nothing to install beside the Debian packages.
