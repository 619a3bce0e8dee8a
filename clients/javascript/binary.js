'use strict'

// The binary is in a package of its own for each platform, of which npm installs the one that fits.

const platform = `${process.platform}-${process.arch}`
const name = process.platform === 'win32' ? 'kew.exe' : 'kew'

/** The path of the `kew` binary for this platform. */
exports.binary = function binary() {
  const from = `@kew-sqs/${platform}`
  try {
    return require.resolve(`${from}/${name}`)
  } catch (cause) {
    const platforms = Object.keys(require('./package.json').optionalDependencies || {})
    const known = platforms.includes(from)
    throw new Error(
      known
        ? `kew-sqs: ${from} is not installed; was npm told to leave out optional dependencies?`
        : `kew-sqs: there is no binary for ${platform}; there is one for ` +
            platforms.map((p) => p.split('/')[1]).join(', '),
      { cause },
    )
  }
}
