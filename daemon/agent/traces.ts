/** Leaves nothing that the app's own children would inherit. */

import { AGENT_ENV } from '../../src/contract/agent.ts'

export function hideFromChildren(): void {
  delete process.env[AGENT_ENV]
  const { execArgv } = process
  const at = execArgv.findIndex(
    (word, n) => (word === '--require' || word === '-r') && isThisFile(execArgv[n + 1]),
  )
  if (at >= 0) execArgv.splice(at, 2)
}

function isThisFile(path: string | undefined): boolean {
  if (path === undefined) return false
  try {
    return require.resolve(path) === __filename
  } catch {
    return false // a package's name, which only resolves from the working directory
  }
}
