/** The real PM2, for tests that compare; it is no dependency of lbm, so it is fetched where it is wanted. */

import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const VERSION = '7.0.4'
const INSTALL_TIMEOUT_MS = 120_000

export interface RealPm2 {
  /** The folder that a program may `require`. */
  module: string
  bin: string
}

/** Kept in the folder for temporary files, for the next run. @returns why there is none, when there is none */
export async function realPm2(): Promise<RealPm2 | string> {
  const folder = join(tmpdir(), `lbm-test-pm2-${VERSION}`)
  const module = join(folder, 'node_modules/pm2')
  const bin = join(module, 'bin/pm2')
  if (!existsSync(bin)) {
    // Aside and moved in whole: another run may want it at this moment.
    const aside = mkdtempSync(`${folder}-`)
    const args = ['install', '--prefix', aside, '--no-fund', '--no-audit', `pm2@${VERSION}`]
    try {
      await promisify(execFile)('npm', args, { timeout: INSTALL_TIMEOUT_MS })
      if (!existsSync(bin)) renameSync(aside, folder)
    } catch (error) {
      rmSync(aside, { recursive: true, force: true })
      if (existsSync(bin)) return { module, bin }
      return `pm2@${VERSION} cannot be installed: ${(error as Error).message.split('\n').at(-1)}`
    }
  }
  return { module, bin }
}
