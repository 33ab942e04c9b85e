/** Which Node is meant, and what it can. */

import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'

import { LbmError } from '../contract/errors.ts'

/** Versions from which a Node runs TypeScript without a flag, by major. */
const STRIPS_TYPES_FROM: Record<number, number> = { 22: 18, 23: 6 }

export function canStripTypes(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const from = STRIPS_TYPES_FROM[major]
  return major >= 24 || (from !== undefined && minor >= from)
}

/** Such as `20.20.2`. A Node other than this one is asked. @throws LbmError INTERPRETER_NOT_FOUND */
export function versionOfNode(path: string): string {
  if (path === process.execPath) return process.versions.node
  const { stdout, error } = spawnSync(path, ['--version'], { encoding: 'utf8', timeout: 10_000 })
  const version = /^v(\d+\.\d+\.\d+\S*)/.exec(stdout ?? '')?.[1]
  if (version === undefined) {
    throw new LbmError(
      'INTERPRETER_NOT_FOUND',
      `${path} does not say which version of Node it is.`,
      { cause: error },
    )
  }
  return version
}

/** `node@20` is the newest 20 that nvm has installed. @throws LbmError INTERPRETER_NOT_FOUND */
export function findNvmNode(wanted: string, env: NodeJS.ProcessEnv): string {
  const root = join(env['NVM_DIR'] ?? join(env['HOME'] ?? '/', '.nvm'), 'versions/node')
  const installed = readFolders(root)
  const matching = installed
    .filter((folder) => folder === `v${wanted}` || folder.startsWith(`v${wanted}.`))
    .toSorted(compareVersions)
  const newest = matching.at(-1)
  if (newest !== undefined) return join(root, newest, 'bin/node')
  throw new LbmError('INTERPRETER_NOT_FOUND', `nvm has no Node ${wanted} (looked in ${root}).`, {
    hint: `type "nvm install ${wanted}", or give the path of a Node by --interpreter`,
  })
}

function compareVersions(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true })
}

function readFolders(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return [] // no nvm here
  }
}
