/** What stands in the way of an apply: the message says what to do, and the old file is in its place. */

import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'

import { describe, expect, test } from 'vitest'

import { systemClock } from '../../../daemon/kernel/clock.ts'
import { applyConfiguration } from '../../../daemon/proxies/apply.ts'
import { haproxyProgram } from '../../../daemon/proxies/haproxy-program.ts'
import { nginxProgram } from '../../../daemon/proxies/nginx-program.ts'
import type { ProxyProgram } from '../../../daemon/proxies/port.ts'
import { signText } from '../../../daemon/proxies/signed-text.ts'
import type { LbmError } from '../../../src/contract/errors.ts'
import { type ProxyFolder, proxyFolder } from '../../helpers/running-proxy.ts'

const OLD = signText('old\n', ['api'])
const NEW = signText('new\n', ['api'])

/** A program that says this and exits so, whatever it is asked. */
function saying(folder: ProxyFolder, text: string, exitCode: number): string {
  const path = folder.file('program')
  writeFileSync(path, `#!/bin/sh\ncat <<'END' >&2\n${text}\nEND\nexit ${exitCode}\n`)
  chmodSync(path, 0o755)
  return path
}

async function failureOf(folder: ProxyFolder, program: ProxyProgram): Promise<LbmError> {
  const path = folder.file('lbm.conf')
  writeFileSync(path, OLD)
  const options = { program, clock: systemClock(), force: false }
  const error: unknown = await applyConfiguration(
    { path, text: NEW, generation: 'g' },
    options,
  ).catch((thrown: unknown) => thrown)
  expect(readFileSync(path, 'utf8')).toBe(OLD)
  return error as LbmError
}

const nginx = (program: string): ProxyProgram =>
  nginxProgram({
    place: { program },
    control: '127.0.0.1:1',
    controlName: 'lbm',
    path: undefined,
  })

describe('an ordinary user', () => {
  test('nginx does not let it judge: what to do as root', async () => {
    using folder = proxyFolder()
    const program = saying(
      folder,
      'open() "/run/nginx.pid" failed (13: Permission denied)\nnginx: test failed',
      1,
    )
    const { message, hint } = await failureOf(folder, nginx(program))
    expect(message).toMatch(/Permission denied.*is what it was before/s)
    expect(hint).toMatch(/ordinary user.*sudo tee .*lbm\.conf; sudo nginx -s reload/)
  })

  test('HAProxy’s process is somebody else’s: what to do as root', async () => {
    using folder = proxyFolder()
    const pidFile = folder.file('pid')
    writeFileSync(pidFile, '4711\n')
    const program = haproxyProgram({
      place: { program: saying(folder, 'valid', 0), pidFile },
      socket: folder.file('admin.sock'),
      path: undefined,
      signal() {
        throw Object.assign(new Error('kill EPERM'), { code: 'EPERM' })
      },
    })
    const { message, hint } = await failureOf(folder, program)
    expect(message).toMatch(/kill EPERM.*is what it was before/s)
    expect(hint).toMatch(/ordinary user.*sudo systemctl reload haproxy/)
  })
})

test('HAProxy lost the file of its socket: nothing can be confirmed, and that is said', async () => {
  using folder = proxyFolder()
  const master = folder.file('master.sock')
  let failed = 0
  const server = createServer((socket) => {
    socket.on('data', (line) => {
      if (line.toString().startsWith('reload')) failed += 1
      socket.end(`#<PID>  <type> <reloads>\n1 master 1 [failed: ${failed}]\n\n`)
    })
  })
  await new Promise<void>((resolve) => server.listen(master, resolve))
  const program = haproxyProgram({
    place: { program: saying(folder, 'valid', 0), master },
    socket: folder.file('admin.sock'),
    path: undefined,
    signal: () => expect.unreachable(),
  })
  const { message } = await failureOf(folder, program)
  await new Promise((resolve) => server.close(resolve))
  expect(existsSync(folder.file('admin.sock'))).toBe(false)
  expect(message).toMatch(/there is no .*admin\.sock.*restart HAProxy/)
})

test('nginx has its log in a line with other words: its complaint is found there', async () => {
  using folder = proxyFolder()
  const log = folder.file('error.log')
  const path = folder.file('program')
  const at = '$(date "+%Y/%m/%d %H:%M:%S")'
  writeFileSync(
    path,
    `#!/bin/sh
case "$1" in
  -T) echo '# configuration file ${folder.path}/nginx.conf:'; echo 'pid /x; error_log ${log}; events {}'; echo '# configuration file ${folder.path}/lbm.conf:' ;;
  -s) echo "${at} [emerg] 1#1: bind() to 127.0.0.1:80 failed (98: Address already in use)" > ${log}; echo "${at} [emerg] 1#1: still could not bind()" >> ${log} ;;
esac
`,
  )
  chmodSync(path, 0o755)
  const { message } = await failureOf(folder, nginx(path))
  expect(message).toMatch(/did not take.*bind\(\) to 127\.0\.0\.1:80 failed/)
})
