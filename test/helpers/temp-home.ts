/** A home of its own for a test, and what stands in it. */

import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { removeMomentaryFolder } from '../../daemon/kernel/momentary-folder.ts'
import { type HomePaths, homePaths } from '../../src/contract/home.ts'

/** Names the folder of this run; set before the tests start. */
export const RUN_FOLDER = 'LBM_TEST_RUN_FOLDER'

export interface TempHome extends Disposable {
  paths: HomePaths
}

/** What supervisors that were killed left in memory. */
function removeMomentary(runDir: string): void {
  if (!existsSync(runDir)) return
  for (const entry of readdirSync(runDir, { withFileTypes: true }))
    if (entry.isSymbolicLink()) removeMomentaryFolder(join(runDir, entry.name))
}

/** Short, since the path of a socket may have 107 bytes. */
export function tempHome(): TempHome {
  const paths = homePaths(mkdtempSync(join(process.env[RUN_FOLDER] ?? tmpdir(), 'h-')))
  return {
    paths,
    [Symbol.dispose]() {
      removeMomentary(paths.runDir)
      rmSync(paths.root, { recursive: true, force: true })
    },
  }
}
