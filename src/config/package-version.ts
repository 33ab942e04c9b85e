import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** `version` of the nearest package.json from `folder` upwards, or PM2's `N/A`. */
export function packageVersion(folder: string): string {
  for (let at = folder; ; at = dirname(at)) {
    const version = versionIn(join(at, 'package.json'))
    if (version !== undefined) return version
    if (at === dirname(at)) return 'N/A'
  }
}

/** @returns undefined where there is no such file; N/A where it has no version */
function versionIn(file: string): string | undefined {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    return undefined // the usual case on the way up
  }
  try {
    const { version } = JSON.parse(text) as { version?: unknown }
    return typeof version === 'string' ? version : 'N/A'
  } catch {
    return 'N/A' // a broken package.json is npm's business, not a reason to refuse the start
  }
}
