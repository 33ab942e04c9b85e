#!/usr/bin/env node
'use strict'

const { existsSync } = require('node:fs')
const { join } = require('node:path')

const SHELL = '/bin/sh'

// lbm-runtime.sh starts this and is PID 1 of a container itself, since Node waits for no process but those it has spawned.
// A Node that was made PID 1 by hand makes way for it, if it is one that can (22.15, 23.11).
if (process.pid === 1) {
  if (process.execve && existsSync(SHELL)) {
    const script = join(__dirname, 'lbm-runtime.sh')
    process.execve(SHELL, [SHELL, script, ...process.argv.slice(2)])
  }
  process.stderr.write(
    'lbm-runtime: Node is PID 1 and waits for no orphans; start "lbm-runtime", not "node …/lbm-runtime.js"\n',
  )
}
process.argv.splice(2, 0, 'runtime')
// oxlint-disable-next-line import/no-unassigned-import -- it is what there is to run
require('./lbm.js')
