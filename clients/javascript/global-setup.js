'use strict'

// The global set-up of vitest and of jest, for those who want one kew for all workers instead of one for each.

const { start } = require('./server')

module.exports = async () => {
  const server = await start()
  process.env.KEW_URL = server.url
  // jest knows nothing of it; there kew ends with the process.
  return () => server.stop()
}
