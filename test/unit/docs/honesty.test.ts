import { expect, test } from 'vitest'

import { readPage } from '../../helpers/doc-pages.ts'
import { quietProgram } from './render-commands.ts'

const commands = quietProgram().commands.flatMap((command) => [
  command.name(),
  ...command.aliases(),
])

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
