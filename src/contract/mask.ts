/** Hides values of environment variables whose names say that they are secret. */

const SECRET_NAME =
  /(?:PASS(?:WORD|WD|PHRASE)?|SECRET|TOKEN|CREDENTIALS?|PRIVATE|API_?KEY|ACCESS_?KEY|_KEY|^KEY|DSN)(?:$|_)|AUTH$/i
/** `https://user:password@host` in a value of any name. */
const URL_PASSWORD = /^([a-z][a-z0-9+.-]*:\/\/[^/?#:@]*):[^@/?#]+@/i

export const MASK = '********'

export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name)
}

export function maskValue(name: string, value: string): string {
  if (value !== '' && isSecretName(name)) return MASK
  return value.replace(URL_PASSWORD, `$1:${MASK}@`)
}

export function maskEnv(env: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).map(([name, value]) => [name, maskValue(name, value)]),
  )
}
