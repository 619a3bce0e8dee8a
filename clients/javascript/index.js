'use strict'

// kew, an Amazon SQS-compatible message queue: its binary, and test control from JavaScript.

const { binary } = require('./binary')
const { Kew, KewError, NotMet } = require('./control')
const { Server, start, withKew } = require('./server')

exports.Kew = Kew
exports.KewError = KewError
exports.NotMet = NotMet
exports.Server = Server
exports.binary = binary
exports.start = start
exports.withKew = withKew
/** The version of kew. */
exports.version = require('./package.json').version
