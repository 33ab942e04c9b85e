/** What `lbm set` keeps: texts by name, `module:key` for PM2's nested ones. */

export type Settings = Record<string, string>

/** @returns undefined for what is no JSON object of texts */
export function readSettings(text: string): Settings | undefined {
  try {
    const value: unknown = JSON.parse(text)
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    if (!isObject || !Object.values(value).every((one) => typeof one === 'string')) return undefined
    return value as Settings
  } catch {
    return undefined
  }
}
