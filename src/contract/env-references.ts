/** Values of an environment that need not be stored, since they can be read again where they came from. Pure. */

import type { AppSpec } from './app.ts'

/** `${NAME}`, `${NAME:-default}`, and `$${` for a dollar that stays. */
const REFERENCE = /\$(\$\{)|\$\{([A-Za-z_]\w*)(?::-([^}]*))?\}/g

/** @param find undefined: there is no such variable @param missing takes the names that nobody has */
export function expandReferences(
  template: string,
  find: (name: string) => string | undefined,
  missing: Set<string>,
): string {
  return template.replace(
    REFERENCE,
    (_whole, escaped: string | undefined, name: string, fallback?: string) => {
      if (escaped !== undefined) return '${'
      const found = find(name)
      if (found === undefined && fallback === undefined) missing.add(name)
      return found === undefined || (found === '' && fallback !== undefined)
        ? (fallback ?? '')
        : found
    },
  )
}

/** The names that the environment should have and has not: they were not stored. */
export function unreadNames({ env, envReferences }: AppSpec): string[] {
  return Object.keys(envReferences?.values ?? {}).filter((name) => env[name] === undefined)
}

/**
 * The definition without the values that come back from where they came from.
 * @param lasting variables of the shell that will be there at the next boot, too
 */
export function withoutReferenced(
  spec: AppSpec,
  lasting: Readonly<Record<string, string | undefined>>,
): AppSpec {
  const values = Object.entries(spec.envReferences?.values ?? {})
  const gone = values.filter(([, { shell }]) =>
    shell.every((name) => lasting[name] !== undefined && lasting[name] === spec.env[name]),
  )
  return gone.length === 0
    ? spec
    : withoutValues(
        spec,
        gone.map(([name]) => name),
      )
}

export function withoutValues(spec: AppSpec, names: readonly string[]): AppSpec {
  const env = Object.entries(spec.env).filter(([name]) => !names.includes(name))
  return { ...spec, env: Object.fromEntries(env) }
}

/**
 * The definition with its whole environment.
 * @param fileValues what the files say now @param missing takes the names that nobody has
 */
export function withReferenced(
  spec: AppSpec,
  fileValues: Readonly<Record<string, string>>,
  shell: Readonly<Record<string, string | undefined>>,
  missing: Set<string>,
): AppSpec {
  const templates = spec.envReferences?.values ?? {}
  const valueOf = (name: string, open: ReadonlySet<string>): string | undefined => {
    const template = open.has(name) ? undefined : templates[name]?.template
    if (template !== undefined && spec.env[name] === undefined) {
      const within = new Set(open).add(name)
      return expandReferences(template, (other) => valueOf(other, within), missing)
    }
    return (open.has(name) ? undefined : spec.env[name]) ?? fileValues[name] ?? shell[name]
  }
  const read = unreadNames(spec).map((name) => [name, valueOf(name, new Set()) ?? ''])
  return { ...spec, env: { ...spec.env, ...Object.fromEntries(read) } as Record<string, string> }
}
