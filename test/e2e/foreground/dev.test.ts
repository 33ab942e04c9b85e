import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { DIST } from '../../helpers/dist.ts'
import { liveProgram } from '../../helpers/live-program.ts'
import { RUN_FOLDER } from '../../helpers/temp-home.ts'

test('lbm dev: a change starts the app again, a crash waits for the next change, Ctrl-C ends all', async () => {
  const folder = mkdtempSync(join(process.env[RUN_FOLDER] ?? tmpdir(), 'dev-'))
  const script = join(folder, 'app.cjs')
  const write = (text: string): void => writeFileSync(script, text)
  write("console.log('one'); setInterval(() => undefined, 1000)")
  try {
    await using program = liveProgram(
      process.execPath,
      [join(DIST, '../bin/lbm.js'), 'dev', 'start', script, '--post-exec', "echo 'after it'"],
      { cwd: folder, env: { LBM_HOME: undefined, TMPDIR: join(folder, '..') } },
    )
    await program.saw(/^0\|app \| one$/m)
    write(
      "console.log('two', process.execArgv.includes('--enable-source-maps')); throw new Error('boom')",
    )
    await program.saw(/^0\|app \| two true$/m)
    await program.saw(/^after it$/m)
    await program.saw(/ended: exit code 1 .*boom/)
    write("console.log('three'); setInterval(() => undefined, 1000)")
    await program.saw(/^0\|app \| three$/m)
    program.child.kill('SIGINT')
    await program.ended
    expect(program.processes()).toEqual([])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
