/** A deploy folder with an app whose file a test replaces, as a release does. */

import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { FIXTURES } from './dist.ts'
import { RUN_FOLDER } from './temp-home.ts'

export interface ReleaseFolder extends Disposable {
  /** The script that is started. */
  script: string
  /** Puts another fixture in its place. */
  deploy(fixture: string): void
}

export function releaseFolder(fixture: string): ReleaseFolder {
  const folder = mkdtempSync(join(process.env[RUN_FOLDER] ?? tmpdir(), 'release-'))
  cpSync(FIXTURES, folder, { recursive: true })
  const script = join(folder, 'app.cjs')
  const deploy = (name: string): void => cpSync(join(FIXTURES, name), script)
  deploy(fixture)
  return {
    script,
    deploy,
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}
