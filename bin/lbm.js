#!/usr/bin/env node
'use strict'

const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`lbm: needs Node 20.19 or newer; this is ${process.versions.node}\n`)
  process.exit(1)
}

// Keeps the compiled code of the next line's file between runs, where this Node can (22.1).
require('node:module').enableCompileCache?.()

const cli = require('node:path').join(__dirname, '../dist/cli.cjs')
if (require('node:fs').existsSync(cli)) {
  require(cli)
} else {
  process.stderr.write('lbm: not built yet\n  hint: type "npm run build" in its folder\n')
  process.exitCode = 1
}
