/** Reads again what the stored definition does not hold: values of files, and of the service manager's environment. */

import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'

import type { AppSpec } from '../../../src/contract/app.ts'
import { unreadNames, withReferenced } from '../../../src/contract/env-references.ts'

/**
 * @param shell what the daemon had from whoever started it
 * @throws Error with a sentence for the user when a value cannot be had
 */
export function withWholeEnvironment(
  spec: AppSpec,
  shell: Readonly<Record<string, string | undefined>>,
): AppSpec {
  const unread = unreadNames(spec)
  if (unread.length === 0) return spec
  const values: Record<string, string> = {}
  for (const file of spec.envReferences?.files ?? []) Object.assign(values, readVariables(file))
  const missing = new Set<string>()
  const whole = withReferenced(spec, values, shell, missing)
  const [name] = missing
  if (name === undefined) return whole
  const files = spec.envReferences?.files ?? []
  const where = files.length === 0 ? '' : `${files.join(', ')} or `
  throw new Error(
    `the variable ${name} is not in ${where}the environment of the daemon; lbm does not store its value`,
  )
}

function readVariables(file: string): NodeJS.Dict<string> {
  try {
    return parseEnv(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new Error(`env_file: ${file} cannot be read: ${(error as Error).message}`, {
      cause: error,
    })
  }
}
