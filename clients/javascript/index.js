'use strict'

// kew, an Amazon SQS-compatible message queue: its binary, and test control from JavaScript.

const { binary } = require('./binary')
const { Kew, KewError, NotMet } = require('./control')
const { version } = require('./package.json')
const { Server, start, withKew } = require('./server')

module.exports = { Kew, KewError, NotMet, Server, binary, start, version, withKew }
