/** Looking for programs as the shell does, and looking into files as the kernel does. */

import { accessSync, closeSync, constants, openSync, readSync, statSync } from 'node:fs'
import { delimiter, isAbsolute, join, resolve } from 'node:path'

export function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return isFile(path)
  } catch {
    return false // not there, or not to be run: the same to who looks for a program
  }
}

/** @returns absolute path of the first program of that name in PATH */
export function findInPath(
  name: string,
  pathVariable: string | undefined,
  cwd: string,
): string | undefined {
  if (name.includes('/')) return undefined
  return (pathVariable ?? '')
    .split(delimiter)
    .map((folder) => resolve(cwd, folder === '' ? '.' : folder, name))
    .find(isExecutable)
}

/** `python3`, `./node_modules/.bin/tsx` or an absolute path. */
export function findProgram(
  name: string,
  pathVariable: string | undefined,
  cwd: string,
): string | undefined {
  if (!name.includes('/')) return findInPath(name, pathVariable, cwd)
  const path = isAbsolute(name) ? name : join(cwd, name)
  return isExecutable(path) ? path : undefined
}

export type FileKind =
  | { kind: 'binary' }
  | { kind: 'shebang'; interpreter: string; args: string[] }
  | { kind: 'text' }

const HEAD_BYTES = 512

/** @throws the errno of a file that cannot be read */
export function fileKind(path: string): FileKind {
  const head = Buffer.alloc(HEAD_BYTES)
  const fd = openSync(path, 'r')
  let bytes: number
  try {
    bytes = readSync(fd, head, 0, HEAD_BYTES, 0)
  } finally {
    closeSync(fd)
  }
  const start = head.subarray(0, bytes)
  if (start.subarray(0, 2).toString('latin1') === '#!') return shebangOf(start.toString('utf8'))
  return start.includes(0) ? { kind: 'binary' } : { kind: 'text' }
}

/** `#!/usr/bin/env -S node --flag` and `#!/usr/bin/node --flag` both name node. */
function shebangOf(text: string): FileKind {
  const [line = ''] = text.slice(2).split('\n', 1)
  const words = line.trim().split(/\s+/)
  const [program = ''] = words
  if (!/(^|\/)env$/.test(program))
    return { kind: 'shebang', interpreter: program, args: words.slice(1) }
  const rest = words.slice(1).filter((word) => word !== '-S' && !/^[A-Za-z_]\w*=/.test(word))
  return { kind: 'shebang', interpreter: rest[0] ?? '', args: rest.slice(1) }
}
