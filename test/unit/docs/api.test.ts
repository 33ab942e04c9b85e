import { expect, test } from 'vitest'

import { createClient } from '../../../src/client/client.ts'
import { readPage } from '../../helpers/doc-pages.ts'

test('docs/api.md has every method of a client', () => {
  const page = readPage('docs/api.md')
  const methods = Object.keys(createClient())
  expect(methods.filter((method) => !page.includes(`\`${method}(`))).toEqual([])
})
