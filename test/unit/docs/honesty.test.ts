import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { readPage, ROOT } from '../../helpers/doc-pages.ts'
import { quietProgram } from './render-commands.ts'

const commands = quietProgram().commands.flatMap((command) => [
  command.name(),
  ...command.aliases(),
])

/** Words that daemon and supervisors would have to say to act on a key. */
const WORD_OF_KEY: Record<string, string> = {
  spare: 'spare',
  leader: 'leader',
  on_crash: 'onCrash',
}

function sourcesIn(folder: string): string {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readFileSync(join(ROOT, folder, name), 'utf8'))
    .join('\n')
}

test('README: what is said not to be there yet is not there', () => {
  const [, status = ''] = readPage('README.md').split('\n## Status\n')
  const missing = [...status.matchAll(/`lbm (\w+)`/g)].map(([, command]) => command)
  expect(missing.filter((command) => commands.includes(command ?? ''))).toEqual([])
})

test('migrating-from-pm2.md: what is said not to be there yet is not there', () => {
  const [, list = ''] = readPage('docs/migrating-from-pm2.md').split('- Not there yet:')
  const [sentence = ''] = list.split('. ')
  const missing = [...sentence.matchAll(/`([\w-]+)`/g)].map(([, command]) => command)
  expect(missing.filter((command) => commands.includes(command ?? ''))).toEqual([])
})

test('ecosystem-file.md: keys that are said to have no effect yet have none', () => {
  const [, section = ''] = readPage('docs/ecosystem-file.md').split('## Without effect yet')
  const [sentence = ''] = section.split('\n## ')
  const source = sourcesIn('daemon/supervisor') + sourcesIn('daemon/control')
  const told = Object.keys(WORD_OF_KEY).filter((key) => sentence.includes(`\`${key}\``))
  const effective = told.filter((key) => new RegExp(`\\b${WORD_OF_KEY[key]}\\b`).test(source))
  expect(effective).toEqual([])
})
