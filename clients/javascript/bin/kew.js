#!/usr/bin/env node
'use strict'

// Runs the binary in the foreground: signals go on to it, and its exit code is the one of this program.

const { spawn } = require('node:child_process')
const os = require('node:os')
const tty = require('node:tty')
const { binary } = require('..')

let path
try {
  path = binary()
} catch (error) {
  console.error(error.message)
  process.exit(1)
}
const kew = spawn(path, process.argv.slice(2), { stdio: 'inherit' })
// A terminal sends it to kew as well, and a second signal would cut off what is under way.
const inTerminal = [0, 1, 2].some((descriptor) => tty.isatty(descriptor))
process.on('SIGINT', () => inTerminal || kew.kill('SIGINT'))
process.on('SIGTERM', () => kew.kill('SIGTERM'))
process.on('SIGHUP', () => kew.kill('SIGHUP'))
kew.on('error', (error) => {
  console.error(`kew-sqs: cannot run ${path}: ${error.message}`)
  process.exit(1)
})
kew.on('exit', (code, signal) => process.exit(code ?? 128 + os.constants.signals[signal]))
