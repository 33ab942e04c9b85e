/** Which shell's variables an app has: those of its start, until `--update-env` takes others. Pure. */

import type { AppSpec, EnvReferences } from '../../contract/app.ts'
import { unreadNames } from '../../contract/env-references.ts'
import { isFiltered } from '../environment.ts'

const SHELL = 'shell'

/**
 * @returns `after` with the variables that `before` has from the shell in place of its own; what a file declared
 * before and does not any more is the shell's of now
 */
export function keepShell(before: AppSpec, after: AppSpec): AppSpec {
  const declared = Object.entries(after.env).filter(([name]) => after.envSources[name] !== SHELL)
  const filter = filterOf(after)
  const kept = [
    ...shellOf(before).filter(([name]) => isOfShell(after, name) && !isFiltered(name, filter)),
    ...shellOf(after).filter(([name]) => isDeclared(before, name)),
  ]
  const references = keptReferences(before, after)
  const names = kept.map(([name]) => name)
  return {
    ...after,
    env: Object.fromEntries([...kept, ...declared]),
    envSources: {
      ...Object.fromEntries(names.map((name) => [name, SHELL])),
      ...Object.fromEntries(declared.map(([name]) => [name, after.envSources[name] ?? 'env'])),
    },
    ...(references === undefined ? {} : { envReferences: references }),
  }
}

/** The shell's that the daemon has not read again since a boot stay references. */
function keptReferences(before: AppSpec, after: AppSpec): EnvReferences | undefined {
  const values = before.envReferences?.values ?? {}
  const kept = unreadNames(before).filter(
    (name) => before.envSources[name] === SHELL && isOfShell(after, name),
  )
  if (kept.length === 0) return after.envReferences
  return {
    files: after.envReferences?.files ?? [],
    values: {
      ...after.envReferences?.values,
      ...Object.fromEntries(Object.entries(values).filter(([name]) => kept.includes(name))),
    },
  }
}

/** Names whose value `--update-env` would change. */
export function shellDifferences(before: AppSpec, after: AppSpec): string[] {
  const filter = filterOf(after)
  const old = Object.fromEntries(shellOf(before).filter(([name]) => !isFiltered(name, filter)))
  const wanted = Object.fromEntries(shellOf(after))
  return [...new Set([...Object.keys(old), ...Object.keys(wanted)])]
    .filter(
      (name) => isOfShell(after, name) && !isDeclared(before, name) && old[name] !== wanted[name],
    )
    .toSorted()
}

function shellOf({ env, envSources }: AppSpec): [string, string][] {
  return Object.entries(env).filter(([name]) => envSources[name] === SHELL)
}

function isDeclared({ env, envSources }: AppSpec, name: string): boolean {
  return env[name] !== undefined && envSources[name] !== SHELL
}

/** What the file declares is not the shell's, whatever the app had before. */
function isOfShell(spec: AppSpec, name: string): boolean {
  return !isDeclared(spec, name)
}

function filterOf({ raw }: AppSpec): boolean | string | string[] {
  // It was checked when the definition was built.
  return (raw['filter_env'] ?? false) as boolean | string | string[]
}
