/** Definitions as the text of an ecosystem file. */

import { stringify } from 'yaml'

const INDENT = '  '
const PLAIN_KEY = /^[A-Za-z_$][\w$]*$/

/** @param file tells the language by its name: JavaScript, JSON or YAML */
export function configText(apps: readonly Record<string, unknown>[], file: string): string {
  if (/\.json5?$/i.test(file)) return `${JSON.stringify({ apps }, null, 2)}\n`
  if (/\.ya?ml$/i.test(file)) return stringify({ apps })
  const isModule = /\.m[jt]s$/i.test(file)
  return `${isModule ? 'export default' : 'module.exports ='} ${literal({ apps }, '')}\n`
}

function literal(value: unknown, indent: string): string {
  if (typeof value === 'string') return quoted(value)
  if (typeof value !== 'object' || value === null) return String(value)
  const inner = indent + INDENT
  const items = Array.isArray(value)
    ? value.map((item) => literal(item, inner))
    : Object.entries(value).map(([key, item]) => `${keyText(key)}: ${literal(item, inner)}`)
  const [open, close] = Array.isArray(value) ? ['[', ']'] : ['{', '}']
  if (items.length === 0) return `${open}${close}`
  const line = items.join(', ')
  const isShort = Array.isArray(value) && !line.includes('\n') && line.length < 60
  if (isShort) return `${open}${line}${close}`
  return `${open}\n${items.map((item) => `${inner}${item},\n`).join('')}${indent}${close}`
}

function keyText(key: string): string {
  return PLAIN_KEY.test(key) ? key : quoted(key)
}

/** In single quotes, with JSON's escapes. */
function quoted(text: string): string {
  const inside = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")
  return `'${inside.replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029')}'`
}
