/**
 * What a pipeline shows beside its log: GitHub's workflow commands.
 * Source: docs.github.com, "Workflow commands for GitHub Actions".
 */

import { relative } from 'node:path'

import { isConfigFileName } from '../../config/config-file-name.ts'
import { isLbmError } from '../../contract/errors.ts'
import type { Io } from '../io.ts'

interface Place {
  file?: string
  line?: string
  col?: string
}

/** @param words of the command line: an ecosystem file among them is the place where no other is told */
export function errorAnnotation(error: unknown, words: readonly string[], cwd: string): string {
  const text = error instanceof Error ? error.message : String(error)
  const hint = isLbmError(error) && error.hint !== undefined ? `\nhint: ${error.hint}` : ''
  const place = placeIn(text, words, cwd)
  const title = `lbm ${words.find((word) => !word.startsWith('-')) ?? ''}`.trim()
  return command('error', { ...place, title }, `${text}${hint}`)
}

export function warningAnnotation(text: string): string {
  return command('warning', { title: 'lbm' }, text)
}

/** Lines between these are folded away in the log. */
export function beginGroup(io: Io, title: string): void {
  io.out(`::group::${escapeData(title)}`)
}

export function endGroup(io: Io): void {
  io.out('::endgroup::')
}

/** `eco.config.js:3:7: SyntaxError`, or `eco.json: apps[0].name: …`. */
function placeIn(text: string, words: readonly string[], cwd: string): Place {
  const [, told, line, col] = /^([^\s:]+):(?:(\d+):(?:(\d+):)?)? /.exec(text) ?? []
  const file = told !== undefined && isConfigFileName(told) ? told : words.find(isConfigFileName)
  if (file === undefined) return {}
  const shown = file.startsWith('/') ? relative(cwd, file) : file
  if (file !== told || line === undefined) return { file: shown }
  return { file: shown, line, ...(col === undefined ? {} : { col }) }
}

function command(name: string, properties: object, data: string): string {
  const list = Object.entries(properties).map(
    ([key, value]) => `${key}=${escapeProperty(String(value))}`,
  )
  return `::${name} ${list.join(',')}::${escapeData(data)}`
}

function escapeData(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C')
}
