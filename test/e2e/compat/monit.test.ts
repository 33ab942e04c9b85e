import { spawn } from 'node:child_process'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { findInPath } from '../../../src/config/programs.ts'
import { newCli } from '../../helpers/cli.ts'
import { DIST, FIXTURES } from '../../helpers/dist.ts'
import { until } from '../../helpers/until.ts'

const BIN = join(DIST, '../bin/lbm.js')

/** What util-linux' `script` shows of a command on a terminal of its own. */
function onTerminal(
  script: string,
  command: string,
  home: string,
): { type(text: string): void; shown(): string; exitCode: Promise<number | null> } {
  const child = spawn(script, ['-qec', `stty cols 100 rows 20; ${command}`, '/dev/null'], {
    env: { ...process.env, LBM_HOME: home, TERM: 'xterm', NO_COLOR: '1' },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  return {
    type: (keys) => child.stdin.write(keys),
    shown: () => text.slice(text.lastIndexOf('\u001b[H')),
    exitCode: new Promise((resolve) => child.on('close', resolve)),
  }
}

test('on a terminal: the list, the log of the selected one as it grows, keys, and q leaves the terminal as it was', async ({
  skip,
}) => {
  const script = findInPath('script', process.env['PATH'], '/')
  if (script === undefined) skip('there is no program "script" (util-linux)')
  await using cli = newCli({ cwd: FIXTURES })
  await cli.ok('start', 'job.cjs', '--name', 'first', '--no-autorestart', '--no-wait')
  await cli.ok('start', 'facts.cjs', '--name', 'second', '--shutdown-with-message')

  const monit = onTerminal(script ?? '', `${process.execPath} ${BIN} monit`, cli.home.root)
  await until(
    () => (/▸ +0 first/.test(monit.shown()) && monit.shown().includes(' second ')) || undefined,
  )
  monit.type('\u001b[B')
  await until(
    () => /▸ +1 second[\s\S]*── second \(1\)[\s\S]*to stderr/.test(monit.shown()) || undefined,
  )
  await cli.ok('stop', 'second', '--json')
  await until(() => /second +stopped[\s\S]*message "shutdown"/.test(monit.shown()) || undefined)
  await cli.ok('kill')
  await until(() => monit.shown().includes('The daemon is not running.') || undefined)
  monit.type('q')
  expect(await monit.exitCode).toBe(0)
  expect(monit.shown()).toContain('\u001b[?25h\u001b[?1049l')
})

test('without a terminal: wrong usage, and what to type in its place', async () => {
  await using cli = newCli()
  const refused = await cli.lbm('monit')
  expect(refused.exitCode).toBe(2)
  expect(refused.stderr).toMatch(/draws on a terminal[\s\S]*lbm list/)
})
