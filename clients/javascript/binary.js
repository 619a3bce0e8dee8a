'use strict'

// The binary is in a package of its own for each platform, of which npm installs the one that fits.

const platform = `${process.platform}-${process.arch}`
const name = process.platform === 'win32' ? 'kew.exe' : 'kew'

/** The path of the `kew` binary for this platform. */
exports.binary = function binary() {
  try {
    return require.resolve(`@kew-sqs/${platform}/${name}`)
  } catch (cause) {
    const platforms = Object.keys(require('./package.json').optionalDependencies || {}).map((p) => p.split('/')[1])
    const why = platforms.includes(platform)
      ? `@kew-sqs/${platform} is not installed; was npm told to leave out optional dependencies?`
      : `there is no binary for ${platform}; there is one for ${platforms.join(', ')}`
    throw new Error(`kew-sqs: ${why}`, { cause })
  }
}
