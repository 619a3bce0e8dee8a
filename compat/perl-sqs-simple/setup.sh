# Nothing to install beside the Debian package.
