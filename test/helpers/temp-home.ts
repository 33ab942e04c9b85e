/** A home of its own for a test, and what stands in it. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { type HomePaths, homePaths } from '../../src/contract/home.ts'

/** Names the folder of this run; set before the tests start. */
export const RUN_FOLDER = 'LBM_TEST_RUN_FOLDER'

export interface TempHome extends Disposable {
  paths: HomePaths
}

/** Short, since the path of a socket may have 107 bytes. */
export function tempHome(): TempHome {
  const paths = homePaths(mkdtempSync(join(process.env[RUN_FOLDER] ?? tmpdir(), 'h-')))
  return {
    paths,
    [Symbol.dispose]: () => rmSync(paths.root, { recursive: true, force: true }),
  }
}
