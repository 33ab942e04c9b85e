/** A command that starts an app in a home without a daemon: the supervisor boots beside it. */

import { beginHeadStart, type HeadStart } from '../client/head-start.ts'
import { type Cli, homeOf } from './cli.ts'

export async function withHeadStart(cli: Cli, run: (cli: Cli) => Promise<number>): Promise<number> {
  const headStart = tryHeadStart(cli)
  if (headStart === undefined) return await run(cli)
  try {
    return await run({ ...cli, headStart })
  } finally {
    await headStart.release()
  }
}

/** Where the home cannot be used, the request for which it is needed says so. */
function tryHeadStart(cli: Cli): HeadStart | undefined {
  try {
    return beginHeadStart(homeOf(cli), cli.io.env)
  } catch {
    return undefined
  }
}
