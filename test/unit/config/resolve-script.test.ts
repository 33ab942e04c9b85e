import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, describe, expect, it, test } from 'vitest'

import { canStripTypes } from '../../../src/config/node-version.ts'
import {
  type ResolvedScript,
  resolveScript,
  type ScriptRequest,
} from '../../../src/config/resolve-script.ts'
import { codeOf } from './code-of.ts'

const folder = mkdtempSync(join(tmpdir(), 'lbm-script-'))
afterAll(() => rmSync(folder, { recursive: true }))

const bin = join(folder, 'bin')
mkdirSync(bin)
const file = (name: string, text: string, mode = 0o644): string => {
  const path = join(folder, name)
  writeFileSync(path, text)
  chmodSync(path, mode)
  return path
}
const program = (name: string): string => file(`bin/${name}`, '#!/bin/sh\nexit 0\n', 0o755)
for (const name of ['bash', 'python3', 'python', 'ruby', 'perl', 'php', 'bun']) program(name)

const resolve = (script: string, more: Partial<ScriptRequest> = {}): ResolvedScript =>
  resolveScript({ script, cwd: folder, interpreterArgs: [], env: { PATH: bin }, ...more })

const NODE = {
  interpreter: process.execPath,
  interpreterName: 'node',
  runtime: 'node',
  nodeVersion: process.versions.node,
}
const ITSELF = { interpreterName: 'none', runtime: 'other' }

describe('by extension', () => {
  test.each(['a.js', 'a.cjs', 'a.mjs'])('%s runs by this Node', (name) => {
    const script = file(name, '')
    expect(resolve(name)).toEqual({ script, interpreterArgs: [], ...NODE })
    expect(resolve(`./${name}`).script).toBe(script)
    expect(resolve(script).script).toBe(script)
  })

  test.each([
    ['a.py', 'python3'],
    ['a.sh', 'bash'],
    ['a.rb', 'ruby'],
    ['a.pl', 'perl'],
    ['a.php', 'php'],
  ])('%s runs by %s from PATH', (name, interpreter) => {
    file(name, 'x')
    expect(resolve(name)).toMatchObject({
      interpreter: join(bin, interpreter),
      interpreterName: interpreter,
      runtime: 'other',
    })
  })

  it('python stands in for a missing python3', () => {
    const other = join(folder, 'old')
    mkdirSync(other)
    symlinkSync(join(bin, 'python'), join(other, 'python'))
    expect(resolve('a.py', { env: { PATH: other } })).toMatchObject({ interpreterName: 'python' })
  })

  it('a missing interpreter is an error that says where it was looked for', () => {
    expect(codeOf(() => resolve('a.rb', { env: { PATH: '/nowhere' } }))).toMatchObject({
      code: 'INTERPRETER_NOT_FOUND',
      message: expect.stringContaining('ruby, which should run') as string,
    })
  })
})

describe('TypeScript', () => {
  test.each([
    ['20.20.2', false],
    ['22.17.1', false],
    ['22.18.0', true],
    ['23.5.0', false],
    ['23.6.0', true],
    ['24.0.0', true],
    ['26.1.0', true],
  ])('Node %s strips types: %s', (version, expected) => {
    expect(canStripTypes(version)).toBe(expected)
  })

  it('a Node that cannot is refused by a sentence that names one that can', () => {
    file('a.ts', 'const a: number = 1')
    if (canStripTypes(process.versions.node)) {
      expect(resolve('a.ts')).toMatchObject(NODE)
    } else {
      expect(codeOf(() => resolve('a.ts')).message).toContain('from Node 22.18 and 23.6 on')
    }
  })

  it('any Node will do with a loader of the user, or another program', () => {
    expect(resolve('a.ts', { interpreterArgs: ['--import', 'tsx'] })).toMatchObject(NODE)
    expect(resolve('a.ts', { interpreter: 'bun' })).toMatchObject({
      interpreter: join(bin, 'bun'),
      runtime: 'other',
    })
  })
})

describe('by content', () => {
  it('a shebang with the exec bit runs as it is', () => {
    const script = file('tool', '#!/bin/sh\necho x\n', 0o755)
    expect(resolve('tool')).toEqual({ script, interpreterArgs: [], ...ITSELF })
  })

  it('a .sh file with a shebang and the exec bit keeps its own shell', () => {
    file('x.sh', '#!/bin/dash\n', 0o755)
    expect(resolve('x.sh')).toMatchObject(ITSELF)
  })

  it('a shebang without the exec bit runs by the program it names', () => {
    file('script', '#!/usr/bin/env python3\n')
    expect(resolve('script')).toMatchObject({ interpreter: join(bin, 'python3') })
  })

  test.each([
    '#!/usr/bin/env node\n',
    '#!/usr/local/bin/node\n',
    '#!/usr/bin/env -S node --no-warnings\n',
  ])('%j is a Node program', (text) => {
    file('cli', text, 0o755)
    expect(resolve('cli')).toMatchObject({
      ...NODE,
      interpreterArgs: text.includes('-S') ? ['--no-warnings'] : [],
    })
  })

  it('a binary with the exec bit runs as it is', () => {
    file('binary', '\u007fELF\0\0', 0o755)
    expect(resolve('binary')).toMatchObject(ITSELF)
  })

  it('a binary without it is refused', () => {
    file('binary2', '\u007fELF\0\0')
    expect(codeOf(() => resolve('binary2'))).toMatchObject({
      code: 'SCRIPT_NOT_FOUND',
      hint: expect.stringContaining('chmod +x') as string,
    })
  })

  it('text without an extension is taken for JavaScript', () => {
    file('server', 'console.log(1)')
    expect(resolve('server')).toMatchObject(NODE)
  })

  it('text of another extension needs an interpreter', () => {
    file('notes.txt', 'hello')
    expect(codeOf(() => resolve('notes.txt')).message).toContain(
      'Nothing says which program runs a .txt file',
    )
    expect(resolve('notes.txt', { interpreter: 'perl' })).toMatchObject({ interpreterName: 'perl' })
    expect(resolve('notes.txt', { interpreter: 'none' })).toMatchObject(ITSELF)
  })
})

describe('from PATH, and through the shell', () => {
  it('a word that is no file is looked up in PATH', () => {
    expect(resolve('ruby')).toMatchObject({ script: join(bin, 'ruby'), ...ITSELF })
  })

  it('a file in the folder wins over one in PATH', () => {
    const script = file('perl', 'x')
    expect(resolve('perl').script).toBe(script)
    rmSync(script)
  })

  it('a command line runs by the shell', () => {
    expect(resolve('npm run serve')).toMatchObject({
      script: join(bin, 'bash'),
      command: 'npm run serve',
      ...ITSELF,
    })
  })

  it('a file with a space in its name is a file', () => {
    const script = file('my app.js', '')
    expect(resolve('my app.js')).toMatchObject({ script, ...NODE })
  })
})

describe('what is wrong', () => {
  it.each([
    ['nothere.js', 'SCRIPT_NOT_FOUND', 'There is no script'],
    ['no/such/app.js', 'SCRIPT_NOT_FOUND', 'There is no script'],
    ['a.js/x', 'SCRIPT_NOT_FOUND', 'There is no script'],
    ['bin', 'SCRIPT_NOT_FOUND', 'is a folder'],
  ])('%s: %s', (script, code, message) => {
    expect(codeOf(() => resolve(script))).toMatchObject({
      code,
      message: expect.stringContaining(message) as string,
    })
  })

  it('a near name is offered', () => {
    file('worker.js', '')
    expect(codeOf(() => resolve('worker')).hint).toBe('did you mean worker.js?')
    expect(codeOf(() => resolve('wroker.js')).hint).toBe('did you mean worker.js?')
  })

  it('a folder offers the script inside', () => {
    mkdirSync(join(folder, 'web'))
    file('web/index.js', '')
    expect(codeOf(() => resolve('web')).hint).toContain('web/index.js')
  })

  it('a working directory that is not there', () => {
    expect(codeOf(() => resolve('a.js', { cwd: join(folder, 'gone') }))).toMatchObject({
      code: 'CWD_UNREADABLE',
    })
    expect(codeOf(() => resolve('a.js', { cwd: join(folder, 'a.js') })).message).toContain(
      'is not a folder',
    )
  })

  it('an interpreter that is not there', () => {
    expect(codeOf(() => resolve('a.js', { interpreter: 'nosuch' })).code).toBe(
      'INTERPRETER_NOT_FOUND',
    )
  })

  it('a Node version that nvm does not have', () => {
    expect(
      codeOf(() => resolve('a.js', { interpreter: 'node@18', env: { NVM_DIR: folder } })).message,
    ).toContain('nvm has no Node 18')
  })
})

describe('another Node', () => {
  it('is asked for its version and gets the agent', () => {
    const other = join(bin, 'node')
    symlinkSync(process.execPath, other)
    expect(resolve('a.js', { interpreter: './bin/node' })).toMatchObject({
      interpreter: other,
      interpreterName: './bin/node',
      runtime: 'node',
      nodeVersion: process.versions.node,
    })
  })

  it('node@<version> is the newest of nvm', () => {
    for (const version of ['v22.9.0', 'v22.10.1', 'v2.0.0']) {
      mkdirSync(join(folder, 'versions/node', version, 'bin'), { recursive: true })
      symlinkSync(process.execPath, join(folder, 'versions/node', version, 'bin/node'))
    }
    expect(
      resolve('a.js', { interpreter: 'node@22', env: { NVM_DIR: folder } }).interpreter,
    ).toContain('v22.10.1')
  })
})
